"""Which thing of the story a noun phrase means: by head, colour, kind, and where it is worn."""

from collections.abc import Iterable, Sequence
from functools import cache

from cluster.domain.story.reading import Change, SceneReading
from cluster.domain.story.state import (
    Actor,
    StoryState,
    Thing,
    agree,
    apply,
    colours,
    place_words,
)

from . import words
from .nouns import nouns


@cache
def layer(noun: str) -> str | None:
    """Where on the body a garment is worn: `outer`, `feet` …"""
    last = noun.rpartition("_")[2]
    for slot, roots in words.SLOTS.items():
        if last in roots.split():
            return slot
    known = nouns()
    for slot, roots in words.SLOTS.items():
        if any(known.is_a(one, root, "garment") for root in roots.split() for one in (noun, last)):
            return slot
    return {"heels": "feet", "stiletto": "feet", "mail": "mail", "hood": "head", "scrubs": "full",
            "boot": "feet", "shoe": "feet", "mac": "outer", "oilskin": "outer"}.get(last)  # fmt: skip


@cache
def same(noun: str, other: str) -> bool:
    """Whether one thing may be called by both: a word, its kind, a synonym."""
    if noun == other:
        return True
    a, b = noun.rpartition("_")[2], other.rpartition("_")[2]
    if a == b:
        return True
    known = nouns()
    for kind in ("garment", "weapon", "container", "thing", "place", "building", "vehicle"):
        if known.is_a(noun, other, kind) or known.is_a(other, noun, kind):
            return True
        if known.is_a(a, b, kind) or known.is_a(b, a, kind):
            return True
    return False


class Resolver:
    """Gives each change of a text its entity, as the state goes on through the text."""

    def __init__(self, state: StoryState) -> None:
        self._state = state
        self._new = 0

    def resolved(self, changes: Iterable[Change]) -> list[Change]:
        found = []
        for change in changes:
            change = self._resolve(change)
            found.append(change)
            self._state = apply(self._state, change)
        return found

    def _resolve(self, change: Change) -> Change:
        if change.slot == "place":
            return self._place(change)
        if change.slot not in {"outfit", "props"}:
            return change
        more: dict[str, object] = {}
        if change.kind == "garment" or change.slot == "outfit":
            more["layer"] = layer(change.noun)
        actor = self._state.actors.get(change.subject)
        if actor is None:
            return change.model_copy(update=more)
        known = self._find(actor, change)
        if known is not None:
            return change.model_copy(update={**more, "entity": known.id, "known": True, "layer": known.layer or more.get("layer")})
        self._new += 1
        id = f"{change.noun.replace('_', '-')}-{self._state.scene}-{self._new}"
        return change.model_copy(update={**more, "entity": id})

    def _find(self, actor: Actor, change: Change) -> Thing | None:
        """The best fitting thing; what is there before what is gone, and the newest of equals."""
        ranked = []
        said = colours(change.words)
        introduces = change.op in {"wear", "take", "hold"} and not change.definite
        for at, one in enumerate(actor.things):
            if not same(change.noun, one.noun) and not _by_words(change, one):
                continue
            exact = change.noun == one.noun or change.noun.rpartition("_")[2] == one.noun.rpartition("_")[2]
            fits = agree(said, colours(one.words))
            if not fits and not exact:
                continue
            if introduces and (one.where == "gone" or not fits):
                continue
            here = one.where != "gone"
            ranked.append(((fits and here, exact, here, fits, bool(said & colours(one.words)), at), one))
        return max(ranked, key=lambda pair: pair[0])[1] if ranked else None

    def _place(self, change: Change) -> Change:
        here = self._state.place
        said = place_words(change)
        if here is None or not said:
            return change
        head, notes = said[0], []
        if any(same_place(head, one) for one in here.words[:6]) or set(said) & set(here.words) - {"street", "room"}:
            notes.append("same place")
        elif is_inside(head, here.words):
            notes.append("inner")
        left = [one for one in self._state.left if any(_same_word(word, other) for word in said[:3] for other in one.words[:4])]
        return change.model_copy(update={"words": (*change.words, *notes), "known": bool(notes or left)})


def _by_words(change: Change, thing: Thing) -> bool:
    """"the green silk" for the silk gown: the noun is one of the other's attributes."""
    return change.noun in thing.words and thing.where == "worn" and change.slot == "outfit"


INNER = frozenset(
    "room kitchen bedroom bathroom hall hallway corridor stair staircase stairwell cellar basement "
    "attic roof rooftop balcony porch terrace yard courtyard lobby lift elevator landing deck cabin "
    "hold bridge cockpit galley aisle nave altar stage backstage cubicle booth counter bar table "
    "office landing foyer vestibule bench doorstep threshold step pantry study parlour parlor "
    "washroom toilet garden lawn path bay compartment engine airlock alcove window shore bank "
    "clearing ridge slope summit edge foot street square corner pavement sidewalk bed cot tent loft "
    "locker garage shed veranda drawing-room dining nursery ward reception entrance gate".split()
)
"""Rooms and parts that most buildings, ships and towns have: naming one leaves nowhere."""


@cache
def same_place(word: str, other: str) -> bool:
    return _same_word(word, other)


@cache
def _same_word(word: str, other: str) -> bool:
    if word == other:
        return True
    known = nouns()
    return any(
        known.is_a(word, other, kind) or known.is_a(other, word, kind)
        for kind in ("place", "building", "vehicle")
        if other not in {"room", "building", "house", "place", "town", "land"} and word not in {"room", "building", "place", "land"}
    )


def is_inside(word: str, whole: Sequence[str]) -> bool:
    """Whether a place lies in another as parts do, or as rooms lie in any house."""
    known = nouns()
    return any(known.is_part(word, one) for one in whole[:6]) or word in INNER


def resolve(reading: SceneReading, state: StoryState) -> SceneReading:
    """A reading whose changes name the things of this state."""
    return reading.model_copy(update={"changes": tuple(Resolver(state).resolved(reading.changes))})
