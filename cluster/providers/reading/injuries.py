"""Wounds that nouns name: on which part of the body, of whom, new, treated or healed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY, Op
from cluster.domain.vocabulary import word_set

from . import words
from .frames import HEALING, TREATING
from .nouns import nouns
from .scene import Scene
from .syntax import (
    NOMINAL,
    NounRole,
    is_introduced,
    lemma,
    modifiers,
    prepositions,
    role,
    side,
)

if TYPE_CHECKING:
    from spacy.tokens import Token


ALL = "all"
"""The noun of a change that is about every wound."""
ON = word_set(
    "in on across through into to above below under over around round from of at near for behind "
    "along"
)
"""Prepositions between a wound and the body part that it is on."""
BEFORE_A_WOUND = word_set("compound amod nmod poss")
"""Dependencies of a body part that stands before its wound: "knee injury"."""
WOUNDS_TOO = word_set(
    "cut gash wound bite graze scrape burn bruise blister blood stump fracture sprain scratch "
    "slash puncture hole lump stitch scab splinter concussion nosebleed limp stab"
)
"""Wounds, whatever share of the noun's uses are."""
WOUNDS_IF_ON_A_BODY = word_set(
    "cut bite burn hole graze scrape scratch slash lump blister splinter limp stitch stab bump"
)
DRESSINGS = word_set("bandage cast splint sling dressing plaster tourniquet gauze stitch")
GETTING = word_set("have get suffer receive leave take open feel give sustain catch")
"""Verbs by which a wound is new."""
REMOVING = word_set("remove snip take cut saw peel lose")


def is_wound(scene: Scene, token: Token) -> bool:
    """Whether a noun is a wound, or what a wound is dressed with."""
    base = scene.base(token).rpartition("_")[2]
    if base == "crutch":
        return False
    if base in WOUNDS_IF_ON_A_BODY:
        place = role(token)
        mends = verb_of(place) in HEALING and place.name in {"subject", "object"}
        return mends or part_of(token) is not None
    if base in DRESSINGS | WOUNDS_TOO:
        return True
    known = nouns()
    return known.share(base, "wound") >= 0.4 or known.share(base, "dressing") >= 0.5


def verb_of(place: NounRole) -> str:
    """The dictionary form of a role's verb, or nothing."""
    return lemma(place.verb) if place.verb is not None else ""


def part_of(token: Token) -> Token | None:
    """The body part that a wound is on, whatever the parser hung it on."""
    if (said := _body_part_on(prepositions(token))) is not None:
        parts = (one for of, one in prepositions(said) if of == "of" and is_body(one))
        return next(parts, said)  # "on the back of her hand": the hand
    before = (child for child in token.children if child.dep_ in BEFORE_A_WOUND)
    if (part := next(filter(is_body, before), None) or _body_part_after(token)) is not None:
        return part
    place = role(token)
    if place.verb is not None and place.name in {"object", "subject"}:
        return _body_part_on(prepositions(place.verb))
    return None


def is_body(token: Token) -> bool:
    """Whether a token names a body part."""
    return lemma(token) in words.REGION


def _body_part_on(near: Iterable[tuple[str, Token]]) -> Token | None:
    return next((below for prep, below in near if prep in ON and is_body(below)), None)


def _body_part_after(token: Token) -> Token | None:
    """A body part in the next words of the clause."""
    for one in token.doc[token.i + 1 : min(token.i + 8, token.sent.end)]:
        is_a_verb = one.pos_ == "VERB" and one.tag_ != "VBG" and one.dep_ != "relcl"
        if one.pos_ == "PUNCT" or is_a_verb:
            return None
        if one.pos_ in NOMINAL and is_body(one):
            return one
    return None


def _owner(scene: Scene, token: Token, part: Token | None, doer: str | None) -> str:
    people = scene.people
    for one in (part, token):
        if one is not None and (who := people.owner(one, doer)) and who != "thing":
            return who
    return doer or people.center or SOMEBODY


def read_wound(scene: Scene, token: Token) -> None:
    """A wound or a dressing: new, there, treated, or gone."""
    place, part = role(token), part_of(token)
    doer = scene.people.doer(place.verb)
    who = _owner(scene, token, part, doer)
    base = scene.base(token).rpartition("_")[2]
    if base == "limp" or (base == "blood" and part is None):
        return
    scene.add(
        token,
        who,
        _wound_told(token, place, base),
        "injuries",
        noun=base,
        kind="wound",
        part=lemma(part) if part is not None else None,
        which=side(part if part is not None else token),
        more=modifiers(part) if part is not None else (),
    )


def _wound_told(token: Token, place: NounRole, base: str) -> Op:
    verb = verb_of(place)
    is_dressing = base in DRESSINGS
    mends = (place.name == "object" and verb in HEALING) or (
        place.name == "subject" and verb in HEALING | {"vanish", "fade", "go"}
    )
    if mends or (is_dressing and _is_gone(place)):
        return "heal"
    if is_dressing and verb in TREATING | {"put", "make", "fit", "apply", "tape"}:
        return "treat"
    return "injure" if is_introduced(token) and verb in GETTING else "be"


def _is_gone(place: NounRole) -> bool:
    """Stitches out, the cast off: the wound has healed."""
    if place.verb is None or place.name not in {"object", "subject"}:
        return False
    verb, about = verb_of(place), {child.lower_ for child in place.verb.children}
    if place.name == "subject" and verb in {"be", "come"} and about & {"out", "off", "gone"}:
        return True
    return verb == "remove" or (verb in REMOVING and bool(about & {"out", "off", "away"}))
