"""The guard every prompt passes, whoever wrote it: what must be said is in it, or is put in.

It stays within the text encoder's token budget: what says the least about the character goes
first, and whatever has to go although it should be said is reported.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cluster.domain.prompting.facts import REQUIRED, Fact, clauses_of
from cluster.domain.value import Value

TokenCounter = Callable[[str], int]
"""Tokens that a text takes of the budget, the encoder's own marks included."""


class Guarded(Value):
    """A prompt that passed, what the guard put in, and what the budget could not hold."""

    prompt: str
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Clause(NamedTuple):
    """A part of a prompt with the rank of the most identifying fact it says."""

    text: str
    rank: int


UNRANKED = 9


def guard(prompt: str, facts: Sequence[Fact], budget: int, count: TokenCounter) -> Guarded:
    """Put in what is missing of the required facts, right after the opening, within the budget."""
    required = [fact for fact in facts if fact.kind in REQUIRED]
    said = clauses_of(prompt)
    missing = [fact for fact in required if not fact.said_in(said)]
    texts = [text.strip() for text in prompt.split(",") if text.strip()]
    front = [fact.phrase for fact in missing if fact.kind == "opening"]
    after = [fact.phrase for fact in sorted(missing, key=lambda fact: fact.rank)]
    after = [phrase for phrase in after if phrase not in front]
    kept = 0 if front else 1
    texts = [*front, *texts[:kept], *after, *texts[kept:]]
    fitted = fit([_ranked(text, facts) for text in texts], budget, count)
    final = clauses_of(fitted)
    return Guarded(
        prompt=fitted,
        added=tuple(fact.phrase for fact in missing if fact.said_in(final)),
        left_out=tuple(fact.phrase for fact in required if not fact.said_in(final)),
    )


def _ranked(text: str, facts: Sequence[Fact]) -> Clause:
    """A clause is as dear as the dearest fact it says."""
    said = clauses_of(text)
    return Clause(text, min((fact.rank for fact in facts if fact.said_in(said)), default=UNRANKED))


def fit(clauses: Sequence[Clause], budget: int, count: TokenCounter) -> str:
    """The clauses joined, without the least identifying, later ones first, that do not fit."""
    kept = list(clauses)
    while len(kept) > 1 and count(joined(kept)) > budget:
        worst = max(range(len(kept)), key=lambda at: (kept[at].rank, at))
        kept.pop(worst)
    return shortened(joined(kept), budget, count)


def joined(clauses: Sequence[Clause]) -> str:
    return ", ".join(clause.text for clause in clauses)


def shortened(text: str, budget: int, count: TokenCounter) -> str:
    """The longest run of first words that fits: for a single clause that is too long."""
    words = text.split()
    while words and count(" ".join(words)) > budget:
        words.pop()
    return " ".join(words)
