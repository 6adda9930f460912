"""Verb arguments: a noun with its verb, its doer and its owner, and where the verb takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cluster.domain.story.reading import SOMEBODY, Op, Slot
from cluster.domain.vocabulary import word_set

from . import words
from .frames import GIVERS, operation
from .people import People
from .scene import Scene
from .syntax import NounRole, around, frames, lemma, prepositions, role

if TYPE_CHECKING:
    from spacy.tokens import Token


TRADING = frozenset({"trade", "swap", "exchange", "barter"})
"""Verbs that give one thing for another."""
HANDS = frozenset({"hand", "palm", "arm", "fist", "finger", "lap"})
"""What one gets a thing into."""
SIDES = frozenset({"side", "back", "inside", "bottom", "top", "front", "lining", "pocket"})
"""Parts that stand for the whole: "the bottom of her bag"."""
PUT_AT = word_set(
    "in into inside on onto under behind down through at to over against around round back between "
    "among from beneath across"
)
"""Prepositions that say where a thing is put."""
KEPT_IN = word_set(
    "in into inside under behind on down through around over to beneath onto across at"
)
"""Those of them by which it is put into a pocket or a bag."""
HUNG_ON = frozenset({"over", "around", "round", "on", "across"})
"""Those of them by which a body part carries it."""
PASSED = frozenset({"from", "over", "to", "across"})
"""Those of them by which it may go on and come to rest nowhere."""
THROWING = frozenset({"throw", "toss", "push"})
"""Verbs after which a thing comes to rest somewhere else."""

BEING = word_set("is was are were 's been")
"""Auxiliaries of what is done to a thing."""


class Argument(NamedTuple):
    """A noun as an argument of its verb.

    Args:
        verb: The verb's dictionary form, empty in a fragment.
        doer: Who does the verb; null for a thing, or where nobody is said.
        owner: Whose the noun is said to be; null where nothing is said.
        op: What the verb does to it, null where no frame says so.
        frame: The frame that says so, or empty.
        classes: The classes of WordNet that the noun is read by; none for an unknown one.
        slot: What a change of it is about, unless it is said otherwise.
    """

    scene: Scene
    token: Token
    place: NounRole
    verb: str
    doer: str | None
    owner: str | None
    op: Op | None
    frame: str
    classes: frozenset[str]
    slot: Slot
    kind: str

    @property
    def people(self) -> People:
        """Who was spoken of so far."""
        return self.scene.people

    @property
    def cast_doer(self) -> str | None:
        """The doer, where it is one of the cast."""
        return self.doer if self.people.is_cast(self.doer) else None

    @property
    def may_be_cast(self) -> bool:
        """Whether one of the cast does it, or nobody is said to."""
        return self.doer is None or self.people.is_cast(self.doer)

    def has_prep(self, *preps: str) -> bool:
        """Whether it hangs on one of these prepositions."""
        return self.place.name == "prep" and self.place.prep in preps

    def is_definite(self) -> bool:
        """Whether it is presupposed: "the coat", "her coat"."""
        return self.scene.noun(self.token).definite

    def add(
        self, who: str | None, op: Op, *, slot: Slot | None = None, more: Sequence[str] = ()
    ) -> None:
        """Write down what is said of it; of somebody, where `who` is null."""
        self.scene.add(
            self.token, who or SOMEBODY, op, slot or self.slot, kind=self.kind, more=more
        )


def argument(
    scene: Scene, token: Token, slot: Slot, kind: str, classes: frozenset[str]
) -> Argument:
    """A noun in its clause; the verb frames of its classes count for it, else those of things."""
    place = role(token)
    doer = scene.people.doer(place.verb)
    owner = scene.people.owner(token, doer)
    op, frame = operation(frames(place), classes or frozenset({"thing"})) or (None, "")
    return Argument(
        scene=scene,
        token=token,
        place=place,
        verb=lemma(place.verb) if place.verb is not None else "",
        doer=doer,
        owner=None if owner == "thing" else owner,
        op=op,
        frame=frame,
        classes=classes,
        slot=slot,
        kind=kind,
    )


def given_to(noun: Argument) -> str | None:
    """The recipient of a thing: the indirect object, "to Beck", "into his hand"."""
    place, people = noun.place, noun.people
    if place.verb is None or (place.passive and noun.verb in GIVERS):
        return None
    for child in place.verb.children:
        if child.dep_ == "dative":
            below = next((one for one in child.children if one.dep_ == "pobj"), child)
            if who := people.who(below, noun.doer):
                return who
    for prep, below in around(place.verb, noun.token):
        if prep in {"to", "into", "in", "onto", "at"}:
            if (who := people.who(below, noun.doer)) and prep == "to":
                return who
            if lemma(below) in HANDS:
                return people.owner(below, noun.doer)
    return None


def put_where(noun: Argument, who: str) -> tuple[str | None, str]:
    """Where a thing goes, and whose that is: `own` is in something of one's own, `other`
    anywhere else; None where nothing is said."""
    if noun.place.verb is None:
        return None, who
    people = noun.people
    for prep, below in sorted(around(noun.place.verb, noun.token), key=lambda pair: pair[1].i):
        if below.i < noun.token.i or prep not in PUT_AT:
            continue
        goal = _whole(below)
        owner, base = people.owner(goal, who), lemma(goal)
        mine = owner in {None, who, "thing"} or people.is_cast(owner)
        whose = owner if owner is not None and people.is_cast(owner) else who
        if base in words.STORAGES and mine and prep in KEPT_IN:
            return "own", whose
        if base in words.REGION and mine:
            return ("own" if prep in HUNG_ON else None), whose
        if prep not in PASSED or noun.verb in THROWING:
            return "other", who
    return None, who


def _whole(part: Token) -> Token:
    """The bag of "the bottom of her bag"."""
    if lemma(part) not in SIDES:
        return part
    return next((one for of, one in prepositions(part) if of == "of"), part)


def held_by(noun: Argument) -> str | None:
    """Whose grip a thing is torn from: "off her wrist", "from her hand", "out of his grip"."""
    people = noun.people
    for prep, below in around(noun.place.verb, noun.token):
        if prep in {"off", "from", "of"}:
            who = people.owner(below, None) or people.who(below)
            if people.is_cast(who):
                return who
    return None


def goes_to_somebody(noun: Argument, verb: Token) -> bool:
    """As in "the lantern goes to Beck"."""
    return any(prep == "to" and noun.people.who(below) for prep, below in prepositions(verb))


def is_taken_away(verb: Token) -> bool:
    """As in "is gone", "was stolen"."""
    helped = any(child.lower_ in BEING for child in verb.children)
    return lemma(verb) in {"go", "steal"} and verb.tag_ == "VBN" and helped
