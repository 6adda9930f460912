"""Where and when a request says that the story is, against where and when it is."""

from cluster.domain.story.reading import Change
from cluster.domain.story.state import StoryState, place_words

from .clash import Clash, clash, contradiction, spoken

NEW = ("a ", "an ", "some ", "another ")
"""How a phrase begins that brings its place up for the first time."""
SAME_HOURS = 5
"""Times of the day that lie no further apart may be one."""
CLOCK = {
    5.5: "dawn",
    6.0: "sunrise",
    9.0: "morning",
    12.0: "noon",
    15.0: "afternoon",
    19.0: "sunset",
    19.5: "dusk",
    20.0: "evening",
    23.0: "night",
    24.0: "midnight",
}


def place_clash(state: StoryState, change: Change, *, travels: bool) -> Clash | None:
    """A place that nobody has gone to.

    Args:
        travels: Whether the request tells a journey, or that time goes by.
    """
    here = state.place
    if here is None or travels or change.subject not in state.actors or _is_reached(change):
        return None
    notes = set(change.words)
    if notes & {"same place", "inner", "slug", "elsewhere", "fragment"} or _is_new(change):
        return None
    weak = (
        change.op == "mention"
        or "returned" in notes
        or notes & {"ambient", "fixture"} == {"ambient"}
    )
    there = " ".join(place_words(change)[:1])
    return clash(
        change,
        "contradiction" if change.known and not weak else "question",
        f"the story is at the {spoken(here.words[0])}, not the {spoken(there)}",
        here.quote,
        "Say how they get there.",
    )


def _is_reached(change: Change) -> bool:
    if change.op == "leave":
        return True
    passes = "path" in change.words and change.known and change.definite
    return change.op == "go" and not passes


def _is_new(change: Change) -> bool:
    if change.op == "mention" and not change.known:
        return True
    return not change.definite and change.phrase.lower().startswith(NEW)


def time_clash(state: StoryState, change: Change) -> Clash | None:
    """A time of the day that it cannot be yet, or any more."""
    if change.op != "be" or state.hour is None or "same" not in change.words:
        return None
    apart = abs(float(change.noun) - state.hour) % 24
    if min(apart, 24 - apart) <= SAME_HOURS:
        return None
    now = CLOCK.get(state.hour, f"{state.hour:g} o'clock")
    return contradiction(change, f"it is {now}", "", "Say that time has gone by.")
