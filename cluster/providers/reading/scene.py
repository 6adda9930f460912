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
    role,
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
        """Write down what is said of a noun; `at` is where it is said, if elsewhere,
        and a `bare` one has only the words of `more`."""
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
                words=tuple(dict.fromkeys((*(() if bare else modifiers(token)), *more))),
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

    def antecedents(self, token: Token) -> list[Token]:
        """What "it", "them" or "both" means: the last thing that something was done to; for more
        than one, its whole list."""
        near = [one for one in self.things if one.i != token.i][-6:]
        acted = [one for one in near if role(one).name in {"object", "subject", "none", "attribute"}]
        if not near:
            return []
        last = (acted or near)[-1]
        if token.lower_ == "it":
            return [last]
        if token.lower_ == "both":
            return near[-2:]
        first = last
        while first.dep_ == "conj":
            first = first.head
        group = [one for one in near if one == first or first.is_ancestor(one) and one.dep_ == "conj"]
        return group if len(group) > 1 else [last]


def is_noun(token: Token) -> bool:
    return token.pos_ in NOMINAL


def is_body(token: Token) -> bool:
    return lemma(token) in words.REGION
