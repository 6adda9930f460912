"""Finding episodes by what they mean and by the face they show.

The vectors are derived from the store, which is the truth. An index is compared with it whenever
it is opened, and dropped as soon as it fails, so that whatever was cut off is made good.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

from cluster import providers
from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import StoryId
from cluster.errors import CineError
from cluster.ports import TextEncoder, Vector, VectorIndex
from cluster.settings import Settings
from cluster.store.episodes import EpisodeRepository
from cluster.telemetry import logger

BATCH = 64

log = logger(__name__)


class Recall:
    """Keeps a vector of each remembered episode's text and face. Thread-safe."""

    def __init__(self, settings: Settings, episodes: EpisodeRepository) -> None:
        self._settings = settings
        self._episodes = episodes
        self._open: dict[str, VectorIndex] = {}
        self._lock = threading.RLock()

    def warm_up(self) -> None:
        """Open every index, and make good what a predecessor left undone."""
        with self._tolerated("recall.warm_up"), self._lock:
            if self._reads_text:
                self._texts()
            for model in sorted(self._episodes.face_models()):
                self._faces(model)

    def keep(self, episode: Episode, face: tuple[str, Vector] | None = None) -> None:
        """Index an episode that the store has committed. What fails is made good later."""
        owner = {"character_id": episode.character_id, "story_id": episode.story_id}
        if self._reads_text:
            with self._tolerated("recall.text"), self._using(self._encoder.model):
                vector = self._encoder.encode([episode.text])[0]
                self._texts().upsert(episode.id, vector, **owner)
        if face is not None:
            model, vector = face
            with self._tolerated("recall.face"), self._using(model):
                index = self._faces(model)
                if index is not None:
                    index.upsert(episode.id, vector, **owner)

    def drop(self, id: EpisodeId) -> None:
        """Take an episode that the store has forgotten out of every index."""
        with self._tolerated("recall.drop"), self._lock:
            for model, index in [*self._open.items()]:
                with self._using(model):
                    index.delete(id)

    def by_text(
        self, character_id: CharacterId, text: str, story_id: StoryId | None, limit: int
    ) -> list[tuple[Episode, float]]:
        """The episodes nearest in meaning, with cosines. Raises Unsupported without an encoder."""
        with self._using(self._encoder.model):
            vector = self._encoder.encode([text])[0]
            return self._nearest(self._texts(), vector, character_id, story_id, limit)

    def by_face(
        self, character_id: CharacterId, model: str, vector: Vector, limit: int
    ) -> list[tuple[Episode, float]]:
        """The episodes with the most similar face, among those embedded by the same model.

        Raises Invalid for a vector that the model cannot have made.
        """
        with self._using(model):
            index = self._faces(model)
            return self._nearest(index, vector, character_id, None, limit) if index else []

    @property
    def _reads_text(self) -> bool:
        return self._settings.memory.text_encoder != "off"

    @cached_property
    def _encoder(self) -> TextEncoder:
        return providers.text_encoder(self._settings.memory)

    def _texts(self) -> VectorIndex:
        model = self._encoder.model
        if model not in self._open:
            index = providers.vector_index(self._settings, model, self._encoder.dim)
            self._reconcile(
                index, self._episodes.remembered(), self._episodes.corrected(), self._read
            )
            self._open[model] = index
        return self._open[model]

    def _faces(self, model: str) -> VectorIndex | None:
        """The index of a face model; None when no remembered episode has a face of it."""
        if model not in self._open:
            faces = self._episodes.faces(model)
            if not faces:
                return None
            dim = len(next(iter(faces.values())))
            index = providers.vector_index(self._settings, model, dim)
            self._reconcile(index, faces.keys(), frozenset(), lambda _some: faces)
            self._open[model] = index
        return self._open[model]

    def _read(self, episodes: Collection[Episode]) -> Mapping[EpisodeId, Vector]:
        vectors = self._encoder.encode([episode.text for episode in episodes])
        return {episode.id: vector for episode, vector in zip(episodes, vectors, strict=True)}

    def _reconcile(
        self,
        index: VectorIndex,
        wanted: Collection[EpisodeId],
        changed: frozenset[EpisodeId],
        embed: Callable[[Collection[Episode]], Mapping[EpisodeId, Vector]],
    ) -> None:
        """Make the index hold the wanted episodes and no others; `changed` ones are written anew,
        because an old vector may be left of what they said before."""
        present = index.ids()
        for id in present.difference(wanted):
            index.delete(id)
        missing = sorted(changed.union(wanted) - (present - changed))
        for start in range(0, len(missing), BATCH):
            episodes = self._episodes.several(missing[start : start + BATCH]).values()
            vectors = embed(episodes)
            for one in episodes:
                index.upsert(
                    one.id, vectors[one.id], character_id=one.character_id, story_id=one.story_id
                )
        if missing:
            log.info("recall.reconciled", written=len(missing))

    def _nearest(
        self,
        index: VectorIndex,
        vector: Vector,
        character_id: CharacterId,
        story_id: StoryId | None,
        limit: int,
    ) -> list[tuple[Episode, float]]:
        while True:
            hits = index.search(vector, character_id=character_id, story_id=story_id, limit=limit)
            known = self._episodes.several(EpisodeId(id) for id, _ in hits)
            alive = {id: one for id, one in known.items() if not one.forgotten}
            orphans = [id for id, _ in hits if id not in alive]
            if not orphans:
                return [(alive[EpisodeId(id)], cosine) for id, cosine in hits]
            for id in orphans:  # their character was deleted: they must not take others' places
                index.delete(id)

    @contextmanager
    def _using(self, model: str) -> Iterator[None]:
        """One at a time; a failing index is opened anew, and so compared, at the next use."""
        with self._lock:
            try:
                yield
            except CineError:
                self._open.pop(model, None)
                raise

    @contextmanager
    def _tolerated(self, event: str) -> Iterator[None]:
        """The store has the episode already: a vector store that is away must not fail the job."""
        try:
            yield
        except CineError as error:
            log.warning(event, problem=error.message, advice=error.advice)
