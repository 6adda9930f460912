"""The fold of a story's state: what each change leaves, and for how long."""

from collections.abc import Iterable

import pytest

from cluster.domain.story.reading import Change, Evidence
from cluster.domain.story.state import ActorState, Look, StoryState, after

MARA = "mara"


def change(op: str, slot: str, noun: str, **fields: object) -> Change:
    """A change of Mara's, about the thing that bears its noun."""
    given = {"subject": MARA, "entity": noun, "evidence": Evidence(start=0, end=1, quote=noun)}
    return Change.model_validate({**given, "op": op, "slot": slot, "noun": noun, **fields})


def told(*scenes: Iterable[Change], looks: tuple[Look, ...] = ()) -> StoryState:
    """The state after scenes of Mara's."""
    state = StoryState(actors={MARA: ActorState(id=MARA, looks=looks)})
    for number, scene in enumerate(scenes, 1):
        state = after(state, scene, number)
    return state


def where(state: StoryState) -> dict[str, str]:
    return {one.noun: one.where for one in state.actors[MARA].things}


def wounds(state: StoryState) -> list[tuple[str | None, str | None, str]]:
    return [(one.part, one.side, one.healed) for one in state.actors[MARA].wounds]


COAT = change("wear", "outfit", "coat", layer="outer")
CAPE = change("wear", "outfit", "cape", layer="outer")
SHIRT = change("wear", "outfit", "shirt", layer="top")
GOWN = change("wear", "outfit", "gown", layer="full")
SWORD = change("hold", "props", "sword", kind="weapon")
CUT = change("injure", "injuries", "cut", part="hand", side="left")


def days(number: float) -> Change:
    return change("pass", "time", str(number))


def test_what_is_taken_off_stays_off() -> None:
    off = change("take_off", "outfit", "coat")
    talk = change("mention", "outfit", "coat")
    assert where(told([COAT], [off], [talk], [])) == {"coat": "gone"}


def test_what_is_put_away_is_still_owned_and_can_be_drawn() -> None:
    stow = change("stow", "props", "sword")
    draw = change("use", "props", "sword", kind="weapon")
    assert where(told([SWORD], [stow], [])) == {"sword": "stowed"}
    assert where(told([SWORD], [stow], [SWORD])) == {"sword": "stowed"}
    assert where(told([SWORD], [stow], [draw])) == {"sword": "held"}


@pytest.mark.parametrize("op", ["drop", "give", "lose"])
def test_what_is_given_or_lost_is_gone(op: str) -> None:
    (thing,) = told([SWORD], [change(op, "props", "sword")]).actors[MARA].things
    assert (thing.where, thing.how, thing.since) == ("gone", op, 2)


@pytest.mark.parametrize(
    ("before", "new", "gone"),
    [
        ([COAT], CAPE, {"coat"}),
        ([SHIRT, COAT], GOWN, {"shirt"}),
        ([GOWN], SHIRT, set()),
        ([SHIRT], COAT, set()),
    ],
)
def test_a_garment_takes_the_place_of_its_layer(
    before: list[Change], new: Change, gone: set[str]
) -> None:
    after_ = where(told(before, [new]))
    assert {noun for noun, place in after_.items() if place == "gone"} == gone
    assert after_[new.noun] == "worn"


def test_layers_of_one_scene_are_worn_together() -> None:
    assert where(told([COAT, CAPE])) == {"coat": "worn", "cape": "worn"}


def test_a_whole_outfit_replaces_everything_but_what_is_put_on_with_it() -> None:
    boots = change("wear", "outfit", "boot", layer="feet")
    suit = change("wear", "outfit", "suit", layer="full", words=("whole outfit",))
    assert where(told([SHIRT, COAT], [boots, suit])) == {
        "shirt": "gone",
        "coat": "gone",
        "boot": "worn",
        "suit": "worn",
    }


def test_clothes_that_are_taken_off_are_all_that_was_on_before() -> None:
    strip = change("take_off", "outfit", "clothes")
    assert where(told([SHIRT, COAT], [strip, GOWN])) == {
        "shirt": "gone",
        "coat": "gone",
        "gown": "worn",
    }


def test_a_thing_keeps_the_name_it_was_introduced_by() -> None:
    found = change("hold", "props", "sword", phrase="a rusty sword", words=("rusty",))
    again = change("drop", "props", "sword", phrase="the old blade", words=("old",))
    (thing,) = told([found], [again]).actors[MARA].things
    assert (thing.phrase, thing.words) == ("a rusty sword", ("rusty", "old"))


@pytest.mark.parametrize(
    ("noun", "gone_by", "healed"),
    [
        ("cut", 20, "no"),
        ("cut", 21, "time"),
        ("bruise", 9, "no"),
        ("bruise", 10, "time"),
        ("fracture", 59, "no"),
        ("fracture", 60, "time"),
        ("sting", 44, "no"),
        ("sting", 45, "time"),
    ],
)
def test_story_time_heals_each_kind_of_wound(noun: str, gone_by: float, healed: str) -> None:
    hurt = change("injure", "injuries", noun, part="hand")
    assert wounds(told([hurt], [days(gone_by)])) == [("hand", None, healed)]


def test_story_time_adds_up_over_scenes_and_hours_do_not() -> None:
    assert told([days(12)], [days(9)]).day == 21
    hour = change("be", "time", "9")
    assert told([hour], [days(0.05)]).hour == 9
    assert told([hour], [days(0.5)]).hour is None


@pytest.mark.parametrize("op", ["heal", "lack"])
def test_a_wound_that_is_said_to_be_healed_is_remembered(op: str) -> None:
    whole = change(op, "injuries", "all")
    state = told([CUT], [whole])
    assert wounds(state) == [("hand", "left", "said")]
    assert state.actors[MARA].open_wounds == ()


def test_only_the_wound_that_is_meant_heals() -> None:
    other = change("injure", "injuries", "cut", part="hand", side="right")
    healed = change("heal", "injuries", "cut", part="hand", side="right")
    assert wounds(told([CUT], [other], [healed])) == [
        ("hand", "left", "no"),
        ("hand", "right", "said"),
    ]


def test_a_wound_is_known_by_a_part_close_to_it_and_treated() -> None:
    treated = change("treat", "injuries", "finger", part="finger")
    (wound,) = told([CUT], [treated]).actors[MARA].wounds
    assert (wound.part, wound.treated) == ("hand", True)


def test_running_on_a_hurt_leg_neither_hurts_nor_heals() -> None:
    run = change("lack", "injuries", "run", part="leg", kind="gait")
    broken = change("injure", "injuries", "fracture", part="leg")
    assert wounds(told([broken], [run])) == [("leg", None, "no")]


def test_a_haircut_changes_what_it_names_and_a_description_only_adds() -> None:
    known = (Look(field="hair colour", value="black", since=0, quote="profile"),)
    cut = change("change_look", "hair", "hair", words=("cut", "short"))
    seen = change("be", "hair", "hair", words=("red", "long", "curly"))
    actor = told([cut], [seen], looks=known).actors[MARA]
    assert {one.field: one.value for one in actor.looks} == {
        "hair colour": "black",
        "hair length": "short",
        "hair texture": "curly",
    }


def test_what_is_not_real_changes_nothing() -> None:
    dreamed = COAT.model_copy(update={"modality": "dreamed"})
    assert told([dreamed]) == told([])


def test_a_scene_whose_changes_are_left_out_never_was() -> None:
    off = change("take_off", "outfit", "coat")
    whole = told([COAT], [off, CUT], [SWORD])
    forgotten = told([COAT], [], [SWORD])
    assert where(whole) == {"coat": "gone", "sword": "held"}
    assert where(forgotten) == {"coat": "worn", "sword": "held"}
    assert wounds(forgotten) == []


def test_others_things_are_remembered_apart() -> None:
    theirs = change("wear", "outfit", "hat", subject="somebody")
    state = told([theirs])
    assert state.others == (("hat", "hat"),)
    assert state.actors[MARA].things == ()


def test_a_room_is_within_a_place_and_another_place_is_left() -> None:
    inn = change("go", "place", "inn")
    room = change("be", "place", "kitchen", words=("inner",))
    forest = change("go", "place", "forest")
    inside = told([inn], [room]).place
    assert inside is not None
    assert inside.words == ("kitchen", "inn")
    away = told([inn], [forest])
    assert away.place is not None
    assert away.place.words == ("forest",)
    assert [one.words for one in away.left] == [("inn",)]
