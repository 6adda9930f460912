"""Replica tracker: which replicas are alive, and which of them have staged an adapter.

Knows nothing of promotions. Kept in memory alone: replicas call again and again, so that a new
tracker knows them all in a moment.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.learning.adapter import AdapterId


class ReplicaTracker:
    """Thread-safe. A replica that is silent for longer than it said, and `lapse_s`, is dead."""

    def __init__(self, lapse_s: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._lapse_s = lapse_s
        self._clock = clock
        self._changed = threading.Condition()
        self._alive_until_s: dict[str, float] = {}
        self._ballots: list[Ballot] = []

    def heard(self, replica_id: str, silent_for_s: float = 0.0) -> None:
        """Record a heartbeat: a replica called, and may now be silent for `silent_for_s`."""
        with self._changed:
            until_s = self._clock.monotonic_s() + silent_for_s + self._lapse_s
            self._alive_until_s[replica_id] = until_s
            self._changed.notify_all()

    def answer(self, replica_id: str, adapter_id: AdapterId, problem: str | None) -> None:
        """Record a vote: a replica has staged an adapter (`problem` null), or could not."""
        with self._changed:
            for ballot in self._ballots:
                if ballot.adapter_id == adapter_id:
                    ballot.answers[replica_id] = problem
            self._changed.notify_all()

    def alive(self) -> frozenset[str]:
        """The ids of the replicas that count at this moment."""
        with self._changed:
            here_s = self._clock.monotonic_s()
            alive = {who: at for who, at in self._alive_until_s.items() if at > here_s}
            self._alive_until_s = alive
            return frozenset(alive)

    @contextmanager
    def ballot(self, adapter_id: AdapterId) -> "Iterator[Ballot]":
        """Collect the votes on an adapter for as long as the block lasts."""
        ballot = Ballot(adapter_id, self, self._changed, self._clock)
        with self._changed:
            self._ballots.append(ballot)
        try:
            yield ballot
        finally:
            with self._changed:
                self._ballots.remove(ballot)

    def next_lapse_s(self) -> float:
        """The moment of the clock at which the next replica is dead, unless it is heard of."""
        with self._changed:
            return min(self._alive_until_s.values(), default=float("inf"))


class Ballot:
    """The votes of the replicas on one adapter: null for staged, or what was wrong."""

    def __init__(
        self,
        adapter_id: AdapterId,
        replicas: ReplicaTracker,
        changed: threading.Condition,
        clock: Clock,
    ) -> None:
        self.adapter_id = adapter_id
        self.answers: dict[str, str | None] = {}
        self._asked = replicas.alive()
        self._replicas, self._changed, self._clock = replicas, changed, clock

    def wait(self, timeout_s: float) -> list[str]:
        """Wait until every replica that is alive has answered, but at most `timeout_s`.

        Returns:
            The problems: who could not stage it and why, and who did not answer.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._changed:
            while (silent := self._silent()) and self._clock.monotonic_s() < deadline_s:
                self._asked |= silent
                self._wait_for_change(silent, deadline_s)
            refusals = [f"{who}: {why}" for who, why in sorted(self.answers.items()) if why]
            missing = sorted(self._asked - self.answers.keys())
        return refusals + [f"{who}: did not answer" for who in missing]

    @property
    def lost(self) -> bool:
        """Whether there were answers, and every one a refusal."""
        return bool(self.answers) and all(self.answers.values())

    def _silent(self) -> frozenset[str]:
        return self._replicas.alive() - self.answers.keys()

    def _wait_for_change(self, silent: frozenset[str], deadline_s: float) -> None:
        # Nobody tells of a death: the clock does.
        deadline_s = min(deadline_s, self._replicas.next_lapse_s())
        self._clock.wait_until(self._changed, lambda: self._silent() != silent, deadline_s)
