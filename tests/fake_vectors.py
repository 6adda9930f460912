"""Stand-ins for what makes and keeps vectors: a test holds them up, or has them fail."""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from cluster.errors import ProviderError
from cluster.ports import Vector

PATIENCE_S = 60.0
"""Real seconds after which a thread that does not come by is an error."""


class Gate:
    """Where threads pass one by one, once it is closed, or fail."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets: float = np.inf
        self._waiting = 0
        self.problem: Exception | None = None

    def __call__(self) -> None:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._tickets > 0, PATIENCE_S)
            self._tickets -= 1
            self._waiting -= 1
            self._changed.notify_all()
        if self.problem is not None:
            raise self.problem

    def close(self) -> None:
        self._let(0)

    def open(self) -> None:
        self._let(np.inf)

    def let_one_pass(self) -> None:
        """And wait until it has."""
        with self._changed:
            assert self._waiting, "nobody stands there"
            self._tickets = 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._tickets == 0, PATIENCE_S)

    def wait_for_a_thread(self) -> None:
        """Until one stands before it."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting > 0, PATIENCE_S)

    def fail(self) -> None:
        self.problem = ProviderError("away")

    def _let(self, tickets: float) -> None:
        with self._changed:
            self._tickets = tickets
            self._changed.notify_all()


class WordCounter:
    """A TextEncoder whose vectors count a few words."""

    model, dim = "words", 4
    WORDS = ("rain", "sea", "bread", "ball")

    def __init__(self, gate: Callable[[], None] = lambda: None) -> None:
        self._gate = gate
        self.read: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vector:
        self._gate()
        self.read.append([*texts])
        counts = [[text.lower().count(word) for word in self.WORDS] for text in texts]
        return np.asarray(counts, np.float32) + 0.01


class Row(tuple[Vector, str, str]):
    """A vector, its character and its story."""


class ListIndex:
    """A VectorIndex in memory."""

    def __init__(self, gate: Callable[[], None] = lambda: None) -> None:
        self._gate = gate
        self.rows: dict[str, Row] = {}

    def upsert(self, id: str, vector: Vector, *, character_id: str, story_id: str) -> None:
        self.rows[id] = Row((vector, character_id, story_id))

    def search(
        self, vector: Vector, *, character_id: str, story_id: str | None, limit: int
    ) -> list[tuple[str, float]]:
        self._gate()
        hits = [
            (id, _cosine(vector, kept))
            for id, (kept, character, story) in [*self.rows.items()]
            if character == character_id and story_id in (None, story)
        ]
        return sorted(hits, key=lambda hit: -hit[1])[:limit]

    def delete(self, id: str) -> None:
        self.rows.pop(id, None)

    def ids(self) -> frozenset[str]:
        return frozenset(self.rows)


def _cosine(one: Vector, other: Vector) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
