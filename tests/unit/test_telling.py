"""A story's typed state follows from the episodes that are remembered, and from nothing else."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from actors.memory import MemoryStore
from cluster.domain.character import Character, Outfit
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import Injury, SceneState, StoryId
from cluster.domain.story.state import ActorState, StoryState
from cluster.domain.story.telling import coming, told
from cluster.errors import NotFound
from cluster.launch import ROOT
from cluster.providers.reading.reader import OfflineReader
from cluster.settings import MemorySettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.values import KAIRO, episode

STORY = StoryId("kairo")
Cast = Sequence[Character]
SCENES = (
    "Kairo draws his sword in the forest",
    "A deep gash opens on his forehead",
    "Kairo walks into the market and sheathes his sword",
)


@pytest.fixture(scope="module")
def reader() -> OfflineReader:
    return OfflineReader()


def tell(reader: OfflineReader, *prompts: str) -> list[Episode]:
    """A story's episodes, each with what its prompt changes."""
    found: list[Episode] = []
    for scene, prompt in enumerate(prompts, 1):
        before = coming(told([KAIRO], found, reader.read, reader.layer))
        changes = reader.read([KAIRO], before, prompt).changes
        one = episode(f"s{scene}", scene=scene, prompt=prompt)
        found.append(one.model_copy(update={"changes": changes}))
    return found


def kairo(state: StoryState) -> ActorState:
    return state.actors[KAIRO.id]


def after(reader: OfflineReader, episodes: list[Episode]) -> StoryState:
    return told([KAIRO], episodes, reader.read, reader.layer)


def test_a_story_without_scenes_is_what_the_profile_says(reader: OfflineReader) -> None:
    state = after(reader, [])
    assert (state.scene, state.place) == (0, None)
    assert [one.phrase for one in kairo(state).at("worn")] == ["dark cloak"]


def test_scenes_add_up_whatever_their_order(reader: OfflineReader) -> None:
    episodes = tell(reader, *SCENES)
    state = after(reader, episodes)
    assert state.scene == 3
    assert state.place is not None
    assert "market" in state.place.words
    assert [(one.noun, one.where) for one in kairo(state).at("held", "stowed")] == [
        ("sword", "stowed")
    ]
    assert [(one.noun, one.part, one.since) for one in kairo(state).open_wounds] == [
        ("gash", "forehead", 2)
    ]
    assert after(reader, episodes[::-1]) == state


def test_a_forgotten_wound_was_never_there(reader: OfflineReader) -> None:
    first, wound, last = tell(reader, *SCENES)
    forgotten = wound.model_copy(update={"forgotten": True})
    state = after(reader, [first, forgotten, last])
    assert kairo(state).wounds == ()
    assert state == after(reader, [first, last])
    assert state.scene == 3


def test_an_episode_without_changes_is_read_from_its_prompt(reader: OfflineReader) -> None:
    episodes = tell(reader, *SCENES)
    old = [one.model_copy(update={"changes": None}) for one in episodes]
    assert after(reader, old) == after(reader, episodes)


def test_a_persons_word_stands_in_the_place_of_what_was_read(reader: OfflineReader) -> None:
    *before, last = tell(reader, *SCENES)
    said = SceneState(
        injuries=(Injury(kind="bruise", place="left cheek"),),
        props=("lantern",),
        outfit=Outfit(garment="jacket", colour="white"),
        place="neon city",
    )
    state = after(reader, [*before, last.with_correction(said)])
    actor = kairo(state)
    assert [(one.noun, one.part, one.side) for one in actor.open_wounds] == [
        ("bruise", "cheek", "left")
    ]
    assert [one.noun for one in actor.at("held")] == ["lantern"]
    assert [one.noun for one in actor.at("stowed")] == ["sword"]
    assert [one.phrase for one in actor.at("worn")] == ["white jacket"]
    assert state.place is not None
    assert state.place.words == ("city", "neon")


def test_a_correction_that_says_nothing_new_changes_nothing(reader: OfflineReader) -> None:
    *before, last = tell(reader, *SCENES)
    said = SceneState(
        injuries=(Injury(kind="gash", place="forehead"),),
        outfit=Outfit(garment="cloak", colour="dark"),
        place="market",
    )
    assert after(reader, [*before, last.with_correction(said)]) == after(reader, [*before, last])


def test_healing_by_correction_leaves_no_wound(reader: OfflineReader) -> None:
    first, wound = tell(reader, *SCENES[:2])
    healed = wound.with_correction(SceneState(injuries=()))
    # `()` is not the field's default: it says that there are none.
    assert kairo(after(reader, [first, healed])).open_wounds == ()


def test_the_memory_store_tells_a_story_to_a_scene_and_follows_forgetting(
    settings: Settings, reader: OfflineReader
) -> None:
    off = settings.model_copy(update={"memory": MemorySettings(text_encoder="off")})
    store = Store.open(off.store)
    store.characters.add(KAIRO)
    memory = started(MemoryStore(off))
    for one in tell(reader, *SCENES):
        assert memory.remember(one, None).changes == one.changes
    assert kairo(memory.story_state(KAIRO.id, STORY, None)).open_wounds
    assert memory.story_state(KAIRO.id, STORY, 1).scene == 1
    assert not kairo(memory.story_state(KAIRO.id, STORY, 1)).wounds
    memory.correct(EpisodeId("s3"), SceneState(props=("lantern",)))
    assert [one.noun for one in kairo(memory.story_state(KAIRO.id, STORY, None)).at("held")] == [
        "lantern"
    ]
    memory.forget(EpisodeId("s2"))
    for at in (None, 2, 3):
        assert not kairo(memory.story_state(KAIRO.id, STORY, at)).wounds
    store.characters.delete(KAIRO.id)
    with pytest.raises(NotFound):
        memory.story_state(KAIRO.id, STORY, None)
    memory.close()
    store.close()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "import actors.memory; reader.layer('cloak'); sys.exit('spacy' in sys.modules)",
            id="the parser is not loaded before something is read",
        ),
        pytest.param(
            "reader.warm_up(); assert 'torch' not in sys.modules; import torch; torch.zeros(1)",
            id="reading brings no torch, and leaves it to who wants it",
        ),
    ],
)
def test_a_process_loads_what_it_uses(code: str) -> None:
    reader = (
        "import sys; from cluster.providers import request_reader;"
        "from cluster.settings import PromptSettings; reader = request_reader(PromptSettings());"
    )
    ran = subprocess.run([sys.executable, "-c", reader + code], cwd=ROOT, check=False)
    assert ran.returncode == 0
