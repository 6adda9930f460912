"""Whose it is: names, pronouns and other people of a text, resolved to the cast or somebody else.

Pronouns go by gender and centering (Grosz, Joshi and Weinstein, 1995): the subject before, else
the member of the cast whom they fit. An object pronoun is never its own clause's subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from cluster.domain.character import Character
from cluster.domain.story.reading import SOMEBODY
from cluster.domain.vocabulary import word_set

from . import words
from .nouns import nouns
from .syntax import NOMINAL, noun_lemma, possessor, subject

if TYPE_CHECKING:
    from spacy.tokens import Token


Gender = Literal["woman", "man", "person"]
STAND_INS: dict[Gender, tuple[str, ...]] = {
    "woman": ("Mary", "Anna", "Susan", "Linda"),
    "man": ("Robert", "David", "Thomas", "Richard"),
    "person": ("Alex", "Sam", "Robin", "Kim"),
}
"""Names that a parser knows for names: an invented one is often read as a verb or an adjective."""
GENDER = {"she": "woman", "he": "man"}
FEMININE = re.compile(r"(?:a|ie|ette|elle|ine|ope|een|lyn|beth|ys|wen)$")
"""Endings of names that more women than men have."""
FITS: dict[str, frozenset[str]] = {
    "she": frozenset({"woman", "person"}),
    "he": frozenset({"man", "person"}),
}
"""Pronouns -> the genders of the cast whom they may mean."""
MODIFIED_BY = word_set("det conj amod poss compound")
"""Dependencies of words that a name has none of: "the", "old" …"""
NO_SUBJECTS = word_set("place weather time fabric wound")
"""Classes of nouns that are no people, even without an article."""


class Member(NamedTuple):
    """A member of the cast under the name that is parsed."""

    id: str
    name: str
    gender: Gender


def members(cast: Sequence[Character]) -> list[Member]:
    """The cast with stand-in names, each its own."""
    taken: dict[str, int] = {}
    found = []
    for one in cast:
        gender = one.profile.gender
        at = taken.get(gender, 0)
        taken[gender] = at + 1
        names = STAND_INS[gender]
        found.append(Member(one.id, names[at % len(names)], gender))
    return found


class People:
    """Who was spoken of so far. Other people have a key of their own, after `somebody`."""

    def __init__(self, cast: Sequence[Member]) -> None:
        self._cast = {one.name.lower(): one for one in cast}
        self._ids = {one.id: one for one in cast}
        self._genders: dict[str, str | None] = {}
        self.center: str | None = cast[0].id if cast else None
        self.present: str | None = None

    @property
    def first(self) -> str:
        """The first of the cast."""
        return next(iter(self._ids), SOMEBODY)

    @property
    def sufferer(self) -> str:
        """Whose it is when nobody says by whom something was done."""
        return self.present or (self.center if self.is_cast(self.center) else None) or self.first

    def is_cast(self, who: str | None) -> bool:
        """Whether an id is of the cast."""
        return who in self._ids

    def who(self, token: Token | None, doer: str | None = None) -> str | None:
        """A person's id or key; None for a thing.

        Args:
            doer: The subject of the token's clause, which an object pronoun cannot mean.
        """
        if token is None:
            return None
        written = token.lower_
        if member := self._cast.get(written.removesuffix("'s")):
            return member.id
        if written in words.SHE | words.HE:
            return self._pronoun(token, "she" if written in words.SHE else "he", doer)
        if written in words.FIRST_PERSON:
            return self.first
        if written in words.THEY:
            return self._they(doer)
        if written in words.NOBODY:
            return SOMEBODY
        return self._person(token) if token.pos_ in NOMINAL else None

    def without_names(self, words: Sequence[str]) -> tuple[str, ...]:
        """Words of a text without the names that stand in for the cast's."""
        return tuple(one for one in words if one.lower() not in self._cast)

    def begin(self, sentence: Sequence[Token]) -> None:
        """A sentence begins: the first of the cast that it names is present in it."""
        named = (self._cast[one.lower_].id for one in sentence if one.lower_ in self._cast)
        self.present = next(named, None)

    def spoke_of(self, who: str | None) -> None:
        """A sentence has this subject: the next pronoun may mean it."""
        if who is not None:
            self.center = who

    def _pronoun(self, token: Token, word: str, doer: str | None) -> str:
        if doer is not None and self._fits(doer, FITS[word]):
            return self._pronoun_beside(token, word, doer)
        if self.center is not None and self._fits(self.center, FITS[word]):
            return self._adopt(self.center, word)
        if (found := self._cast_by(word)) and found != doer:
            return found
        return self._adopt(self._nearest(self._fitting(word)), word)

    def _pronoun_beside(self, token: Token, word: str, doer: str) -> str:
        """A pronoun in the clause of a subject that it fits: the subject's own, or another's."""
        possessive = token.dep_ == "poss" or token.lower_.endswith("self")
        if possessive and self._is_rather_of_the_cast(doer, word):
            return self._cast_by(word) or doer
        if possessive or token.dep_ in {"nsubj", "nsubjpass"}:
            return self._adopt(doer, word)
        return self._nearest([one for one in self._fitting(word) if one != doer]) or SOMEBODY

    def _cast_by(self, word: str) -> str | None:
        """The first of the cast whom a pronoun fits, by the very gender if there is one."""
        cast = [one for one in self._ids.values() if one.gender in FITS[word]]
        exact = [one for one in cast if one.gender == GENDER[word]]
        return next((one.id for one in (*exact, *cast)), None)

    def _is_rather_of_the_cast(self, doer: str, word: str) -> bool:
        """ "Beck buttons her coat": a stranger of unknown gender, and one of the cast who fits."""
        named = doer.rpartition(":")[2][:1].isupper()
        stranger = doer not in self._ids and self._genders.get(doer) is None
        return named and stranger and self._cast_by(word) is not None

    def _they(self, doer: str | None) -> str | None:
        if doer is not None:
            return doer
        return self.center if self.is_cast(self.center) else self.first

    def _adopt(self, who: str | None, word: str) -> str:
        if who is None:
            return SOMEBODY
        if who not in self._ids:
            self._genders[who] = GENDER[word]
        return who

    def _fits(self, who: str, genders: frozenset[str]) -> bool:
        if who in self._ids:
            return self._ids[who].gender in genders
        known = self._genders.get(who)
        return known is None or known in genders

    def _fitting(self, word: str) -> list[str]:
        """Everybody known whom a pronoun fits."""
        known = (*self._ids, *self._genders)
        return [one for one in known if self._fits(one, FITS[word])]

    def _nearest(self, some: list[str]) -> str | None:
        cast = [one for one in some if one in self._ids]
        return cast[0] if cast else (some[-1] if some else None)

    def _person(self, token: Token) -> str | None:
        """A noun's or a name's person, who is then known."""
        if (named := self._named_beside(token)) is not None:
            return named
        base, is_name = noun_lemma(token), token.pos_ == "PROPN"
        if not (_is_a_word_for_a_person(base) or (is_name and _is_a_persons_name(token, base))):
            return None
        gender = "woman" if base in words.WOMEN else "man" if base in words.MEN else None
        if gender is None and is_name and FEMININE.search(base):
            gender = "woman"
        key = f"{SOMEBODY}:{token.text if is_name else base}"
        self._genders[key] = self._genders.pop(key, None) or gender
        return key

    def _named_beside(self, token: Token) -> str | None:
        """The one of the cast whose name stands with a noun: "the pilot Kairo"."""
        beside = [child for child in token.children if child.dep_ in {"appos", "compound"}]
        if token.dep_ == "appos":
            beside.append(token.head)
        return next((self._cast[one.lower_].id for one in beside if one.lower_ in self._cast), None)

    def owner(self, token: Token, doer: str | None) -> str | None:
        """Whose a noun is said to be; None where nothing is said."""
        held_by = possessor(token)
        if held_by is not None:
            return self.who(held_by, doer) or "thing"
        said = [child for child in token.children if child.dep_ == "prep" and child.lower_ == "of"]
        objects = (below for of in said for below in of.children if below.dep_ == "pobj")
        return next((who for below in objects if (who := self.who(below, doer))), None)

    def doer(self, verb: Token | None) -> str | None:
        """Who does a verb; None where it is a thing, or nobody is said."""
        if verb is None:
            return None
        found, passive = subject(verb)
        if passive:
            return self._agent(verb)
        if found is None and verb.tag_ in {"VBZ", "VBD", "VBP"}:
            return self.center  # "slips through the door": a fragment about whom it was about
        return self.who(found)

    def _agent(self, verb: Token) -> str | None:
        by = next((child for child in verb.children if child.dep_ == "agent"), None)
        if by is None:
            return None
        return next((self.who(below) for below in by.children if below.dep_ == "pobj"), None)


def _is_a_word_for_a_person(noun: str) -> bool:
    """Most of its uses are people, or animals, and not places."""
    known = nouns()
    return noun in words.WOMEN | words.MEN or (
        max(known.share(noun, "person"), known.share(noun, "animal")) > 0.5
        and known.share(noun, "place") < 0.5
    )


def _is_a_persons_name(token: Token, base: str) -> bool:
    is_of_nothing_else = not nouns().classes(base, 0.2) or _is_a_bare_subject(token)
    return _acts_like_a_person(token) and is_of_nothing_else


def _is_a_bare_subject(token: Token) -> bool:
    """ "Calliope smiles": English gives a thing an article, and a person none."""
    return (
        token.dep_ in {"nsubj", "nsubjpass"}
        and token.tag_ == "NNP"
        and token.text[:1].isupper()
        and not any(child.dep_ in MODIFIED_BY for child in token.children)
        and not nouns().classes(noun_lemma(token), 0.3) & NO_SUBJECTS
    )


def _acts_like_a_person(token: Token) -> bool:
    """A name that is a subject, an object of talk, or owns something, and no place's name."""
    if token.dep_ in {"nsubj", "nsubjpass", "dobj", "dative", "poss", "appos", "conj", "ROOT"}:
        return True
    return token.dep_ == "pobj" and token.head.lower_ in {"with", "by", "for", "behind", "beside"}
