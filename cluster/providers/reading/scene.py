"""One text while it is read: its parse, its people, and how a change is written down."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from spacy.tokens import Span, Token

from cluster.domain.story.reading import SOMEBODY, Change, Evidence, Modality, Op, Slot

from . import words
from .nouns import nouns
from .people import People
from .syntax import (
    NOMINAL,
    is_definite,
    is_introduced,
    lemma,
    modality,
    modifiers,
    noun_lemma,
    possessor,
    side,
)
from .text import Plain


class Noun(NamedTuple):
    """A noun as it is spoken of."""

    token: Token
    base: str
    words: tuple[str, ...]
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
    ) -> None:
        """Write down what is said of a noun; `at` is where it is said, if elsewhere."""
        said = at if at is not None else token
        meant = means or modality(said)
        base = noun or self.base(token)
        on = which if which is not None else (side(token) if slot in {"injuries", "marks", "eyes"} else None)
        self.changes.append(
            Change(
                subject=subject if self.people.is_cast(subject) else SOMEBODY,
                op=op,
                slot=slot,
                noun=base,
                phrase=self._phrase(token),
                kind=kind,
                words=tuple(dict.fromkeys((*modifiers(token), *more))),
                part=part,
                side=on if on in {"left", "right"} else None,  # type: ignore[arg-type]
                definite=is_definite(token) if definite is None else definite,
                owned=possessor(token) is not None,
                modality=meant,
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
        start, end = self.plain.span(span.start_char, span.end_char)
        return Evidence(start=start, end=end, quote=self.text[start:end])

    def _phrase(self, token: Token) -> str:
        first = min((one.i for one in token.subtree if one.i <= token.i and token.i - one.i < 8), default=token.i)
        return self.quote(token.doc[first : token.i + 1]).quote

    def base(self, token: Token) -> str:
        """The noun's dictionary form; two words where WordNet has the two (trench coat)."""
        head = noun_lemma(token)
        for child in token.children:
            two = f"{child.lower_}_{head}"
            if child.dep_ in {"compound", "amod"} and child.i == token.i - 1 and nouns().classes(two):
                return two
        return head

    def noun(self, token: Token) -> Noun:
        return Noun(token, self.base(token), modifiers(token), is_definite(token), is_introduced(token))

    def antecedent(self, token: Token, kinds: frozenset[str]) -> Token | None:
        """What "it" or "them" means: the last thing spoken of that is of one of the classes."""
        for one in reversed(self.things[-8:]):
            if one.i == token.i:
                continue
            if nouns().classes(noun_lemma(one), 0.05) & kinds:
                return one
        return None


def is_noun(token: Token) -> bool:
    return token.pos_ in NOMINAL


def is_body(token: Token) -> bool:
    return lemma(token) in words.REGION
