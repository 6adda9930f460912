"""How a clause is meant: really, negated, supposed, dreamed, shown in a picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cluster.domain.story.reading import Modality
from cluster.domain.vocabulary import word_set

from . import words
from .syntax import VERBAL, lemma

if TYPE_CHECKING:
    from spacy.tokens import Token


UNSURE = word_set("would could might may should shall must 'd ll 'll wo will")
"""Auxiliaries of what may never be."""
SUPPOSING = word_set("perhaps maybe almost nearly formerly")
DEPICTING = word_set("show depict picture portray see feature be promise advertise")
"""What a picture does to what is in it."""
GOVERNED = word_set("xcomp ccomp prep dobj pcomp pobj acl advcl")
"""Dependencies of what a verb says how to mean."""
IMAGE_MODALITIES: dict[str, Modality] = {"dream": "dreamed", "memory": "remembered"}
"""Images that are no pictures -> how what is in them is meant."""
SUPPOSED_SENTENCE = re.compile(r"(Suppose|What if|Imagine|As if)\b")


def modality(token: Token) -> Modality:
    """How what a token says is meant, from what governs it."""
    current = token
    while True:
        above = current.head
        found = _modality_at(current, token)
        if found is None and above != current:
            found = _governed(current, above)
        if found is not None:
            return found
        if above == current or _is_a_clause_of_its_own(current):
            break
        current = above
    sentence = token.sent.text
    if sentence.rstrip().endswith("?") or SUPPOSED_SENTENCE.match(sentence.lstrip()):
        return "supposed"
    return "real"


def _is_a_clause_of_its_own(token: Token) -> bool:
    """A coordinated clause with its own subject, which is not meant as the first one is."""
    is_coordinated = token.dep_ == "conj" and token.pos_ == "VERB"
    has_subject = any(child.dep_ == "nsubj" for child in token.children)
    return is_coordinated and has_subject and lemma(token.head) not in words.DREAMS


def _modality_at(current: Token, token: Token) -> Modality | None:
    """What one of the tokens above says of how a token is meant."""
    if _is_negated(current, token):
        return "negated"
    if current.pos_ in VERBAL and (found := _clause(current, token)) is not None:
        return found
    if lemma(current) in words.IMAGES and current.is_ancestor(token) and current != token:
        return IMAGE_MODALITIES.get(lemma(current), "depicted")
    return "simile" if _is_a_simile(current, token) else None


def _is_negated(current: Token, token: Token) -> bool:
    kids = list(current.children)
    is_scope = current == token or current.pos_ in VERBAL or current.dep_ != "pobj"
    return (
        current.lower_ == "without"
        or (is_scope and any(map(_negates, kids)))
        or any(child.dep_ == "nsubj" and _is_nobody(child) for child in kids)
    )


def _negates(token: Token) -> bool:
    if token.lower_ == "only":
        return False
    no_longer = token.lower_ in {"longer", "more"}
    return (
        token.dep_ == "neg"
        or (no_longer and any(one.dep_ == "neg" for one in token.children))
        or (token.lower_ in words.NEGATIONS and token.dep_ in {"det", "advmod", "preconj", "cc"})
    )


def _is_nobody(token: Token) -> bool:
    return token.lower_ in {"nobody", "neither", "none", "nothing"} or any(
        one.lower_ in {"no", "neither"} for one in token.children
    )


def _is_a_simile(current: Token, token: Token) -> bool:
    """ "like a knife", "sharper than glass", "as sharp as glass"."""
    marks = (child.lower_ for child in current.children if child.dep_ == "mark")
    if current.dep_ == "advcl" and "like" in marks:
        return True
    if current == token:
        return False
    if current.lower_ in {"like", "than"} and current.dep_ in {"prep", "mark"}:
        return True
    if current.lower_ != "as" or current.dep_ != "prep":
        return False
    return any(one.lower_ == "as" for one in current.head.children if one != current)


def _clause(verb: Token, token: Token) -> Modality | None:
    """How a clause is meant, by its conjunction, auxiliaries, adverbs, and a picture in it."""
    kids = list(verb.children)
    if any(one.dep_ == "mark" and one.lower_ in {"if", "unless", "whether"} for one in kids):
        return "supposed"
    said = {one.lower_ for one in kids}
    perceives = "could" in said and lemma(verb) in {"feel", "see", "hear"}
    if not perceives and any(one.dep_ == "aux" and one.lower_ in UNSURE for one in kids):
        return "supposed"
    if "about" in said and token != verb:
        return "wished"
    used_to = lemma(verb) == "use" and verb.tag_ == "VBD"
    if used_to and token != verb and any(one.dep_ == "xcomp" for one in kids):
        return "remembered"
    if any(one.dep_ == "advmod" and one.lower_ in SUPPOSING for one in kids):
        return "supposed"
    return "depicted" if _is_shown_by_an_image(verb, token) else _inside_an_image(verb, token)


def _is_an_image(noun: str) -> bool:
    """A picture, a story or a dream; what is in a mirror is there."""
    return noun in words.IMAGES and noun not in words.MIRRORS


def _is_shown_by_an_image(verb: Token, token: Token) -> bool:
    """ "The poster shows her with a crown"."""
    shows = next((child for child in verb.children if child.dep_ == "nsubj"), None)
    if shows is None or shows == token or lemma(verb) not in DEPICTING:
        return False
    return _is_an_image(lemma(shows))


def _inside_an_image(verb: Token, token: Token) -> Modality | None:
    """ "In the photo she wears a crown"."""
    for prep in verb.children:
        if prep.dep_ != "prep" or prep.lower_ not in {"in", "on", "inside", "from", "into"}:
            continue
        is_near = prep.i < verb.i or token.i > prep.i or prep.lower_ == "in"
        for below in prep.children:
            noun = lemma(below) if below.dep_ == "pobj" else ""
            # She may as well put it "in a book", or spend "a coin".
            is_a_thing = noun in {"book", "coin"} and prep.i > verb.i
            if is_near and _is_an_image(noun) and below != token and not is_a_thing:
                return "dreamed" if noun in {"dream", "half-dream", "nightmare"} else "depicted"
    return None


def _governed(current: Token, above: Token) -> Modality | None:
    """How what a verb governs is meant: "refuses to", "dreams of"."""
    if above.pos_ != "VERB" or current.dep_ not in GOVERNED:
        return None
    verb, dep = lemma(above), current.dep_
    if verb in words.REFUSES and dep in {"xcomp", "pcomp", "prep"}:
        return "negated"
    if verb in words.REMEMBERS:
        return "remembered"
    if verb in words.DREAMS:
        return "dreamed" if verb in {"dream", "imagine"} else "wished"
    if verb == "think" and dep in {"prep", "ccomp"}:
        return "supposed"
    if verb in {"recall", "wonder"}:
        return "remembered"
    is_said_after = dep in {"xcomp", "ccomp"} and current.i > above.i
    return "supposed" if verb in words.SUPPOSES and is_said_after else None
