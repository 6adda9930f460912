"""Wounds that a request presupposes or denies, against those that are open."""

from cluster.domain.story.reading import Change
from cluster.domain.story.state import REGION, ActorState, StoryState, Wound, near, same_place
from cluster.domain.vocabulary import word_set

from .clash import Clash, Level, clash, contradiction, question

CAUSE = "Say how it came about."
HEALED = "Say that it has healed."
BROKEN = word_set("broken break fracture snap crack shatter dislocated")
"""Words of wounds on which nobody runs."""
LONG_HEALED_DAYS = 60
"""After so many days of the story a wound is healed for sure."""


def wound_clash(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    """What a change of the injuries presupposes and the actor's body denies."""
    if change.kind == "gait":
        return _gait(actor, change)
    if change.op == "lack":
        return _unhurt(actor, change)
    if change.op in {"injure", "heal"}:
        return None
    if change.kind == "health":
        return _wounded(actor, change)
    if change.part is None:
        is_news = bool(actor.open_wounds) or not change.owned
        return None if is_news else question(change, "there is no wound", "", CAUSE)
    if any(
        same_place(one, change, REGION) for one in actor.open_wounds if not _is_news(state, one)
    ):
        return None
    return _elsewhere(actor, change) or _healed(state, actor, change) or _new(state, actor, change)


def _is_news(state: StoryState, wound: Wound) -> bool:
    """Blood of this very request is no wound that was there before: "blood from her split lip"."""
    return wound.noun == "blood" and wound.since == state.scene


def _unhurt(actor: ActorState, change: Change) -> Clash | None:
    hurt = [
        one for one in actor.open_wounds if change.noun == "all" or same_place(one, change, REGION)
    ]
    return contradiction(change, told(hurt[-1]), hurt[-1].quote, HEALED) if hurt else None


def _wounded(actor: ActorState, change: Change) -> Clash | None:
    if actor.open_wounds:
        return None
    sure = "still" in change.words
    return clash(change, "contradiction" if sure else "question", "there is no wound", "", CAUSE)


def _elsewhere(actor: ActorState, change: Change) -> Clash | None:
    """The wound is there on the body's other side."""
    part = change.part or ""
    other = [one for one in actor.open_wounds if one.part and near(one.part, part, REGION)]
    return contradiction(change, told(other[-1]), other[-1].quote, CAUSE) if other else None


def _healed(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    healed = [one for one in actor.wounds if one.healed != "no" and same_place(one, change, REGION)]
    if not healed:
        return None
    last = healed[-1]
    sure = last.healed == "said" or state.day - last.day > LONG_HEALED_DAYS
    level: Level = "contradiction" if sure else "question"
    return clash(change, level, f"{told(last)}, and has healed", last.quote, CAUSE)


def _new(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    """A wound where none was told."""
    if not change.definite and not change.owned and change.kind == "wound":
        return None
    if state.scene == 0 and not actor.wounds:
        return question(change, "no wound was mentioned so far", "", CAUSE)
    if change.op == "treat":
        return question(change, "no wound was mentioned there", "", CAUSE)
    region = REGION.get(change.part or "")
    close = [one for one in actor.open_wounds if one.part and REGION.get(one.part) == region]
    if change.noun == "blood":
        return None if close else question(change, "no wound was mentioned there")
    close = [one for one in close if not _on_other_side(one, change)]
    if close and region not in {"face", "leg"}:
        return question(change, told(close[-1]), close[-1].quote)
    if not actor.open_wounds:
        return contradiction(change, "unhurt there", "", CAUSE)
    last = actor.open_wounds[-1]
    return contradiction(change, told(last), last.quote, CAUSE)


def _on_other_side(wound: Wound, change: Change) -> bool:
    return bool(wound.side and change.side and wound.side != change.side)


def _gait(actor: ActorState, change: Change) -> Clash | None:
    """Running and limping, against the legs as they are."""
    lame = [
        one
        for one in actor.open_wounds
        if one.part == "hip" or REGION.get(one.part or "") in {"leg", "foot"}
    ]
    if change.op == "mention":
        return None if lame else question(change, "no leg is hurt", "", CAUSE)
    if not lame:
        return None
    last = lame[-1]
    sure = last.treated or not BROKEN.isdisjoint((last.noun, *last.words))
    return clash(
        change,
        "contradiction" if sure else "question",
        told(last),
        last.quote,
        HEALED,
    )


def told(wound: Wound) -> str:
    """A wound in words: `the left arm was hurt in scene 3`."""
    where = " ".join(one for one in (wound.side, wound.part) if one)
    return f"the {where or wound.noun} was hurt in scene {wound.since}"
