"""The setting: where and when a story is after a change."""

from cluster.domain.story.reading import Change
from cluster.domain.vocabulary import word_set

from .values import Place, StoryState
from .wounds import healed_by_time

NOTES = word_set(
    "slug fragment ambient elsewhere from inner fixture shared outer path returned around near"
) | {"same place"}
"""Words of a change of place that say how it is meant, and name no place."""
KEPT_WORDS = 16
KEPT_PLACES = 40
MOMENT_DAYS = 0.1
"""So much story time goes by within one time of the day."""


def place_words(change: Change) -> tuple[str, ...]:
    """The nouns of a place, the narrowest first."""
    return tuple(one for one in (change.noun, *change.words) if one not in NOTES)


def with_place(state: StoryState, change: Change) -> StoryState:
    """The state after somebody has gone somewhere, left, or is said to be somewhere."""
    if change.op == "leave":
        if state.place is None or not change.known:
            return state
        return state.model_copy(update={"place": None, "left": _left(state)})
    if not _sets_the_place(state, change):
        return state
    words = place_words(change)
    here = state.place
    if here is not None and _is_within(change, here, state.scene):
        merged = tuple(dict.fromkeys((*words, *here.words)))[:KEPT_WORDS]
        return state.model_copy(update={"place": here.model_copy(update={"words": merged})})
    slug = ("slug",) if "slug" in change.words else ()
    place = Place(words=(*words, *slug), since=state.scene, quote=change.evidence.quote)
    return state.model_copy(update={"place": place, "left": _left(state, words)})


def _sets_the_place(state: StoryState, change: Change) -> bool:
    """Whether the story is where this says. Whoever goes takes it along; others only are there."""
    if change.op not in {"go", "be"} or change.subject not in state.actors:
        return False
    if change.op == "be" and change.subject != next(iter(state.actors)):
        return False
    notes = set(change.words)
    if state.place is not None and notes & {"ambient", "around", "near", "same place"}:
        return False
    return "elsewhere" not in notes or "shared" in notes


def _is_within(change: Change, here: Place, scene: int) -> bool:
    """Whether a place is told as a part of where the story is, or as more of the same."""
    if "slug" in change.words:
        return False
    is_fresh = here.since == scene
    return "inner" in change.words or (is_fresh and (change.op == "be" or "slug" in here.words))


def _left(state: StoryState, new: tuple[str, ...] = ()) -> tuple[Place, ...]:
    left = tuple(one for one in state.left if one.words[:1] != new[:1])
    return (*left, state.place)[-KEPT_PLACES:] if state.place is not None else left


def with_time(state: StoryState, change: Change) -> StoryState:
    """The state after time has gone by, or at an hour that is named."""
    if change.op != "pass":
        return state.model_copy(update={"hour": float(change.noun)})
    days = float(change.noun)
    hour = None if days > MOMENT_DAYS else state.hour
    state = state.model_copy(update={"day": state.day + days, "hour": hour})
    if days < 1:
        return state
    actors = {
        id: healed_by_time(actor, state.day, change.evidence.quote)
        for id, actor in state.actors.items()
    }
    return state.model_copy(update={"actors": actors})
