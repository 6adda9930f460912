"""Which thing of the story a noun phrase means: by head, colour, kind, and where it is worn."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from cluster.domain.story.reading import Change, SceneReading
from cluster.domain.story.state import (
    REGION,
    ActorState,
    Place,
    StoryState,
    Thing,
    agree,
    apply,
    colours,
    place_words,
)
from cluster.domain.story.state import same_place as same_body_place
from cluster.domain.vocabulary import word_set

from . import words
from .nouns import nouns

LAYERS = {
    "heels": "feet",
    "heel": "feet",
    "flip-flop": "feet",
    "stiletto": "feet",
    "mail": "mail",
    "hood": "head",
    "scrubs": "full",
    "boot": "feet",
    "shoe": "feet",
    "mac": "outer",
    "oilskin": "outer",
    "jean": "bottom",
    "jeans": "bottom",
    "breech": "bottom",
    "trouser": "bottom",
    "trousers": "bottom",
    "short": "bottom",
    "legging": "bottom",
    "dungaree": "full",
}
"""Garments that WordNet has in other senses only -> where they are worn."""
KINDS_OF_THINGS = ("garment", "weapon", "container", "thing", "place", "building", "vehicle")
"""Classes in which a noun may be a kind of another."""
KINDS_OF_PLACES = ("place", "building", "vehicle")
"""Those of them that are places."""
VAGUE = word_set("street room old new great little city town house main high low")
"""Words that the names of two places may share."""
ANY_PLACE = word_set("room building place land")
"""Nouns that nearly every place is a kind of."""
ANY_PLACE_OF_STORY = ANY_PLACE | {"house", "town"}
"""Those, and what of a story's places is named so loosely that it is no other place's kind."""
INNER = word_set(
    "room kitchen bedroom bathroom hall hallway corridor stair staircase stairwell cellar basement "
    "attic roof rooftop balcony porch terrace lobby lift elevator landing deck cabin "
    "hold bridge cockpit galley aisle nave altar stage backstage cubicle booth counter bar table "
    "office foyer vestibule bench doorstep threshold step pantry study parlour parlor "
    "washroom toilet bay compartment engine airlock alcove window shore bank "
    "summit edge foot corner bed cot tent loft "
    "locker garage shed veranda drawing-room dining nursery ward reception entrance gate"
)
"""Rooms and parts that most buildings, ships and towns have: naming one leaves nowhere."""


@cache
def layer(noun: str) -> str | None:
    """Where on the body a garment is worn: `outer`, `feet` …"""
    last = noun.rpartition("_")[2]
    if last in LAYERS:
        return LAYERS[last]
    for slot, roots in words.SLOTS.items():
        if last in roots.split():
            return slot
    known = nouns()
    for slot, roots in words.SLOTS.items():
        if any(known.is_a(one, root, "garment") for root in roots.split() for one in (noun, last)):
            return slot
    return None


@cache
def same(noun: str, other: str) -> bool:
    """Whether one thing may be called by both: a word, its kind, a synonym."""
    known = nouns()
    short, short_other = noun.rpartition("_")[2], other.rpartition("_")[2]
    if short == short_other:
        return True
    # "trench_coat" is a noun of its own: that a jacket is a coat makes it no trench coat.
    one = noun if known.classes(noun) else short
    another = other if known.classes(other) else short_other
    return _is_kind_of_the_other(one, another, KINDS_OF_THINGS)


@cache
def is_same_place(word: str, other: str) -> bool:
    """Whether one place may be called by both; `other` is a word of the story's place."""
    if word == other:
        return True
    if other in ANY_PLACE_OF_STORY or word in ANY_PLACE:
        return False
    return _is_kind_of_the_other(word, other, KINDS_OF_PLACES)


def _is_kind_of_the_other(noun: str, other: str, kinds: Sequence[str]) -> bool:
    known = nouns()
    return any(known.is_a(noun, other, kind) or known.is_a(other, noun, kind) for kind in kinds)


class Fit(NamedTuple):
    """How well a thing fits a noun phrase; the greater fits better.

    Args:
        sure: Its colours agree, and it is there.
        exact: It has the very noun.
        here: It is not gone.
        coloured: It has a colour that the phrase says.
        at: Its number: the newest of equals.
    """

    sure: bool
    exact: bool
    here: bool
    agrees: bool
    coloured: bool
    at: int


INHERITED = re.compile(
    r"(?:his|her|their) (?:\w+ )?(?:father|mother|grandfather|grandmother|uncle|aunt|brother|sister"
    r"|husband|wife|dad|mum|mom|gran|grandpa)'s\b",
    re.IGNORECASE,
)
"""How a thing is called that came from the family: "his father's sword"."""


class Resolver:
    """Gives each change of a text its entity, as the state goes on through the text."""

    def __init__(self, state: StoryState) -> None:
        self._state = state
        self._new = 0

    def resolved(self, changes: Iterable[Change]) -> list[Change]:
        """The changes in their order, each with the thing of the story that it means."""
        found = []
        for change in changes:
            found.append(self._resolve(change))
            self._state = apply(self._state, found[-1])
        return found

    def _resolve(self, change: Change) -> Change:
        match change.slot:
            case "place":
                return self._place(change)
            case "injuries":
                return self._hurt(change)
            case "outfit" | "props":
                return self._thing(change)
            case _:
                return change

    def _thing(self, change: Change) -> Change:
        """A change of a thing of the story, or of a new one."""
        if change.kind == "garment" or change.slot == "outfit":
            change = change.model_copy(update={"layer": layer(change.noun)})
        if INHERITED.match(change.phrase) and (heir := self._heir(change)) is not None:
            change = change.model_copy(update={"subject": heir})
        actor = self._state.actors.get(change.subject)
        if actor is None:
            return change
        known = _find(actor, change)
        if known is not None:
            worn = known.layer or change.layer
            return change.model_copy(update={"entity": known.id, "known": True, "layer": worn})
        self._new += 1
        name = f"{change.noun.replace('_', '-')}-{self._state.scene}-{self._new}"
        return change.model_copy(update={"entity": name})

    def _heir(self, change: Change) -> str | None:
        """Who of the cast has, or had, a thing that is called somebody's of the family."""
        for who, actor in self._state.actors.items():
            if any(one.noun == change.noun or same(change.noun, one.noun) for one in actor.things):
                return who
        return None

    def _hurt(self, change: Change) -> Change:
        """Whose wound is treated where nobody says whose it is, and one of the cast has one
        there: "puts stitches in the forearm"."""
        if change.owned or change.op not in {"treat", "be"} or change.part is None:
            return change
        hurt = [
            who
            for who, one in self._state.actors.items()
            if any(
                wound.part and same_body_place(wound, change, REGION) for wound in one.open_wounds
            )
        ]
        return change.model_copy(update={"subject": hurt[0]}) if len(hurt) == 1 else change

    def _place(self, change: Change) -> Change:
        """Whether a place is the story's own, a part of it, or one that was left."""
        here, said = self._state.place, place_words(change)
        if here is None or not said:
            return change
        head = said[0]
        left = any(_is_there(said, one) for one in self._state.left)
        notes = []
        if _is_here(said, here):
            notes.append("same place")
        elif "outer" not in change.words and _is_inside(head, here.words):
            only_inner = head in INNER and len(said) == 1
            notes.append("inner" if only_inner or not left else "returned")
        return change.model_copy(
            update={"words": (*change.words, *notes), "known": bool(notes or left)}
        )


def _find(actor: ActorState, change: Change) -> Thing | None:
    """The best fitting thing; what is there before what is gone, and the newest of equals."""
    fitting = [
        (fit, one)
        for at, one in enumerate(actor.things)
        if (fit := _fit(change, one, at)) is not None
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _fit(change: Change, thing: Thing, at: int) -> Fit | None:
    """How well a thing fits what is said; None where it cannot be meant."""
    if not same(change.noun, thing.noun) and not _is_by_words(change, thing):
        return None
    said, its = colours(change.words), colours(thing.words)
    exact = change.noun.rpartition("_")[2] == thing.noun.rpartition("_")[2]
    agrees, here = agree(said, its), thing.where != "gone"
    introduces = change.op in {"wear", "take", "hold"} and not change.definite
    if not agrees and not exact:
        return None
    if introduces and not (here and agrees):
        return None
    return Fit(agrees and here, exact, here, agrees, bool(said & its), at)


def _is_by_words(change: Change, thing: Thing) -> bool:
    """Whether the noun is one of the other's attributes: "the green silk" for the silk gown."""
    return change.noun in thing.words and thing.where == "worn" and change.slot == "outfit"


def _is_here(said: Sequence[str], here: Place) -> bool:
    """Whether a place is the story's own: the same noun, or a name's word in common."""
    return any(is_same_place(said[0], one) for one in here.words[:6]) or bool(
        set(said) & set(here.words) - VAGUE
    )


def _is_there(said: Sequence[str], left: Place) -> bool:
    """Whether a place is one that was left: the same noun, or its proper name."""
    return any(is_same_place(said[0], other) for other in left.words[:4]) or bool(
        set(said[1:4]) & set(left.words[:4]) - VAGUE
    )


def _is_inside(word: str, whole: Sequence[str]) -> bool:
    """Whether a place lies in another as parts do, or as rooms lie in any house."""
    return word in INNER or any(nouns().is_part(word, one) for one in whole[:6])


def resolve(reading: SceneReading, state: StoryState) -> SceneReading:
    """A reading whose changes name the things of this state."""
    return reading.model_copy(update={"changes": tuple(Resolver(state).resolved(reading.changes))})
