"""Things as subjects: what a thing does by itself, and who has it then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY
from cluster.domain.vocabulary import word_set

from . import words
from .arguments import Argument, goes_to_somebody, held_by, is_taken_away, put_where
from .frames import LOST
from .syntax import around, lemma, prepositions

if TYPE_CHECKING:
    from spacy.tokens import Token


BROKEN = word_set("gone lost stolen missing empty broken")
"""What a thing is said to be that nobody has any more."""
BREAKING = word_set("snap shatter break")
"""What a thing does that is of no use then."""
SLIPPING = word_set("go vanish disappear slide slip drop")
"""What a thing does that ends where it is said to."""
DANGLING = word_set("hang swing dangle bounce bump dig press rest lie be")
"""What a thing does that is carried on a body part."""
AWAY = word_set("away overboard off out down")
"""Adverbs of what gets lost."""
BEYOND = word_set("into over across out of onto")
"""Prepositions of what gets lost."""


def read_doing(noun: Argument, verb: Token) -> None:
    """What a thing does: "The revolver vanishes into her pocket", "the map is gone"."""
    people = noun.people
    victim = held_by(noun)
    holder = victim or noun.owner or people.present or people.center or SOMEBODY
    if _is_gone(verb):
        noun.add(holder, "lose")
        return
    if _stays_behind(verb):
        noun.add(holder, "drop")
        return
    where, holder = put_where(noun, holder)
    if noun.verb in SLIPPING and where:
        noun.add(holder, "stow" if where == "own" else "drop")
    elif noun.verb in {"go", "belong", "pass"} and goes_to_somebody(noun, verb):
        noun.add(holder, "give")
    elif noun.verb in BREAKING or _gets_away(verb, torn=victim is not None):
        noun.add(holder, "lose")
    elif noun.verb == "be" and _is_in_a_grip(verb):
        noun.add(holder, "hold", more=["in hand"])
    else:
        _read_carried(noun, verb, holder)


def _is_gone(verb: Token) -> bool:
    """As in "is stolen", "was gone", "gets lost"."""
    gone = any(child.lower_ in BROKEN for child in verb.children)
    return is_taken_away(verb) or (lemma(verb) in {"be", "get"} and gone)


def _stays_behind(verb: Token) -> bool:
    """As in "stays behind", "remains on the table"."""
    if lemma(verb) not in {"stay", "remain"}:
        return False
    return any(child.lower_ == "behind" for child in verb.children) or any(
        prep in {"in", "at", "on", "with"} for prep, _ in prepositions(verb)
    )


def _gets_away(verb: Token, *, torn: bool) -> bool:
    """As in "spins away", "falls into the river"; what is torn from somebody needs no more."""
    if lemma(verb) not in LOST:
        return False
    about = {child.lower_ for child in verb.children}
    return (
        torn or not about.isdisjoint(AWAY) or any(prep in BEYOND for prep, _ in prepositions(verb))
    )


def _is_in_a_grip(verb: Token) -> bool:
    return any(one.lower_ in {"hand", "fist", "grip"} for one in verb.subtree)


def _read_carried(noun: Argument, verb: Token, holder: str) -> None:
    """As in "bumps against her hip": a thing is on whose body or in whose bag it does so."""
    people = noun.people
    body = [below for _, below in prepositions(verb) if _is_body_or_belt(below)]
    if noun.verb in DANGLING and body:
        noun.add(people.owner(body[0], None) or holder, "hold")
    elif bearer := _bearer(noun, verb):
        noun.add(bearer, "hold")
    elif noun.owner:
        noun.add(noun.owner, "mention")
    elif noun.is_definite():
        noun.add(SOMEBODY, "mention")


def _is_body_or_belt(token: Token) -> bool:
    return lemma(token) in words.REGION or lemma(token) == "belt"


def _bearer(noun: Argument, verb: Token) -> str | None:
    """On whose body, or in whose bag, a thing does something that has no object."""
    if any(child.dep_ in {"dobj", "dative"} for child in verb.children):
        return None
    for _, below in around(verb, noun.token):
        who = noun.people.owner(below, None)
        kept = lemma(below) in words.REGION or lemma(below) in words.STORAGES
        if noun.people.is_cast(who) and kept:
            return who
    return None
