"""What every repository promises, on every database: characters, episodes, adapters, golden."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cluster.domain.character import CharacterId, Outfit
from cluster.domain.learning.golden import GoldenImage, Snapshot
from cluster.domain.story.episode import EpisodeId
from cluster.domain.story.scene import SceneState, StoryId
from cluster.errors import Conflict, Invalid, NotFound
from cluster.settings import StoreSettings
from cluster.store import Store
from tests.values import CUT, KAIRO, adapter, episode

MIRA = KAIRO.model_copy(update={"id": CharacterId("mira"), "name": "Mira"})


@pytest.fixture
def cast(store: Store) -> Store:
    store.characters.add(KAIRO)
    return store


def test_a_character_comes_back_as_it_was_added(cast: Store) -> None:
    assert cast.characters.get(KAIRO.id) == KAIRO


def test_a_characters_id_can_be_taken_once(cast: Store) -> None:
    with pytest.raises(Conflict, match="kairo"):
        cast.characters.add(KAIRO)


def test_a_replaced_character_is_the_new_one(cast: Store) -> None:
    changed = KAIRO.model_copy(update={"name": "Kairo the Elder", "references": ()})
    cast.characters.replace(changed)
    assert cast.characters.get(KAIRO.id) == changed


def test_characters_are_listed_by_id_in_pages(cast: Store) -> None:
    cast.characters.add(MIRA)
    assert cast.characters.list(None, 10) == [KAIRO, MIRA]
    assert cast.characters.list(None, 1) == [KAIRO]
    assert cast.characters.list(KAIRO.id, 1) == [MIRA]
    assert cast.characters.list(MIRA.id, 1) == []


def test_a_deleted_character_takes_its_memory_along(cast: Store) -> None:
    cast.episodes.commit(episode(), ("sface", np.ones(4, np.float32)))
    cast.adapters.add(adapter(1))
    cast.characters.delete(KAIRO.id)
    with pytest.raises(NotFound):
        cast.characters.get(KAIRO.id)
    assert cast.episodes.list(KAIRO.id, include_forgotten=True) == []
    assert cast.adapters.list() == []
    assert cast.episodes.face_models() == {}


def test_what_does_not_exist_is_named(store: Store) -> None:
    for ask in (
        lambda: store.characters.get(KAIRO.id),
        lambda: store.characters.replace(KAIRO),
        lambda: store.characters.delete(KAIRO.id),
        lambda: store.episodes.commit(episode()),
        lambda: store.switches.clear(KAIRO.id),
    ):
        with pytest.raises(NotFound, match="character 'kairo'"):
            ask()
    with pytest.raises(NotFound, match="episode 'e9'"):
        store.episodes.forget(EpisodeId("e9"))
    with pytest.raises(NotFound, match="adapter 'char_kairo_v7'"):
        store.adapters.get(KAIRO.id, 7)


def test_scenes_are_numbered_in_commit_order_within_their_story(cast: Store) -> None:
    scenes = [
        cast.episodes.commit(episode(id, scene=99, story_id=story)).scene
        for id, story in [("a", "rain"), ("b", "rain"), ("c", "sun"), ("d", "rain")]
    ]
    assert scenes == [1, 2, 1, 3]
    assert [one.id for one in cast.episodes.list(KAIRO.id, StoryId("rain"))] == ["a", "b", "d"]
    assert [one.id for one in cast.episodes.list(KAIRO.id, StoryId("rain"), at=2)] == ["a", "b"]
    assert [one.id for one in cast.episodes.list(KAIRO.id)] == ["a", "b", "d", "c"]
    assert [one.id for one in cast.episodes.list(KAIRO.id, limit=2)] == ["a", "b"]
    after = (StoryId("rain"), 2)
    assert [one.id for one in cast.episodes.list(KAIRO.id, after=after)] == ["d", "c"]
    assert [one.id for one in cast.episodes.list(KAIRO.id, after=after, limit=1)] == ["d"]


def test_committing_an_episode_twice_does_it_once(cast: Store) -> None:
    first = cast.episodes.commit(episode("a"))
    assert cast.episodes.commit(episode("a", prompt="something else")) == first
    assert cast.episodes.list(KAIRO.id) == [first]


def test_scenes_committed_at_once_get_a_number_each(cast: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = [f"e{n % 12}" for n in range(24)]
        kept = list(pool.map(lambda id: cast.episodes.commit(episode(id)), ids))
    assert {one.scene for one in kept} == set(range(1, 13))
    assert [one.scene for one in cast.episodes.list(KAIRO.id)] == list(range(1, 13))


def test_a_forgotten_scene_keeps_its_number(cast: Store) -> None:
    cast.episodes.commit(episode("a"))
    assert cast.episodes.forget(EpisodeId("a")).forgotten
    assert cast.episodes.commit(episode("b")).scene == 2
    assert [one.id for one in cast.episodes.list(KAIRO.id)] == ["b"]
    assert [one.id for one in cast.episodes.list(KAIRO.id, include_forgotten=True)] == ["a", "b"]
    assert cast.episodes.remembered() == {"b"}


def test_a_corrected_scene_says_so_field_by_field(cast: Store) -> None:
    cast.episodes.commit(episode("a", SceneState(injuries=(CUT,), source={"injuries": "seen"})))
    said = SceneState(outfit=Outfit(garment="robe"), injuries=(CUT,), source={"injuries": "seen"})
    corrected = cast.episodes.correct(EpisodeId("a"), said)
    assert corrected.corrected
    assert corrected.state.source == {"injuries": "seen", "outfit": "corrected"}
    assert cast.episodes.get(EpisodeId("a")) == corrected
    assert cast.episodes.corrected() == {"a"}


def test_faces_come_back_by_the_model_that_made_them(cast: Store) -> None:
    face = np.array([0.25, -1.0, 3.5], np.float32)
    cast.episodes.commit(episode("a"), ("sface", face))
    cast.episodes.commit(episode("b"), ("arcface", face[:2]))
    cast.episodes.commit(episode("c"))
    assert cast.episodes.face_models() == {"sface": len(face), "arcface": 2}
    assert cast.episodes.with_face("sface") == {"a"}
    everybody = [EpisodeId(id) for id in "abc"]
    (found,) = cast.episodes.faces("sface", everybody).items()
    assert found[0] == "a"
    np.testing.assert_array_equal(found[1], face)


def test_a_face_of_another_length_is_refused_with_its_episode(cast: Store) -> None:
    cast.episodes.commit(episode("a"), ("sface", np.ones(3, np.float32)))
    with pytest.raises(Invalid, match="3 numbers, not 2"):
        cast.episodes.commit(episode("b"), ("sface", np.ones(2, np.float32)))
    assert [one.id for one in cast.episodes.list(KAIRO.id)] == ["a"]


def test_the_first_verdict_on_a_golden_image_stands(cast: Store) -> None:
    image = GoldenImage(
        character_id=KAIRO.id,
        job_id="job-1",
        sha256="e" * 64,
        idr=0.91,
        state=SceneState(place="forest"),
        caption="kairo in a forest",
        phash="00ff",
        accepted=True,
    )
    cast.golden.add(image)
    cast.golden.add(image.model_copy(update={"accepted": False, "reason": "idr: too low"}))
    assert cast.golden.list(KAIRO.id) == [image]
    assert cast.golden.list(KAIRO.id, accepted=False) == []


def test_the_newest_training_set_counts(cast: Store) -> None:
    assert cast.golden.snapshot(KAIRO.id) is None
    for manifest in ("one", "two"):
        newest = Snapshot(
            character_id=KAIRO.id, manifest=manifest, inputs="i", samples=3, dropped=1
        )
        cast.golden.set_snapshot(newest)
    assert cast.golden.snapshot(KAIRO.id) == newest


def test_everything_is_there_after_reopening(cast: Store, store_settings: StoreSettings) -> None:
    kept = cast.episodes.commit(episode("a", SceneState(injuries=(CUT,))))
    cast.close()
    again = Store.open(store_settings)
    assert again.characters.list() == [KAIRO]
    assert again.episodes.get(EpisodeId("a")) == kept
    again.close()
