"""Whose it is: names, pronouns and other people of a text, resolved to the cast or somebody else.

Pronouns go by gender and centering (Grosz, Joshi and Weinstein, 1995): the subject before, else
the member of the cast whom they fit. An object pronoun is never its own clause's subject.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from spacy.tokens import Token

from cluster.domain.character import Character
from cluster.domain.story.reading import SOMEBODY

from . import words
from .nouns import nouns
from .syntax import NOMINAL, noun_lemma, possessor, subject

Gender = Literal["woman", "man", "person"]
STAND_INS: dict[Gender, tuple[str, ...]] = {
    "woman": ("Mary", "Anna", "Susan", "Linda"),
    "man": ("John", "Peter", "David", "Robert"),
    "person": ("Alex", "Sam", "Robin", "Kim"),
}
"""Names that a parser knows for names: an invented one is often read as a verb or an adjective."""
FITS: dict[str, frozenset[str]] = {
    "she": frozenset({"woman", "person"}),
    "he": frozenset({"man", "person"}),
}


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

    @property
    def first(self) -> str:
        return next(iter(self._ids), SOMEBODY)

    def is_cast(self, who: str | None) -> bool:
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
        if written in words.SHE:
            return self._pronoun(token, "she", doer)
        if written in words.HE:
            return self._pronoun(token, "he", doer)
        if written in words.FIRST_PERSON:
            return self.first
        if written in words.THEY:
            return self._they(doer)
        if written in words.NOBODY:
            return SOMEBODY
        if token.pos_ in NOMINAL:
            return self._person(token)
        return None

    def spoke_of(self, who: str | None) -> None:
        """A sentence has this subject: the next pronoun may mean it."""
        if who is not None:
            self.center = who

    def _pronoun(self, token: Token, word: str, doer: str | None) -> str:
        possessive = token.dep_ == "poss" or token.lower_.endswith("self")
        fits = FITS[word]
        if doer is not None and self._fits(doer, fits):
            if possessive or token.dep_ in {"nsubj", "nsubjpass"}:
                return doer
            others = [one for one in self._known() if one != doer and self._fits(one, fits)]
            return self._nearest(others) or SOMEBODY
        if self.center is not None and self._fits(self.center, fits):
            return self._adopt(self.center, word)
        cast = [one.id for one in self._ids.values() if one.gender in fits and one.id != doer]
        exact = [one for one in cast if self._ids[one].gender == {"she": "woman", "he": "man"}[word]]
        if exact or cast:
            return (exact or cast)[0]
        return self._adopt(self._nearest([one for one in self._known() if self._fits(one, fits)]), word)

    def _they(self, doer: str | None) -> str | None:
        if doer is not None:
            return doer
        return self.center if self.is_cast(self.center) else self.first

    def _adopt(self, who: str | None, word: str) -> str:
        if who is None:
            return SOMEBODY
        if who not in self._ids:
            self._genders[who] = {"she": "woman", "he": "man"}[word]
        return who

    def _fits(self, who: str, genders: frozenset[str]) -> bool:
        if who in self._ids:
            return self._ids[who].gender in genders
        known = self._genders.get(who)
        return known is None or known in genders

    def _known(self) -> list[str]:
        return [*self._ids, *self._genders]

    def _nearest(self, some: list[str]) -> str | None:
        cast = [one for one in some if one in self._ids]
        return cast[0] if cast else (some[-1] if some else None)

    def _person(self, token: Token) -> str | None:
        for child in token.children:
            if child.dep_ in {"appos", "compound"} and child.lower_ in self._cast:
                return self._cast[child.lower_].id
        if token.dep_ == "appos" and token.head.lower_ in self._cast:
            return self._cast[token.head.lower_].id
        base, known = noun_lemma(token), nouns()
        gender = "woman" if base in words.WOMEN else "man" if base in words.MEN else None
        is_person = gender is not None or (
            max(known.share(base, "person"), known.share(base, "animal")) > 0.5
            and known.share(base, "place") < 0.5
        )
        if token.pos_ == "PROPN" and not is_person:
            is_person = not known.classes(base, 0.2) and _acts_like_a_person(token)
        if not is_person:
            return None
        key = f"{SOMEBODY}:{token.text if token.pos_ == 'PROPN' else base}"
        self._genders[key] = self._genders.pop(key, None) or gender
        return key

    def owner(self, token: Token, doer: str | None) -> str | None:
        """Whose a noun is said to be; None where nothing is said."""
        held_by = possessor(token)
        if held_by is not None:
            return self.who(held_by, doer) or "thing"
        for child in token.children:
            if child.dep_ == "prep" and child.lower_ == "of":
                for below in child.children:
                    found = self.who(below, doer) if below.dep_ == "pobj" else None
                    if found:
                        return found
        return None

    def doer(self, verb: Token | None) -> str | None:
        """Who does a verb; None where it is a thing, or nobody is said."""
        if verb is None:
            return None
        found, passive = subject(verb)
        if passive:
            return self._agent(verb)
        return self.who(found)

    def _agent(self, verb: Token) -> str | None:
        for child in verb.children:
            if child.dep_ == "agent":
                return next((self.who(below) for below in child.children if below.dep_ == "pobj"), None)
        return None


def _acts_like_a_person(token: Token) -> bool:
    """A name that is a subject, an object of talk, or owns something, and no place's name."""
    if token.dep_ in {"nsubj", "nsubjpass", "dobj", "dative", "poss", "appos", "conj"}:
        return True
    return token.dep_ == "pobj" and token.head.lower_ in {"with", "by", "for", "behind", "beside"}
