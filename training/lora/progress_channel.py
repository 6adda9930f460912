"""The board of a run: where the first worker leaves its progress, and reads whether to go on."""

from typing import Any

import ray

from cluster.domain.learning.training import Progress


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


def post() -> Any:  # noqa: ANN401 - Ray's handles are untyped
    """A handle of a new board in the cluster, which is gone with whoever posted it."""
    return ray.remote(num_cpus=0)(ProgressChannel).remote()
