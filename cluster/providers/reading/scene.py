"""One text while it is read: its parse, its people, and how a change is written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from cluster.domain.story.reading import SOMEBODY, Change, Evidence, Modality, Op, Slot

from .modality import modality
from .nouns import nouns
from .people import People
from .syntax import (
    is_definite,
    is_introduced,
    modifiers,
    noun_lemma,
    possessor,
    role,
    side,
)
from .text import Plain

if TYPE_CHECKING:
    from spacy.tokens import Span, Token


MOST_WORDS_BEFORE: Final = 7
"""A quoted noun phrase begins at most so many words before its noun."""
MOST_ANTECEDENTS: Final = 6
"""A pronoun means one of so many last things."""
ACTED_ON = frozenset({"object", "subject", "none", "attribute"})
"""Roles of the things that a pronoun rather means."""


class Noun(NamedTuple):
    """How a noun is spoken of: presupposed ("the coat"), or introduced ("a coat")."""

    definite: bool
    introduced: bool


class Scene:
    """A piece of text that is being read.

    Args:
        text: The request itself.
        plain: What was parsed of it.
    """

    def __init__(self, text: str, plain: Plain, people: People) -> None:
        self.text, self.plain, self.people = text, plain, people
        self.things: list[Token] = []
        self.parts: list[Token] = []
        self.changes: list[Change] = []

    def add(
        self,
        token: Token,
        subject: str,
        op: Op,
        slot: Slot,
        *,
        noun: str | None = None,
        kind: str = "",
        more: Sequence[str] = (),
        part: str | None = None,
        which: str | None = None,
        means: Modality | None = None,
        definite: bool | None = None,
        at: Token | None = None,
        bare: bool = False,
    ) -> None:
        """Write down what is said of a noun.

        Args:
            more: Words to say of it besides its modifiers.
            which: Side of the body, where the noun itself does not say it.
            means: How it is meant, where the clause does not say it.
            at: Where it is said, if elsewhere.
            bare: Whether it has only the words of `more`.
        """
        said = at if at is not None else token
        described = () if bare else self.people.without_names(modifiers(token))
        self.changes.append(
            Change(
                subject=subject if self.people.is_cast(subject) else SOMEBODY,
                op=op,
                slot=slot,
                noun=noun or self.base(token),
                phrase=self._phrase(token),
                kind=kind,
                words=tuple(dict.fromkeys((*described, *self.people.without_names(more)))),
                part=part,
                side=_side(token, slot) if which is None else _sided(which),
                definite=is_definite(token) if definite is None else definite,
                owned=possessor(token) is not None,
                modality=means or modality(said),
                evidence=self.evidence(said),
            )
        )

    def evidence(self, token: Token) -> Evidence:
        """The clause that a token stands in."""
        verb = token
        while verb.head != verb and verb.pos_ not in {"VERB", "AUX"}:
            verb = verb.head
        left, right = min(token.left_edge.i, verb.i), max(token.right_edge.i, verb.i)
        for child in verb.children:
            if child.dep_ in {"nsubj", "nsubjpass", "dobj", "prt", "neg"}:
                left, right = min(left, child.left_edge.i), max(right, child.i)
        span = token.doc[left : right + 1]
        return self.quote(span)

    def quote(self, span: Span) -> Evidence:
        """The words of the request that a span was parsed of."""
        start, end = self.plain.span(span.start_char, span.end_char)
        return Evidence(start=start, end=end, quote=self.text[start:end])

    def _phrase(self, token: Token) -> str:
        before = range(token.i - MOST_WORDS_BEFORE, token.i + 1)
        first = min((one.i for one in token.subtree if one.i in before), default=token.i)
        return self.quote(token.doc[first : token.i + 1]).quote

    def base(self, token: Token) -> str:
        """The noun's dictionary form; two words where WordNet has the two (trench coat)."""
        head = noun_lemma(token)
        for child in token.children:
            two = f"{child.lower_}_{head}"
            is_before = child.dep_ in {"compound", "amod"} and child.i == token.i - 1
            if is_before and nouns().classes(two):
                return two
        return head

    def noun(self, token: Token) -> Noun:
        """How a noun is spoken of."""
        return Noun(is_definite(token), is_introduced(token))

    def antecedents(self, token: Token) -> list[Token]:
        """What "it", "them" or "both" means: the last thing that something was done to; for more
        than one, its whole list."""
        near = [one for one in self.things if one.i != token.i][-MOST_ANTECEDENTS:]
        if not near:
            return []
        acted = [one for one in near if role(one).name in ACTED_ON]
        last = (acted or near)[-1]
        if token.lower_ == "it":
            return [last]
        if token.lower_ == "both":
            return near[-2:]
        group = _list_of(last, near)
        return group if len(group) > 1 else [last]


def _list_of(last: Token, near: Sequence[Token]) -> list[Token]:
    """Those nouns that stand in one list with the last: "a sword, a knife and a bow"."""
    first = last
    while first.dep_ == "conj":
        first = first.head
    return [one for one in near if one == first or (first.is_ancestor(one) and one.dep_ == "conj")]


def _side(token: Token, slot: Slot) -> str | None:
    """`left` or `right` of a body part; things have no side."""
    return _sided(side(token)) if slot in {"injuries", "marks", "eyes"} else None


def _sided(which: str | None) -> str | None:
    return which if which in {"left", "right"} else None
