"""A clash: one contradiction of a request, with both sides' words."""

from typing import Literal

from cluster.domain.story.reading import Change
from cluster.domain.story.state import Thing
from cluster.domain.value import Value

Level = Literal["contradiction", "question"]


class Clash(Value):
    """One contradiction of a request.

    Args:
        requested: The request's own words.
        state: What stands against it, in words.
        evidence: The words that the state has it from.
        resolve: What would make both true.
    """

    slot: str
    level: Level
    subject: str
    requested: str
    state: str
    evidence: str = ""
    resolve: str = ""


def contradiction(change: Change, state: str, evidence: str = "", resolve: str = "") -> Clash:
    """Of a change and what cannot be beside it."""
    return clash(change, "contradiction", state, evidence, resolve)


def question(change: Change, state: str, evidence: str = "", resolve: str = "") -> Clash:
    """Of a change and what may be news or an error."""
    return clash(change, "question", state, evidence, resolve)


def clash(change: Change, level: Level, state: str, evidence: str = "", resolve: str = "") -> Clash:
    """Of a change and what stands against it, as sure as `level` says."""
    return Clash(
        slot=change.slot,
        level=level,
        subject=change.subject,
        requested=change.evidence.quote,
        state=state,
        evidence=evidence,
        resolve=resolve,
    )


GONE = {
    "take_off": "was taken off",
    "give": "was given away",
    "drop": "was left behind",
    "lose": "was lost",
    "replaced": "was changed for other clothes",
    "stow": "was put away",
}
"""How a thing went -> what one says of it."""


def gone(change: Change, thing: Thing, level: Level = "contradiction") -> Clash:
    """Of a change that needs a thing that is gone."""
    how = GONE.get(thing.how, "is gone")
    return clash(
        change,
        level,
        f"the {spoken(thing.noun)} {how} in scene {thing.since}",
        thing.quote,
        f"Tell how the {spoken(thing.noun)} comes back.",
    )


def spoken(noun: str) -> str:
    """A noun as one says it: `rain coat`."""
    return noun.replace("_", " ")


def is_named(thing: Thing, change: Change) -> bool:
    """Whether a thing is called by its own noun, and not by a kindred one."""
    return thing.noun.rpartition("_")[2] == change.noun.rpartition("_")[2]
