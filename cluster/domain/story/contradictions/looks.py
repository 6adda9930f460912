"""Hair, eyes, marks and age that a request says, against the actor's own."""

from cluster.domain.story.reading import Change
from cluster.domain.story.state import (
    ARTIFICIAL,
    REGION,
    ActorState,
    BodyMark,
    Look,
    StoryState,
    agree,
    colours,
    hair_of,
    near,
    same_place,
)

from .clash import Clash, clash, contradiction

LENGTH_ORDER = ("short", "medium", "long")
PROFILE_MARKS = frozenset({"tattoo", "scar", "birthmark", "piercing"})
"""Marks that a profile would name; a mole or a freckle it may leave out."""
AGE_TOLERANCE_YEARS = 2
DAYS_A_YEAR = 365


def hair_clash(actor: ActorState, change: Change) -> Clash | None:
    """What a request says of hair or beard and is not so."""
    if change.op == "change_look":
        return None
    if change.noun == "beard":
        return _beard(actor, change)
    said = hair_of(change.words)
    for field, value in said.items():
        now = actor.look(field)
        if now is not None and (found := _hair_field(change, value, now)):
            return found
    return _baldness(actor, change, said)


def _beard(actor: ActorState, change: Change) -> Clash | None:
    beard = actor.look("beard")
    if beard is None:
        return None
    if change.op == "lack" and beard.value == "yes":
        return contradiction(change, "has a beard", beard.quote)
    if change.op == "be" and beard.value == "none":
        return contradiction(change, "has no beard", beard.quote)
    return None


def _hair_field(change: Change, value: str, now: Look) -> Clash | None:
    is_now = f"the hair is {now.value}"
    if now.field == "hair colour" and not agree({value}, {now.value}):
        return contradiction(change, is_now, now.quote, "Say that it is dyed.")
    if now.field == "hair length" and not _lengths_agree(value, now.value):
        return contradiction(change, is_now, now.quote, "Say that it is cut, or has grown.")
    if now.field == "hair texture" and value != now.value:
        return contradiction(change, is_now, now.quote)
    return None


def _lengths_agree(a: str, b: str) -> bool:
    """Whether one head of hair may be called both: neighbours in length may."""
    if a not in LENGTH_ORDER or b not in LENGTH_ORDER:
        return a == b
    return abs(LENGTH_ORDER.index(a) - LENGTH_ORDER.index(b)) <= 1


def _baldness(actor: ActorState, change: Change, said: dict[str, str]) -> Clash | None:
    length = actor.look("hair length")
    is_bald = length is not None and length.value == "bald"
    if "bald" in change.words:
        has_hair = not is_bald and any(one.field.startswith("hair") for one in actor.looks)
        return contradiction(change, "has hair", actor.looks[0].quote) if has_hair else None
    if length is not None and is_bald and said.keys() - {"hair length"}:
        return contradiction(change, "the head is bald", length.quote)
    return None


def eye_clash(actor: ActorState, change: Change) -> Clash | None:
    """What a request says of the eyes and is not so."""
    if found := _eye_kind(actor, change):
        return found
    said = colours(change.words) - {"dark"}
    eyes = {side: actor.look(f"{side} eye") for side in ("left", "right")}
    if change.side and (now := eyes[change.side]):
        if agree(said, {now.value}):
            return None
        return contradiction(change, f"the {change.side} eye is {now.value}", now.quote)
    known = [one for one in eyes.values() if one]
    if not known or all(any(agree({shade}, {one.value}) for one in known) for shade in said):
        return None
    shades = " and ".join(sorted({one.value for one in known}))
    return contradiction(change, f"the eyes are {shades}", known[0].quote)


def _eye_kind(actor: ActorState, change: Change) -> Clash | None:
    looks = [actor.look(f"{side} eye kind") for side in ("left", "right")]
    kinds = {one.value for one in looks if one}
    if kinds == {"natural"} and not ARTIFICIAL.isdisjoint(change.words):
        return contradiction(change, "both eyes are natural", "profile")
    if "cyber" in kinds and not {"natural", "human"}.isdisjoint(change.words):
        return contradiction(change, "one eye is artificial", "profile")
    return None


def mark_clash(actor: ActorState, change: Change) -> Clash | None:
    """A mark that a request says or denies, where the actor has none or one."""
    if change.op == "change_look":
        return None
    if change.op == "lack":
        there = [one for one in actor.marks if change.part and one.part and _is_at(one, change)]
        if not there:
            return None
        return contradiction(change, f"has a {there[-1].noun} there", there[-1].quote)
    if _is_left_by_a_wound(actor, change):
        return None
    kind = [one for one in actor.marks if one.noun == change.noun]
    if not kind:
        sure = change.noun in PROFILE_MARKS
        return clash(change, "contradiction" if sure else "question", f"has no {change.noun}")
    if change.part is None or any(one.part is None or _is_at(one, change) for one in kind):
        return None
    where = " ".join(one for one in (kind[-1].side, kind[-1].part) if one)
    return contradiction(change, f"the {kind[-1].noun} is on the {where}", kind[-1].quote)


def _is_at(mark: BodyMark, change: Change) -> bool:
    if mark.side and change.side and mark.side != change.side:
        return False
    return near(mark.part or "", change.part or "", REGION)


def _is_left_by_a_wound(actor: ActorState, change: Change) -> bool:
    return change.noun == "scar" and any(
        one.healed != "no" and same_place(one, change, REGION) for one in actor.wounds
    )


def denied_mark_clash(state: StoryState, change: Change) -> Clash | None:
    """A mark that a request says is not there."""
    actor = state.actors.get(change.subject)
    if actor is None:
        return None
    there = [one for one in actor.marks if one.noun == change.noun and _may_be(one, change)]
    return contradiction(change, f"has a {there[-1].noun}", there[-1].quote) if there else None


def _may_be(mark: BodyMark, change: Change) -> bool:
    if change.part is None or mark.part is None:
        return True
    return near(mark.part, change.part, REGION)


def age_clash(actor: ActorState, change: Change, state: StoryState) -> Clash | None:
    """An age that a request says, against the profile's and the days that have gone by."""
    if actor.age is None:
        return None
    now = actor.age + state.day / DAYS_A_YEAR
    if abs(int(change.noun) - now) <= AGE_TOLERANCE_YEARS:
        return None
    return contradiction(change, f"is {actor.age}", "profile")
