"""Which replicas are alive, and which of them have staged an adapter. Knows nothing of promotions.

Kept in memory alone: replicas call again and again, so that a new one knows them all in a moment.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.domain.learning.adapter import AdapterId


class ReplicaTracker:
    """Thread-safe. A replica that is silent for longer than it said, and `lapse_s`, is dead."""

    def __init__(self, lapse_s: float) -> None:
        self._lapse_s = lapse_s
        self._changed = threading.Condition()
        self._alive_until: dict[str, float] = {}
        self._ballots: list[Ballot] = []

    def heard(self, replica_id: str, silent_for_s: float = 0.0) -> None:
        """A replica called, and may now be silent for `silent_for_s`."""
        with self._changed:
            self._alive_until[replica_id] = time.monotonic() + silent_for_s + self._lapse_s
            self._changed.notify_all()

    def answer(self, replica_id: str, adapter_id: AdapterId, problem: str | None) -> None:
        """A replica has staged an adapter (`problem` null), or could not."""
        with self._changed:
            for ballot in self._ballots:
                if ballot.adapter_id == adapter_id:
                    ballot.answers[replica_id] = problem
            self._changed.notify_all()

    def alive(self) -> frozenset[str]:
        """The replicas that count at this moment."""
        with self._changed:
            here = time.monotonic()
            self._alive_until = {who: at for who, at in self._alive_until.items() if at > here}
            return frozenset(self._alive_until)

    @contextmanager
    def ballot(self, adapter_id: AdapterId) -> "Iterator[Ballot]":
        """Collects the answers on an adapter for as long as the block lasts."""
        ballot = Ballot(adapter_id, self, self._changed)
        with self._changed:
            self._ballots.append(ballot)
        try:
            yield ballot
        finally:
            with self._changed:
                self._ballots.remove(ballot)


class Ballot:
    """The answers of the replicas on one adapter: null for staged, or what was wrong."""

    def __init__(
        self, adapter_id: AdapterId, replicas: ReplicaTracker, changed: threading.Condition
    ) -> None:
        self.adapter_id = adapter_id
        self.answers: dict[str, str | None] = {}
        self._asked = replicas.alive()
        self._replicas, self._changed = replicas, changed

    def wait(self, timeout_s: float) -> list[str]:
        """Until every replica that is alive has answered, but at most `timeout_s`.

        Returns the problems: who could not stage it and why, and who did not answer.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while alive := self._replicas.alive() - self.answers.keys():
                self._asked |= alive
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                # Nobody tells of a death: look again.
                self._changed.wait(min(left_s, 0.5))
            refusals = [f"{who}: {why}" for who, why in sorted(self.answers.items()) if why]
            missing = sorted(self._asked - self.answers.keys())
        return refusals + [f"{who}: did not answer" for who in missing]

    @property
    def lost(self) -> bool:
        """Whether there were answers, and every one a refusal."""
        return bool(self.answers) and all(self.answers.values())
