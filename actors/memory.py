"""The MemoryStore: what happened to every character, and what therefore holds.

The store commits first and is the truth; vectors follow it in the background. Killing this process
between the two loses nothing. It does not know how a scene comes about.
"""

from functools import cached_property

import numpy as np
import ray
from ray.actor import ActorProxy

from actors.recall import Recall
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import SceneState, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.story.telling import told
from cluster.domain.story.world import WorldState, fold
from cluster.errors import Invalid
from cluster.launch import named_actor, started_actor
from cluster.ports import RequestReader, Vector
from cluster.providers import request_reader
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import logger

NAME = "cineai-memory"
log = logger(__name__)


class MemoryStore:
    """Episodes in, world state and recollections out. One process in a cluster holds it."""

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings, self._clock = settings, clock

    def start(self) -> None:
        """Open the store, and begin to open the vector indexes."""
        self._store = Store.open(self._settings.store)
        self._recall = Recall(self._settings, self._store.episodes, self._clock)
        self._recall.start()

    def close(self) -> None:
        """Give the database back, once no index is being written: Milvus cannot be cut off."""
        self._recall.close()
        self._store.close()

    def recall(self, character_id: CharacterId, story_id: StoryId) -> WorldState:
        """What holds at the end of a story. Raises NotFound for an unknown character."""
        return self.state(character_id, story_id, None)

    def state(self, character_id: CharacterId, story_id: StoryId, at: int | None) -> WorldState:
        """What holds after scene `at`; None for the last. Raises NotFound (character)."""
        character = self._store.characters.get(character_id)
        episodes = self._store.episodes.list(character_id, story_id, at)
        return fold(character, episodes, self._settings.memory, at, story_id=story_id)

    def story_state(
        self, character_id: CharacterId, story_id: StoryId, at: int | None
    ) -> StoryState:
        """What the story's requests have said, after scene `at`; None for the last.

        Told anew from the episodes that are remembered, each time: what was forgotten or corrected
        counts at once. An episode that kept no changes is read from its prompt, here.

        Raises NotFound (character).
        """
        character = self._store.characters.get(character_id)
        episodes = self._store.episodes.list(character_id, story_id, at)
        return told([character], episodes, self._reader.read, self._reader.layer)

    def remember(self, episode: Episode, face: tuple[str, list[float]] | None) -> Episode:
        """Keep a finished scene, once by its id; returns it with its scene number.

        It is kept when this returns, and found by a search a moment later.

        `face` is the embedding model's id and its vector of the character's face.

        Raises:
            NotFound: The character does not exist.
            Invalid: The face is not a vector of that model.
        """
        seen = (face[0], _vector(face[1])) if face is not None else None
        kept = self._store.episodes.commit(episode, seen)
        if not kept.forgotten:
            self._recall.keep(kept.id, seen)
        return kept

    def correct(self, episode_id: EpisodeId, state: SceneState) -> Episode:
        """Put a person's word in the place of what was seen. Raises NotFound."""
        corrected = self._store.episodes.correct(episode_id, state)
        if not corrected.forgotten:
            self._recall.keep(corrected.id)
        return corrected

    def forget(self, episode_id: EpisodeId) -> Episode:
        """Let a scene count no more. Raises NotFound."""
        forgotten = self._store.episodes.forget(episode_id)
        self._recall.drop(episode_id)
        return forgotten

    def search(
        self,
        character_id: CharacterId,
        text: str,
        story_id: StoryId | None,
        limit: int,
        wait_s: float,
    ) -> list[tuple[Episode, float]]:
        """The scenes nearest in meaning to `text`, with cosines that rank and mean no more.

        What was remembered before is waited for, at most for `wait_s`; then there is what is
        indexed. An index that is being rebuilt answers at once with what it has.

        Raises:
            Unsupported: The sentence encoder is off.
            Unavailable: The index is not open within `wait_s`.
            ProviderError: The encoder or the index fails.
        """
        return self._recall.by_text(character_id, text, story_id, limit, wait_s)

    def search_face(
        self,
        character_id: CharacterId,
        model: str,
        vector: list[float],
        limit: int,
        wait_s: float,
    ) -> list[tuple[Episode, float]]:
        """The scenes with the most similar face, with cosines; only faces of the same model.

        Waits and raises like `search`, and raises Invalid when the vector is not one of that model.
        """
        return self._recall.by_face(character_id, model, _vector(vector), limit, wait_s)

    def settled(self, wait_s: float) -> bool:
        """Wait until everything that is remembered can be found by a search, at most for `wait_s`;
        whether it can."""
        return self._recall.settled(wait_s)

    @cached_property
    def _reader(self) -> RequestReader:
        return request_reader(self._settings.prompt)


def _vector(numbers: list[float]) -> Vector:
    vector = np.asarray(numbers, dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise Invalid(
            "a face embedding must be a list of finite numbers, not all zero",
            advice="Send the embedding as the validator gives it.",
        )
    return vector


# Searches have threads of their own: however long they wait, and however many do, nobody else does.
GROUPS = {"search": 8}
for _searches in (MemoryStore.search, MemoryStore.search_face, MemoryStore.settled):
    ray.method(concurrency_group="search")(_searches)
MemoryStoreActor = ray.remote(  # type: ignore[call-overload]
    concurrency_groups=GROUPS, max_concurrency=8
)(started_actor(MemoryStore))


def memory_actor(settings: Settings) -> ActorProxy[MemoryStore]:
    """The cluster's one MemoryStore, started if there is none."""
    return named_actor(MemoryStoreActor, NAME, settings)
