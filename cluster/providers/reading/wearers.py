"""On whose body a garment is: whom a verb dresses or undresses, and what is said to be on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.domain.vocabulary import word_set

from . import words
from .arguments import Argument
from .frames import DONNING
from .nouns import nouns
from .scene import Scene
from .syntax import around, lemma, objects, prepositions

if TYPE_CHECKING:
    from spacy.tokens import Token


ROUND_THE_BODY = word_set("on over around round about across upon")
"""Prepositions by which clothes come onto a body."""
LEAST_SHARE: Final = 0.15
"""A noun is taken for a garment where this share of its uses is one."""


def is_lying(token: Token) -> bool:
    """As in "his jacket on the nail": not on anybody."""
    return any(
        prep in {"on", "in", "under", "over"}
        and lemma(below) not in words.REGION
        and nouns().share(lemma(below), "garment") < LEAST_SHARE
        for prep, below in prepositions(token)
    )


def dressed(noun: Argument) -> str | None:
    """Whom a verb dresses: "buttons him into a shirt", "dressed her guest in a jersey"."""
    people = noun.people
    if noun.place.name == "prep" and noun.place.verb is not None:
        for one in objects(noun.place.verb):
            if who := people.who(one, noun.doer):
                strange = not people.is_cast(who) and noun.cast_doer is None
                return people.first if strange and one.pos_ == "NOUN" else who
    return _onto(noun)


def _onto(noun: Argument) -> str | None:
    """On whose body: "throws a cloak around Ostrevin's shoulders", "puts it on her"."""
    people = noun.people
    doer = noun.doer or people.present or people.center
    for prep, below in (*around(noun.place.verb, noun.token), *_next_to(noun.token)):
        if prep not in ROUND_THE_BODY:
            continue
        if lemma(below) in words.REGION or lemma(below) in words.HAIR:
            return people.owner(below, doer) or doer
        if who := people.who(below, doer):
            return who
        if below.lower_ in {"everything", "it", "all"} and prep == "over":
            return doer
        if nouns().share(lemma(below), "garment") >= LEAST_SHARE and prep in {"over", "on"}:
            return people.owner(below, doer) or doer
    return None


def _next_to(token: Token) -> list[tuple[str, Token]]:
    """As in "round his bare shoulders", where the parser took "round" for no preposition."""
    found = []
    for one in token.doc[token.i + 1 : min(token.i + 5, token.sent.end)]:
        if one.lower_ in {"round", "around", "over", "about"} and one.dep_ != "prep":
            near = token.doc[one.i + 1 : min(one.i + 5, token.sent.end)]
            body = (it for it in near if lemma(it) in words.REGION or it.tag_ == "PRP")
            found += [(one.lower_, below) for below in list(body)[:1]]
    return found


def on_body(scene: Scene, token: Token) -> str | None:
    """On whose body a garment is by its own words: "mittens on his hands"."""
    for prep, below in prepositions(token):
        if prep in {"on", "over", "around", "round", "about"}:
            if lemma(below) in words.REGION:
                return scene.people.owner(below, None) or scene.people.center
            if below.lower_ in {"everything", "all"}:
                return scene.people.center
    return None


def put_on(noun: Argument) -> str | None:
    """Who has it on after a verb that may dress: "pulls the cap back on"."""
    verb = noun.place.verb
    if verb is None or noun.verb not in DONNING:
        return None
    particles = {child.lower_ for child in verb.children if child.dep_ in {"prt", "advmod"}}
    on = _onto(noun)
    if particles & {"on", "back"} and noun.verb not in {"hang", "lay"}:
        return on or noun.doer
    return on


def undressed(noun: Argument) -> str | None:
    """Off whose body: "cuts the suit off her"."""
    for prep, below in around(noun.place.verb, noun.token):
        if prep == "off":
            who = noun.people.owner(below, None) or noun.people.who(below)
            if who:
                return who
    return None


def has_on(token: Token) -> bool:
    """As in "with his belt back on"."""
    if any(one.lower_ in {"on", "back"} for one in token.rights):
        return True
    for one in token.doc[token.i + 1 : min(token.i + 7, token.sent.end)]:
        if one.pos_ in {"PUNCT", "VERB"}:
            return False
        if one.lower_ == "on" and _ends_a_phrase(one):
            return True
    return False


def _ends_a_phrase(token: Token) -> bool:
    return token.i + 1 >= token.sent.end or token.nbor(1).pos_ in {"PUNCT", "CCONJ"}
