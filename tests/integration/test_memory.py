"""The MemoryStore: world state and recollections, and that killing it loses nothing."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from actors.memory import MemoryStore
from cluster.domain.character import CharacterId, Outfit
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import SceneState, StoryId
from cluster.errors import Invalid, NotFound, Unsupported
from cluster.settings import MemorySettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.values import CUT, KAIRO, episode

STORY = StoryId("kairo")
RAIN = episode("rain", SceneState(injuries=(CUT,)), prompt="Kairo fights in the rain")
SEA = episode("sea", SceneState(place="sea"), prompt="Kairo reads a book by the sea")
BREAD = episode("bread", prompt="Kairo bakes bread", story_id="kitchen")
FACES = {"rain": [1.0, 0.0, 0.0], "sea": [0.8, 0.6, 0.0]}
SFACE = "sface"
WAIT_S = 60.0
"""As long as a search may wait for what was remembered before it."""


@pytest.fixture
def memory(settings: Settings) -> Iterator[MemoryStore]:
    """A memory of one character and three scenes."""
    _tell(settings)
    memory = started(MemoryStore(settings))
    yield memory
    memory.close()


def test_the_state_follows_what_is_remembered_corrected_and_forgotten(memory: MemoryStore) -> None:
    world = memory.recall(KAIRO.id, STORY)
    assert (world.scene, world.place) == (2, "sea")
    assert [one.phrase for one in world.injuries] == ["cut on the forehead"]
    assert memory.state(KAIRO.id, STORY, 1).place is None
    memory.correct(EpisodeId("sea"), SceneState(injuries=(), outfit=Outfit(garment="robe")))
    world = memory.recall(KAIRO.id, STORY)
    assert (world.injuries, world.outfit, world.place) == ((), Outfit(garment="robe"), None)
    memory.forget(EpisodeId("sea"))
    assert memory.recall(KAIRO.id, STORY) == memory.state(KAIRO.id, STORY, 1)


def test_scenes_are_found_by_what_they_mean(memory: MemoryStore) -> None:
    def found(text: str, story: StoryId | None = None) -> list[str]:
        return [one.id for one, _ in memory.search(KAIRO.id, text, story, 3, WAIT_S)]

    assert found("a duel in a storm")[0] == "rain"
    assert found("reading at the beach")[0] == "sea"
    assert found("a bakery", StoryId("kitchen")) == ["bread"]
    assert memory.search(CharacterId("nobody"), "rain", None, 3, WAIT_S) == []
    memory.correct(EpisodeId("bread"), SceneState(props=("sword",), action="fighting a storm"))
    assert found("a sword fight", StoryId("kitchen")) == ["bread"]
    memory.forget(EpisodeId("rain"))
    assert set(found("a duel in a storm")) == {"sea", "bread"}


def test_scenes_are_found_by_their_face_within_one_model(memory: MemoryStore) -> None:
    found = memory.search_face(KAIRO.id, SFACE, FACES["rain"], 5, WAIT_S)
    assert [one.id for one, _ in found] == ["rain", "sea"]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, 0.8])
    assert memory.search_face(KAIRO.id, "arcface", FACES["rain"], 5, WAIT_S) == []
    with pytest.raises(Invalid, match="vectors of 3 numbers"):
        memory.search_face(KAIRO.id, SFACE, [1.0, 0.0], 5, WAIT_S)
    with pytest.raises(Invalid, match="not all zero"):
        memory.search_face(KAIRO.id, SFACE, [0.0, 0.0, 0.0], 5, WAIT_S)


def test_remembering_twice_does_it_once(memory: MemoryStore) -> None:
    again = memory.remember(RAIN.model_copy(update={"prompt": "something else"}), None)
    assert (again.prompt, again.scene) == (RAIN.prompt, 1)
    assert len(memory.search(KAIRO.id, "rain", STORY, 9, WAIT_S)) == 2
    memory.forget(EpisodeId("rain"))
    assert memory.remember(RAIN, (SFACE, FACES["rain"])).forgotten
    assert [one.id for one, _ in memory.search(KAIRO.id, "rain", STORY, 9, WAIT_S)] == ["sea"]


def test_a_deleted_characters_scenes_are_found_no_more(
    memory: MemoryStore, settings: Settings
) -> None:
    store = Store.open(settings.store)
    assert len(memory.search(KAIRO.id, "rain", None, 9, WAIT_S)) == 3
    store.characters.delete(KAIRO.id)
    with pytest.raises(NotFound):
        memory.recall(KAIRO.id, STORY)
    store.characters.add(KAIRO)
    memory.remember(SEA, None)
    assert [one.id for one, _ in memory.search(KAIRO.id, "rain", None, 1, WAIT_S)] == ["sea"]
    store.close()


def test_without_an_encoder_everything_else_goes_on(settings: Settings) -> None:
    _tell(settings)
    off = settings.model_copy(update={"memory": MemorySettings(text_encoder="off")})
    memory = started(MemoryStore(off))
    memory.remember(episode("more"), (SFACE, [0.0, 0.0, 1.0]))
    assert memory.recall(KAIRO.id, STORY).scene == 3
    assert len(memory.search_face(KAIRO.id, SFACE, FACES["sea"], 9, WAIT_S)) == 3
    with pytest.raises(Unsupported, match="sentence encoder is off"):
        memory.search(KAIRO.id, "rain", None, 3, WAIT_S)


def test_a_milvus_that_is_away_does_not_fail_a_scene(settings: Settings) -> None:
    away = MemorySettings(milvus_uri="http://127.0.0.1:1")
    _tell(settings)
    memory = started(MemoryStore(settings.model_copy(update={"memory": away})))
    assert memory.remember(episode("more"), (SFACE, FACES["sea"])).scene == 3
    assert memory.recall(KAIRO.id, STORY).scene == 3


def test_a_kill_between_commit_and_vectors_loses_nothing(settings: Settings) -> None:
    _tell(settings)
    _killed(settings, _die_while_remembering)
    memory = started(MemoryStore(settings))
    assert memory.recall(KAIRO.id, STORY).scene == 3
    assert memory.search(KAIRO.id, "dancing at a ball", None, 1, WAIT_S)[0][0].id == "ball"
    assert memory.search_face(KAIRO.id, SFACE, [0.0, 0.0, 1.0], 1, WAIT_S)[0][0].id == "ball"
    assert memory.remember(_ball(), None).scene == 3


def test_a_kill_while_forgetting_and_correcting_leaves_no_old_vector(settings: Settings) -> None:
    _tell(settings)
    _killed(settings, _die_while_forgetting)
    _killed(settings, _die_while_correcting)
    memory = started(MemoryStore(settings))
    cosines = {
        str(one.id): cosine for one, cosine in memory.search(KAIRO.id, _TEXT, None, 9, WAIT_S)
    }
    assert cosines.keys() == {"bread", "sea"}
    assert cosines["bread"] == pytest.approx(1.0, abs=1e-3)


_TEXT = "Kairo bakes bread; in space"


def _tell(settings: Settings) -> None:
    """Commit three scenes to the store alone: their vectors are the memory's affair."""
    store = Store.open(settings.store)
    store.characters.add(KAIRO)
    for one in (RAIN, SEA, BREAD):
        face = FACES.get(one.id)
        seen = (SFACE, np.asarray(face, np.float32)) if face else None
        store.episodes.commit(one, seen)
    store.close()


def _ball() -> Episode:
    return episode("ball", prompt="Kairo dances at a ball")


def _die_while_remembering(settings: Settings) -> None:
    memory = started(MemoryStore(settings))
    assert len(memory.search(KAIRO.id, "rain", None, 9, WAIT_S)) == 3
    _die_at_the_next_commit()
    memory.remember(_ball(), (SFACE, [0.0, 0.0, 1.0]))


def _die_while_forgetting(settings: Settings) -> None:
    memory = started(MemoryStore(settings))
    assert len(memory.search(KAIRO.id, "rain", None, 9, WAIT_S)) == 3
    _die_at_the_next_commit()
    memory.forget(EpisodeId("rain"))


def _die_while_correcting(settings: Settings) -> None:
    memory = started(MemoryStore(settings))
    assert len(memory.search(KAIRO.id, "rain", None, 9, WAIT_S)) == 2
    _die_at_the_next_commit()
    memory.correct(EpisodeId("bread"), SceneState(place="space"))


def _die_at_the_next_commit() -> None:
    sa.event.listen(Session, "after_commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))


def _run(settings: Settings, target: Callable[[Settings], None]) -> int | None:
    process = multiprocessing.get_context("spawn").Process(target=target, args=(settings,))
    process.start()
    process.join(180)
    return process.exitcode


def _killed(settings: Settings, target: Callable[[Settings], None]) -> None:
    assert _run(settings, target) == -signal.SIGKILL
