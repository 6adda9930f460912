"""World state: the fold over a story's episodes."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.domain.character import Outfit
from cluster.domain.story.episode import Episode
from cluster.domain.story.scene import Injury, SceneState, StoryId
from cluster.domain.story.world import WorldState, fold, heals_after_scenes
from cluster.settings import MemorySettings
from tests.values import CUT, KAIRO, episode

RULES = MemorySettings()
CLOAK, SUIT = Outfit(garment="cloak", colour="dark"), Outfit(garment="suit", colour="white")
BRUISE = Injury(kind="bruise", place="left cheek")
NOTHING = SceneState()


def story(*states: SceneState) -> list[Episode]:
    return [episode(f"e{n}", state, scene=n) for n, state in enumerate(states, 1)]


def after(*states: SceneState, at: int | None = None) -> WorldState:
    return fold(KAIRO, story(*states), RULES, at)


def test_before_any_scene_the_profile_holds() -> None:
    world = fold(KAIRO, [], RULES, story_id=StoryId("rain"))
    assert world == WorldState(character_id=KAIRO.id, story_id=StoryId("rain"), outfit=CLOAK)
    assert fold(KAIRO, [], RULES).story_id == StoryId(KAIRO.id)


def test_the_last_outfit_shown_is_worn() -> None:
    assert after(SceneState(outfit=SUIT), NOTHING).outfit == SUIT
    assert after(SceneState(outfit=SUIT), SceneState(outfit=CLOAK)).outfit == CLOAK


def test_place_and_weather_stay_until_another_is_shown() -> None:
    world = after(SceneState(place="street", weather="rain"), SceneState(place="cave"))
    assert (world.place, world.weather) == ("cave", "rain")


def test_props_are_held_until_a_scene_shows_others_or_none() -> None:
    armed = SceneState(props=("sword", "lantern"))
    assert after(armed, NOTHING).props == ("sword", "lantern")
    assert after(armed, SceneState(props=("book",))).props == ("book",)
    assert after(armed, SceneState(props=())).props == ()


def test_an_injury_stays_though_no_scene_shows_it() -> None:
    world = after(SceneState(injuries=(CUT,)), NOTHING, SceneState(injuries=()))
    assert world.injuries == (CUT.model_copy(update={"since_scene": 1}),)


@pytest.mark.parametrize(
    ("kind", "scenes"),
    [("cut", 6), ("bruise", 4), ("blood", 2), ("bandage", 4), ("Bruise", 4), ("arrow wound", 6)],
)
def test_an_injury_heals_after_its_kinds_number_of_scenes(kind: str, scenes: int) -> None:
    wounded = SceneState(injuries=(Injury(kind=kind, place="chin"),))
    assert heals_after_scenes(kind, RULES) == scenes
    assert len(after(wounded, *[NOTHING] * (scenes - 1)).injuries) == 1
    assert after(wounded, *[NOTHING] * scenes).injuries == ()


def test_an_injury_seen_again_keeps_its_age_and_heals_all_the_same() -> None:
    wounded = SceneState(injuries=(BRUISE,))
    assert after(*[wounded] * 4).injuries[0].since_scene == 1
    assert after(*[wounded] * 5).injuries == ()


def test_a_wound_after_the_old_one_healed_is_a_new_one() -> None:
    wounded = SceneState(injuries=(BRUISE,))
    assert after(wounded, *[NOTHING] * 4, wounded).injuries[0].since_scene == 6


def test_an_injury_that_the_scene_dates_later_starts_anew() -> None:
    again = BRUISE.model_copy(update={"since_scene": 3})
    world = after(
        SceneState(injuries=(BRUISE,)), NOTHING, SceneState(injuries=(again,)), *[NOTHING] * 3
    )
    assert world.injuries == (again,)


def test_a_date_in_the_future_does_not_count() -> None:
    later = BRUISE.model_copy(update={"since_scene": 9})
    assert after(SceneState(injuries=(later,))).injuries[0].since_scene == 1


def test_injuries_of_different_places_are_different() -> None:
    other = CUT.model_copy(update={"place": "chin"})
    world = after(SceneState(injuries=(CUT,)), SceneState(injuries=(other,)))
    assert [(one.place, one.since_scene) for one in world.injuries] == [
        ("forehead", 1),
        ("chin", 2),
    ]


def test_an_injury_that_the_story_mends_is_gone() -> None:
    assert after(SceneState(injuries=(CUT,)), SceneState(mended=(CUT,))).injuries == ()


def test_a_person_can_heal_what_the_camera_did_not_see() -> None:
    first, second = story(SceneState(injuries=(CUT,)), SceneState(injuries=()))
    healed = second.with_correction(SceneState(injuries=()))
    assert fold(KAIRO, [first, healed], RULES).injuries == ()


def test_correcting_something_else_heals_nothing() -> None:
    seen = SceneState(injuries=(), source={"injuries": "seen"})
    first, second = story(SceneState(injuries=(CUT,)), seen)
    dressed = second.with_correction(seen.model_copy(update={"outfit": SUIT}))
    world = fold(KAIRO, [first, dressed], RULES)
    assert (world.outfit, len(world.injuries)) == (SUIT, 1)


def test_a_person_says_exactly_which_injuries_there_are() -> None:
    first, second = story(SceneState(injuries=(CUT,)), NOTHING)
    said = second.with_correction(SceneState(injuries=(BRUISE,)))
    world = fold(KAIRO, [first, said], RULES)
    assert [one.kind for one in world.injuries] == ["bruise"]


def test_the_last_scenes_are_told_oldest_first() -> None:
    world = after(*[NOTHING] * 5)
    assert [one.scene for one in world.recent] == [3, 4, 5]


often = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.sampled_from(["cut", "bruise", "blood", "bandage", "burn"])
places = st.sampled_from(["chin", "forehead"])
injuries = st.builds(Injury, kind=words, place=places, since_scene=st.integers(0, 9))
states = st.builds(
    SceneState,
    outfit=st.sampled_from([None, CLOAK, SUIT]),
    injuries=st.none() | st.lists(injuries, max_size=3).map(tuple),
    props=st.none() | st.sampled_from([(), ("sword",), ("book", "cup")]),
    place=st.sampled_from([None, "cave", "sea"]),
    weather=st.sampled_from([None, "rain"]),
)
stories = st.lists(states, min_size=1, max_size=12).map(lambda some: story(*some))


@often
@given(stories, st.data())
def test_a_forgotten_scene_might_as_well_not_be_there(
    told: list[Episode], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(told))
    forgotten = [one.model_copy(update={"forgotten": True}) if one is gone else one for one in told]
    without = [one for one in told if one is not gone]
    ours = StoryId("kairo")
    assert fold(KAIRO, forgotten, RULES, story_id=ours) == fold(
        KAIRO, without, RULES, story_id=ours
    )


@often
@given(stories, st.data())
def test_the_state_at_a_scene_is_that_of_the_story_so_far(
    told: list[Episode], data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(told)))
    assert fold(KAIRO, told, RULES, at) == fold(KAIRO, told[:at], RULES)
    assert fold(KAIRO, told, RULES, at).scene == at


@often
@given(st.lists(states, min_size=1, max_size=4).map(lambda some: story(*some)))
def test_the_order_in_which_episodes_are_given_does_not_matter(told: list[Episode]) -> None:
    worlds = [fold(KAIRO, order, RULES) for order in permutations(told)]
    assert all(world == worlds[0] for world in worlds)


@often
@given(stories)
def test_no_injury_outlives_its_healing_or_comes_from_the_future(told: list[Episode]) -> None:
    for injury in fold(KAIRO, told, RULES).injuries:
        assert 1 <= injury.since_scene <= len(told)
        assert len(told) - injury.since_scene < heals_after_scenes(injury.kind, RULES)


@often
@given(stories)
def test_every_injury_is_gone_after_enough_quiet_scenes(told: list[Episode]) -> None:
    quiet = [episode(f"q{n}", NOTHING, scene=len(told) + n) for n in range(1, 7)]
    assert fold(KAIRO, [*told, *quiet], RULES).injuries == ()


@often
@given(stories, st.integers(1, 5))
def test_as_many_scenes_are_told_as_the_settings_say(told: list[Episode], recent: int) -> None:
    world = fold(KAIRO, told, MemorySettings(recent_scenes=recent))
    assert [one.scene for one in world.recent] == [one.scene for one in told][-recent:]
