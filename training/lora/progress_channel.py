"""Progress channel of a run: the first worker tells how far it is, and hears whether to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import ray
from ray.actor import ActorHandle

from cluster.domain.learning.training import Progress
from cluster.rpc import blocking


class ProgressChannel:
    """News in the order in which they came."""

    def __init__(self) -> None:
        self._news: list[Progress] = []
        self._stopped = False

    def tell(self, news: Progress) -> bool:
        """Add news; False when the run is to stop."""
        self._news.append(news)
        return not self._stopped

    def take(self) -> list[Progress]:
        """The news since the last call."""
        news, self._news = self._news, []
        return news

    def stop(self) -> None:
        self._stopped = True


@contextmanager
def open_channel() -> Iterator[ProgressChannel]:
    """A channel in a process of its own, for as long as the block lasts; it may be sent around."""
    actor = ray.remote(num_cpus=0)(ProgressChannel).remote()
    try:
        yield blocking(actor)
    finally:
        ray.kill(cast("ActorHandle[ProgressChannel]", actor))
