"""One embedding model's index of the episodes, kept up with the store by a thread of its own.

An episode that was remembered, corrected or forgotten is marked, which takes no time; the thread
reads the marked ones back from the store, embeds those that count and deletes the others, so that
the order of marks is of no matter. It embeds and writes while it holds no lock: nobody waits for it
but who asks to. Marks die with the process, and nothing is lost by that: whenever the index is
opened, it is compared with the store. It does not know what a vector means.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import StoryId
from cluster.errors import CineError, Invalid, ProviderError, Unavailable
from cluster.ports import Vector, VectorIndex
from cluster.store.episodes import EpisodeRepository
from cluster.telemetry import logger

BATCH = 16
"""Episodes between two looks at what is new: under a second on one core."""
AWAITED = 64
"""Where an index that is opened lacks more than so many episodes, it is being rebuilt: a search
takes what is there. It waits for less, like for what has just been remembered."""
RETRY_S = 10.0
MOST_HITS = 16_384
"""What Milvus gives at most."""

log = logger(__name__)


class EpisodeVectors(Protocol):
    """How episodes become vectors of one embedding model, and where those are kept."""

    def open(self) -> VectorIndex:
        """Load and open; may take seconds."""
        ...

    def wanted(self) -> frozenset[EpisodeId]:
        """Every episode that should have a vector."""
        ...

    def changed(self) -> frozenset[EpisodeId]:
        """Those whose vector may be that of an earlier text."""
        ...

    def of(self, episodes: Sequence[Episode]) -> Mapping[EpisodeId, Vector]:
        """Vectors float32 (dim,) of those of the episodes that have one."""
        ...


class EpisodeIndex:
    """Thread-safe. Searches answer from what is indexed while more is being indexed."""

    def __init__(
        self,
        name: str,
        vectors: EpisodeVectors,
        episodes: EpisodeRepository,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name, self._vectors, self._episodes = name, vectors, episodes
        self._clock = clock
        self._changed = threading.Condition()
        self._index: VectorIndex | None = None
        self._problem: CineError | None = None
        self._retry_at_s = 0.0
        self._closed = False
        self._marks = 0
        self._awaited: dict[EpisodeId, float] = {}  # by the number of the mark, lowest first
        self._rebuild: list[EpisodeId] = []
        self._taken: dict[EpisodeId, float] = {}
        self._thread = threading.Thread(target=self._run, name=f"index-{name}", daemon=True)

    def start(self) -> None:
        """Begin to open the index, and to make good what a predecessor left undone."""
        self._thread.start()

    def stop(self) -> None:
        """Take up no further batch."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop after the batch in hand: Milvus cannot be cut off."""
        self.stop()
        self._thread.join()

    def mark(self, *ids: EpisodeId) -> None:
        """Bring these episodes' vectors up to what the store says."""
        with self._changed:
            self._marks += 1
            for id in ids:
                self._awaited.pop(id, None)
                self._awaited[id] = self._marks
            self._changed.notify_all()

    def catch_up(self, wait_s: float) -> None:
        """Wait until the index is open and holds what was marked before this call.

        What it does not hold after `wait_s` is not waited for.

        Raises:
            Unavailable: It is not even open by then.
            ProviderError: It cannot be opened, or has failed and is not open again.
        """
        with self._changed:
            asked = self._marks
            self._wait(lambda: self._index is not None and self._oldest() > asked, wait_s)
            self._opened()

    def settled(self, wait_s: float) -> bool:
        """Wait until nothing is left to do; whether that is so."""

        def idle() -> bool:
            return self._index is not None and not (self._awaited or self._rebuild or self._taken)

        with self._changed:
            self._wait(idle, wait_s)
            return idle()

    def nearest(
        self, vector: Vector, character_id: CharacterId, story_id: StoryId | None, limit: int
    ) -> list[tuple[Episode, float]]:
        """The episodes nearest to a vector (dim,) float32 that count, with cosines. Raises like
        `catch_up`, and Invalid."""
        with self._changed:
            index = self._opened()
        try:
            return self._alive(index, vector, character_id, story_id, limit)
        except ProviderError:
            with self._changed:
                self._drop()
            raise

    def _alive(
        self,
        index: VectorIndex,
        vector: Vector,
        character_id: CharacterId,
        story_id: StoryId | None,
        limit: int,
    ) -> list[tuple[Episode, float]]:
        """Those that are forgotten, or whose character was deleted, take nobody's place."""
        asked = limit
        while True:
            hits = index.search(vector, character_id=character_id, story_id=story_id, limit=asked)
            known = self._episodes.several(EpisodeId(id) for id, _ in hits)
            alive = {id: one for id, one in known.items() if not one.forgotten}
            found = [(alive[EpisodeId(id)], cosine) for id, cosine in hits if id in alive]
            gone = [EpisodeId(id) for id, _ in hits if id not in alive]
            if gone:
                self.mark(*gone)
            if len(found) >= limit or len(hits) < asked or asked == MOST_HITS:
                return found[:limit]
            asked = min(limit + 2 * len(gone), MOST_HITS)

    def _opened(self) -> VectorIndex:
        if self._index is not None:
            return self._index
        raise self._problem or Unavailable(
            "What was remembered is still being opened to be searched.",
            advice="Ask again in a few seconds.",
        )

    def _wait(self, over: Callable[[], bool], wait_s: float) -> None:
        self._clock.wait_until(
            self._changed,
            lambda: self._closed or self._problem is not None or over(),
            self._clock.monotonic_s() + wait_s,
        )

    def _oldest(self) -> float:
        """The number of the first mark that is not written."""
        return min([*self._awaited.values(), *self._taken.values()], default=math.inf)

    def _run(self) -> None:
        """The index's thread."""
        while self._has_work():
            try:
                batch = self._take()
                if batch is None:
                    self._open()
                else:
                    self._write(*batch)
                    self._written()
            except CineError as error:
                self._fail(error)
            except Exception as error:
                log.exception("recall.failed", index=self._name)
                self._fail(Unavailable(f"What was remembered cannot be searched: {error}"))

    def _has_work(self) -> bool:
        """Wait for something to do, after a failure for a while; False once closed."""
        with self._changed:
            if self._problem is not None:
                self._clock.wait_until(self._changed, lambda: self._closed, self._retry_at_s)
            self._clock.wait_until(
                self._changed,
                lambda: self._closed or self._index is None or bool(self._awaited or self._rebuild),
            )
            return not self._closed

    def _open(self) -> None:
        """Open the index, and note where it and the store differ."""
        index = self._vectors.open()
        present = frozenset(map(EpisodeId, index.ids()))
        differing = sorted((present ^ self._vectors.wanted()) | self._vectors.changed())
        with self._changed:
            if len(differing) > AWAITED:
                self._rebuild = differing
            else:
                self._awaited = {**dict.fromkeys(differing, 0), **self._awaited}
            self._index, self._problem = index, None
            self._changed.notify_all()
        if differing:
            log.info("recall.reconciling", index=self._name, episodes=len(differing))

    def _take(self) -> tuple[VectorIndex, list[EpisodeId]] | None:
        """The next batch, what somebody may be waiting for before what is rebuilt, and where to
        write it; None while the index is not open."""
        with self._changed:
            if self._index is None:
                return None
            ids = [*self._awaited][:BATCH]
            self._taken = {id: self._awaited.pop(id) for id in ids}
            if not ids:
                ids, self._rebuild = self._rebuild[:BATCH], self._rebuild[BATCH:]
                self._taken = dict.fromkeys(ids, math.inf)
            return self._index, ids

    def _write(self, index: VectorIndex, ids: Sequence[EpisodeId]) -> None:
        known = self._episodes.several(ids)
        vectors = self._vectors.of([one for one in known.values() if not one.forgotten])
        for id in ids:
            if id not in vectors:
                index.delete(id)
                continue
            owner = known[id]
            try:
                index.upsert(
                    id, vectors[id], character_id=owner.character_id, story_id=owner.story_id
                )
            except Invalid as error:  # tried again it would keep out all others
                log.warning("recall.refused", index=self._name, problem=error.message)

    def _written(self) -> None:
        with self._changed:
            self._taken = {}
            self._changed.notify_all()

    def _fail(self, error: CineError) -> None:
        """Open the index anew after a while; until then a search says why it cannot answer."""
        log.warning("recall.away", index=self._name, problem=error.message, advice=error.advice)
        with self._changed:
            self._problem = error
            self._retry_at_s = self._clock.monotonic_s() + RETRY_S
            self._drop()

    def _drop(self) -> None:
        """Have the index opened anew, and so compared with the store."""
        left = {id: mark for id, mark in self._taken.items() if mark != math.inf}
        self._awaited = {**left, **self._awaited}
        self._taken, self._rebuild, self._index = {}, [], None
        self._changed.notify_all()
