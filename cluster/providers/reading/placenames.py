"""Place names: which nouns name a place, with what it lies in, and those of slug lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cluster.domain.story.reading import Change
from cluster.domain.vocabulary import word_set

from . import words
from .nouns import nouns
from .scene import Scene
from .syntax import NOMINAL, lemma, prepositions, role
from .text import Slug

if TYPE_CHECKING:
    from spacy.tokens import Token


REACHED = word_set("to into onto inside through across along up down over in on at aboard ashore")
"""Prepositions of a journey that comes to the place."""
THERE = word_set(
    "in at on inside aboard outside under beneath among between near by beside off above across "
    "around along amid within through from behind"
)
"""Prepositions that say where something is."""
NAMING = word_set("to into at in aboard from")
"""Prepositions after which a name with "the" is a place's."""
NAMED_AFTER = word_set("in to into at from through across near of outside toward")
"""Prepositions after which a name that nobody knows is a place's."""
OUTER = word_set("of in at on under over above by near aboard")
"""Prepositions between a place and what it lies in."""
NO_NAMES = word_set("the of a an in on at above by and")
"""Words of a slug line that name nothing."""


def is_place(scene: Scene, token: Token) -> bool:
    """Whether a noun names a place that a scene can be set in."""
    base = scene.base(token)
    last = base.rpartition("_")[2]
    if _is_no_place(last):
        return False
    who = scene.people.who(token)
    if scene.people.is_cast(who):
        return False
    place, known = role(token), nouns()
    located = place.name == "prep" and place.prep in THERE | REACHED
    named = token.pos_ == "PROPN" and any(child.lower_ == "the" for child in token.children)
    if located and named and place.prep in NAMING:
        return True
    if who and not (located and known.share(base, "place") + known.share(base, "building") >= 0.3):
        return False
    if located and _is_capital(token) and known.share(last, "place") > 0:
        return True
    return _is_kind_of_place(base) or _is_named_place(token, base)


def _is_no_place(noun: str) -> bool:
    part = noun in words.GARMENT_PARTS and noun != "crest"
    return part or any(noun in some for some in (words.COLOURS, words.NO_PLACES, words.REGION))


def _is_capital(token: Token) -> bool:
    """Whether a word is written as a name is, and not because a sentence begins."""
    return token.text[:1].isupper() and token.i > token.sent.start + 1


def _is_kind_of_place(base: str) -> bool:
    """Whether enough of a noun's uses are places, buildings or vehicles."""
    known = nouns()
    share = max(known.share(base, "place"), known.share(base, "building"))
    if share >= 0.3:
        return known.share(base, "person") <= 0.6 or known.share(base, "place") > 0.4
    if known.share(base, "vehicle") >= 0.5:
        return True
    others = known.classes(base, 0.4) & {"garment", "body", "animal", "weapon", "thing"}
    return share >= 0.15 and not others


def _is_named_place(token: Token, base: str) -> bool:
    """Whether a name stands where a place's does: "to Ostrevin"."""
    unknown = token.pos_ == "PROPN" and not nouns().classes(base, 0.3)
    return unknown and token.dep_ == "pobj" and token.head.lower_ in NAMED_AFTER


def chain(scene: Scene, token: Token) -> list[str]:
    """A place with what it lies in: "a ward at the hospital" -> ward, hospital."""
    base = scene.base(token)
    found = [base, *([base.rpartition("_")[2]] if "_" in base else [])]
    for child in token.children:
        if child.dep_ in {"compound", "nmod", "appos", "amod"} and child.pos_ in NOMINAL:
            found.append(lemma(child))
    for prep, below in prepositions(token):
        if prep in OUTER and (is_place(scene, below) or below.pos_ == "PROPN"):
            found += chain(scene, below)
            found.append("outer")
    return list(dict.fromkeys(found))


def of_slug(slug: Slug, subject: str, text: str) -> list[Change]:
    """The place of a slug line, with all its words: `INT. OFFICE, BACK ROOM - NIGHT`."""
    parts = re.split(r"\s*[,/–—]\s*|\s+-\s+", slug.place)
    named = [word.lower() for part in parts for word in re.findall(r"[\w'-]+", part)]
    said = [word for word in named if word not in NO_NAMES]
    if not said:
        return []
    inner = re.split(r"\s+(?:of|above|at|in|on|by)\s+", parts[0], flags=re.I)[0]
    head = re.findall(r"[\w'-]+", inner)
    noun = (head[-1].lower() if head else said[0]).removesuffix("'s")
    return [
        Change(
            subject=subject,
            op="go",
            slot="place",
            noun=noun,
            phrase=slug.place,
            kind="place",
            words=tuple(dict.fromkeys([noun, *said, "slug"])),
            definite=True,
            evidence=slug.evidence(text),
        )
    ]
