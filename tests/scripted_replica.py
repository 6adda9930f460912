"""A replica that follows the registry as a generating one does, without a model."""

import threading
import time
from typing import Any, Self, TypeAlias

import ray
from ray.exceptions import RayError

from cluster.domain.learning.adapter import AdapterSwitch, NewsPosition

Handle: TypeAlias = Any

POLL_S = 1.0


class ScriptedReplica:
    """Joins, listens, and answers each staging: that it has staged it, or with `problem`.

    With `answers` false it listens but stages nothing.
    """

    def __init__(
        self,
        id: str,
        actor: Handle,
        *,
        problem: str | None = None,
        answers: bool = True,
    ) -> None:
        self.id, self.actor, self.problem, self.answers = id, actor, problem, answers
        self.heard: list[AdapterSwitch] = []
        self.heard_at: dict[int, float] = {}
        self.staged_at = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._position: NewsPosition = ray.get(self.actor.join.remote(self.id))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def await_kind(self, kind: str, version: int | None = None, timeout_s: float = 60.0) -> None:
        """Until a switch of this kind (and to this version) was the last that was heard."""
        deadline = time.monotonic() + timeout_s
        while not self._heard_last(kind, version):
            assert time.monotonic() < deadline, [one.kind for one in self.heard]
            time.sleep(0.01)

    def _heard_last(self, kind: str, version: int | None) -> bool:
        last = self.heard[-1] if self.heard else None
        return bool(last and last.kind == kind and version in (None, last.version))

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except RayError:  # the registry is being replaced
                time.sleep(0.1)

    def _listen(self) -> None:
        news = ray.get(self.actor.wait_newer.remote(self._position, POLL_S, self.id))
        self._position = news.position
        for switch in news.switches:
            self.heard.append(switch)
            self.heard_at[switch.id] = time.time()
            if switch.kind == "staging" and self.answers:
                self.staged_at = time.time()
                done = self.problem is None
                ray.get(self.actor.staged.remote(self.id, switch.adapter_id, done, self.problem))
