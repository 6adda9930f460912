"""The fold: each change of a request, told to the part of the state that it is about."""

from collections.abc import Iterable

from cluster.domain.story.reading import Change

from .looks import with_look, with_mark
from .setting import with_place, with_time
from .things import with_thing
from .values import ActorState, StoryState
from .wounds import with_wound

KEPT_OTHERS = 60
"""So many things of somebody else's are remembered."""


def after(state: StoryState, changes: Iterable[Change], scene: int) -> StoryState:
    """The state after a scene's changes; what is not real changes nothing."""
    state = state.model_copy(update={"scene": scene})
    for change in changes:
        state = apply(state, change)
    return state


def apply(state: StoryState, change: Change) -> StoryState:
    """The state after one change."""
    if change.modality != "real":
        return state
    if change.slot == "time":
        return with_time(state, change)
    if change.slot == "place":
        return with_place(state, change)
    actor = state.actors.get(change.subject)
    if actor is None:
        return _with_others(state, change)
    changed = _changed(actor, change, state)
    if changed is actor:
        return state
    return state.model_copy(update={"actors": {**state.actors, actor.id: changed}})


def _changed(actor: ActorState, change: Change, state: StoryState) -> ActorState:
    match change.slot:
        case "outfit" | "props":
            return with_thing(actor, change, state.scene)
        case "injuries":
            return with_wound(actor, change, state)
        case "hair":
            return with_look(actor, change, state.scene)
        case "marks":
            return with_mark(actor, change, state.scene)
        case _:
            return actor


def _with_others(state: StoryState, change: Change) -> StoryState:
    """The state that knows what a person who is not in the cast has."""
    if change.slot not in {"outfit", "props"}:
        return state
    if change.op in {"drop", "give", "lose", "take_off", "lack"}:
        return state
    has = change.owned or change.op in {"hold", "take", "use", "wear"}
    if change.slot == "props" and not has:
        return state
    said = (change.noun, change.evidence.quote)
    return state.model_copy(update={"others": (*state.others, said)[-KEPT_OTHERS:]})
