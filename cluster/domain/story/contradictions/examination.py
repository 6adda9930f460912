"""The examination of a request: every change against what holds before it."""

from collections.abc import Iterable, Sequence

from cluster.domain.story.reading import Change
from cluster.domain.story.state import ActorState, StoryState, apply

from .clash import Clash
from .looks import age_clash, denied_mark_clash, eye_clash, hair_clash, mark_clash
from .outfit import outfit_clash
from .props import prop_clash
from .setting import place_clash, time_clash
from .wounds import wound_clash

JOURNEY_DAYS = 0.02
"""A text in which more story time goes by may be anywhere."""


def examine(state: StoryState, changes: Iterable[Change]) -> tuple[tuple[Clash, ...], StoryState]:
    """The contradictions of a request's changes, each against what holds before it, and the state
    after them."""
    found: list[Clash] = []
    changes = list(changes)
    travels = _travels(changes)
    for change in changes:
        if clash := _clash(state, change, travels=travels):
            found.append(clash)
        state = apply(state, change)
    return tuple(dict.fromkeys(found)), state


def _travels(changes: Sequence[Change]) -> bool:
    """Whether the text itself tells that time goes by or somebody goes somewhere."""
    return any(
        change.modality == "real" and (_is_a_journey(change) or _is_a_while(change))
        for change in changes
    )


def _is_a_journey(change: Change) -> bool:
    return change.slot == "place" and change.op == "go" and "path" not in change.words


def _is_a_while(change: Change) -> bool:
    return change.slot == "time" and change.op == "pass" and float(change.noun) > JOURNEY_DAYS


def _clash(state: StoryState, change: Change, *, travels: bool) -> Clash | None:
    if change.modality == "negated" and change.slot == "marks":
        return denied_mark_clash(state, change)
    if change.modality != "real" or "pronoun" in change.words:
        return None
    if change.slot == "time":
        return time_clash(state, change)
    if change.slot == "place":
        return place_clash(state, change, travels=travels)
    actor = state.actors.get(change.subject)
    return _clash_of(actor, state, change) if actor is not None else None


def _clash_of(actor: ActorState, state: StoryState, change: Change) -> Clash | None:
    match change.slot:
        case "outfit":
            return outfit_clash(state, actor, change)
        case "props":
            return prop_clash(state, actor, change)
        case "injuries":
            return wound_clash(state, actor, change)
        case "hair":
            return hair_clash(actor, change)
        case "eyes":
            return eye_clash(actor, change)
        case "marks":
            return mark_clash(actor, change)
        case "age":
            return age_clash(actor, change, state)
        case _:
            return None
