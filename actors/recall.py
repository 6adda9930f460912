"""Finding episodes by what they mean and by the face they show.

The vectors are derived from the store, which is the truth. There is an index for each embedding
model, kept up in the background (`episode_index.py`): one that fails, or that takes long, keeps
neither the others nor whoever remembers waiting.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property

from cluster import providers
from cluster.clock import Clock
from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import StoryId
from cluster.ports import TextEncoder, Vector, VectorIndex
from cluster.settings import Settings
from cluster.store.episodes import EpisodeRepository

from .episode_index import EpisodeIndex

Found = list[tuple[Episode, float]]
TEXT = "text"


class Recall:
    """Keeps a vector of each remembered episode's text and face. Thread-safe."""

    def __init__(self, settings: Settings, episodes: EpisodeRepository, clock: Clock) -> None:
        self._settings, self._episodes, self._clock = settings, episodes, clock
        self._lock = threading.Lock()  # of the dictionary alone
        self._faces: dict[str, EpisodeIndex] = {}
        self._opening = threading.Lock()  # Milvus Lite is opened by one at a time
        self._texts = EpisodeIndex(
            TEXT, TextVectors(settings, episodes, self._opening), episodes, clock
        )

    def start(self) -> None:
        """Begin to open every index. Milvus takes seconds, and nothing waits for it."""
        if self._reads_text:
            self._texts.start()
        for model, dim in self._episodes.face_models().items():
            self._face_index(model, dim)

    def close(self) -> None:
        """End the threads, each after the batch in hand."""
        for one in self._running():
            one.stop()
        for one in self._running():
            one.close()

    def keep(self, id: EpisodeId, face: tuple[str, Vector] | None = None) -> None:
        """Have an episode indexed that the store has committed, or has changed the text of; its
        face is an embedding model's id and the vector (dim,) float32."""
        if self._reads_text:
            self._texts.mark(id)
        if face is not None:
            model, vector = face
            self._face_index(model, len(vector)).mark(id)

    def drop(self, id: EpisodeId) -> None:
        """Have an episode that the store has forgotten taken out of every index."""
        for one in self._running():
            one.mark(id)

    def by_text(
        self,
        character_id: CharacterId,
        text: str,
        story_id: StoryId | None,
        limit: int,
        wait_s: float,
    ) -> Found:
        """The episodes nearest in meaning, with cosines.

        Raises Unsupported without an encoder, and like `EpisodeIndex.catch_up`.
        """
        asking = self._asking
        self._texts.catch_up(wait_s)
        return self._texts.nearest(asking.encode([text])[0], character_id, story_id, limit)

    def by_face(
        self, character_id: CharacterId, model: str, vector: Vector, limit: int, wait_s: float
    ) -> Found:
        """The episodes with the face most similar to a vector (dim,) float32, among those embedded
        by the same model.

        Raises Invalid for a vector that the model cannot have made, and like
        `EpisodeIndex.catch_up`.
        """
        with self._lock:
            index = self._faces.get(model)
        if index is None:  # nobody was ever seen by it
            return []
        index.catch_up(wait_s)
        return index.nearest(vector, character_id, None, limit)

    def settled(self, wait_s: float) -> bool:
        """Wait until every index holds all that the store does; whether it is so."""
        until_s = self._clock.monotonic_s() + wait_s
        return all(one.settled(until_s - self._clock.monotonic_s()) for one in self._running())

    @property
    def _reads_text(self) -> bool:
        return self._settings.memory.text_encoder != "off"

    @cached_property
    def _asking(self) -> TextEncoder:
        """Of questions alone: the one that reads episodes is busy for as long as they take."""
        return providers.text_encoder(self._settings.memory)

    def _running(self) -> list[EpisodeIndex]:
        with self._lock:
            return [*([self._texts] if self._reads_text else ()), *self._faces.values()]

    def _face_index(self, model: str, dim: int) -> EpisodeIndex:
        with self._lock:
            if model not in self._faces:
                vectors = FaceVectors(self._settings, self._episodes, self._opening, model, dim)
                self._faces[model] = EpisodeIndex(model, vectors, self._episodes, self._clock)
                self._faces[model].start()
            return self._faces[model]


class TextVectors:
    """What episodes say, embedded here. Implements EpisodeVectors."""

    def __init__(
        self, settings: Settings, episodes: EpisodeRepository, opening: threading.Lock
    ) -> None:
        self._settings, self._episodes, self._opening = settings, episodes, opening

    @cached_property
    def _encoder(self) -> TextEncoder:
        return providers.text_encoder(self._settings.memory)

    def open(self) -> VectorIndex:
        with self._opening:
            return providers.vector_index(self._settings, self._encoder.model, self._encoder.dim)

    def wanted(self) -> frozenset[EpisodeId]:
        return self._episodes.remembered()

    def changed(self) -> frozenset[EpisodeId]:
        """An old vector may be left of what a corrected one said before."""
        return self._episodes.corrected()

    def of(self, episodes: Sequence[Episode]) -> Mapping[EpisodeId, Vector]:
        vectors = self._encoder.encode([episode.text for episode in episodes])
        return {one.id: vector for one, vector in zip(episodes, vectors, strict=True)}


class FaceVectors:
    """Faces as one model has embedded them, which the store keeps. Implements EpisodeVectors."""

    def __init__(
        self,
        settings: Settings,
        episodes: EpisodeRepository,
        opening: threading.Lock,
        model: str,
        dim: int,
    ) -> None:
        self._settings, self._episodes, self._opening = settings, episodes, opening
        self._model, self._dim = model, dim

    def open(self) -> VectorIndex:
        with self._opening:
            return providers.vector_index(self._settings, self._model, self._dim)

    def wanted(self) -> frozenset[EpisodeId]:
        return self._episodes.with_face(self._model)

    def changed(self) -> frozenset[EpisodeId]:
        """A correction says nothing of a face."""
        return frozenset()

    def of(self, episodes: Sequence[Episode]) -> Mapping[EpisodeId, Vector]:
        return self._episodes.faces(self._model, [one.id for one in episodes])
