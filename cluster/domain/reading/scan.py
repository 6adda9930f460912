"""A request's spans, with what has been understood of them so far."""

from collections.abc import Iterator

from cluster.domain.reading.lexicon import Kind
from cluster.domain.reading.sentence import (
    ARTICLES,
    CLAUSE_WORDS,
    TextSpan,
    clause_after,
    clause_before,
    spans,
    tokens,
    without_lead_in,
)

MAX_WORD = 60
CUE_REACH = 4
"""Spans before a word in which a cue counts for it."""
LEANING = ARTICLES | {"with", "and"}
"""Words that lean on what follows and go when it goes."""


class Scan:
    """Spans of one request. `used` are those that a field has taken; of these, `aside` are said
    of permanent traits. Fields take what is theirs one after the other; `rest` is what stays."""

    def __init__(self, text: str, name: str) -> None:
        names = frozenset(word.lower() for word in tokens(name))
        self.sentence: list[TextSpan] = list(spans(tokens(without_lead_in(text)), names))
        self.used: set[int] = set()
        self.aside: set[int] = set()

    def of(self, *kinds: Kind) -> Iterator[tuple[int, TextSpan]]:
        for at, span in enumerate(self.sentence):
            if span.kind in kinds and at not in self.used:
                yield at, span

    def first(self, kind: Kind) -> str | None:
        """The first mention; later ones count as understood only when they say the same."""
        found = None
        for at, span in self.of(kind):
            found = found or span.value
            if span.value == found:
                self.used.add(at)
        return found

    def flag(self, kind: Kind) -> bool:
        ats = [at for at, _ in self.of(kind)]
        self.used.update(ats)
        return bool(ats)

    def next_to(self, at: int, step: int, *kinds: Kind) -> int | None:
        """Where a span of these kinds stands next to `at`, articles and `of` aside."""
        at += step
        while 0 <= at < len(self.sentence) and self.sentence[at].value in ARTICLES | {"of", "is"}:
            at += step
        inside = 0 <= at < len(self.sentence)
        return at if inside and self.sentence[at].kind in kinds else None

    def colour_of(self, at: int, names: dict[str, str]) -> str | None:
        """The colour said just before a noun (or after `is`), by its name on such things."""
        for step in (-1, -2):
            if at + step < 0:
                break
            span = self.sentence[at + step]
            if span.kind in {"colour", "haired"}:
                self.used.add(at + step)
                return names.get(span.value, span.value)
            if span.kind not in {"word", "hair_style", "cyber"}:
                break
        after = at + 2
        is_said = after < len(self.sentence) and self.sentence[at + 1].value in {"is", "are"}
        if is_said and self.sentence[after].kind == "colour":
            self.used.add(after)
            return names.get(self.sentence[after].value, self.sentence[after].value)
        return None

    def denied(self, at: int) -> bool:
        """Whether a span is said to be missing or let go of; the nearest cue before it rules."""
        cues = {"without", "drop", "still", "change"}
        for span in clause_before(self.sentence, at, CUE_REACH):
            if span.kind in cues:
                return span.kind in {"without", "drop"}
        return False

    def is_kind(self, at: int, kind: Kind) -> bool:
        return 0 <= at < len(self.sentence) and self.sentence[at].kind == kind

    def body_near(self, at: int) -> int | None:
        """Where the part of the body stands that a mark or wound is said to be on."""
        joints = {"on", "across", "above", "over", "under", "to", "in", "near", "at", "below"}
        adjacent = self.next_to(at, 1, "body")
        if adjacent is None:
            adjacent = self.next_to(at, -1, "body")
        if adjacent is not None and adjacent not in self.used:
            return adjacent
        following = list(clause_after(self.sentence, at, 4))
        if any(span.value in joints for span in following):
            for step, span in enumerate(following, start=1):
                if span.kind == "body" and at + step not in self.used:
                    return at + step
        return None

    def noun_after(self, at: int, *extras: Kind) -> tuple[int | None, list[int]]:
        """Up to three unknown words after `at`, articles aside, with a leading span of `extras`."""
        extra: int | None = None
        at += 1
        while at < len(self.sentence) and self.sentence[at].value in ARTICLES:
            at += 1
        if at < len(self.sentence) and self.sentence[at].kind in extras and at not in self.used:
            extra, at = at, at + 1
        noun: list[int] = []
        while len(noun) < 3 and self.is_kind_of_word(at + len(noun)):
            noun.append(at + len(noun))
        return extra, noun

    def is_kind_of_word(self, at: int) -> bool:
        inside = at < len(self.sentence) and at not in self.used
        return inside and self.sentence[at].kind == "word"

    def written(self, ats: list[int]) -> str:
        return clip(" ".join(self.sentence[at].text for at in ats))

    def text(self) -> str:
        """The request without its lead-in and without what it says of permanent traits."""
        keep: list[TextSpan] = []
        for at, span in enumerate(self.sentence):
            if at not in self.aside:
                keep.append(span)
            elif at - 1 not in self.aside:
                while keep and (keep[-1].kind == "without" or keep[-1].value in LEANING):
                    keep.pop()
        text = " ".join(span.text for span in keep)
        for mark in ",.;:!?":
            text = text.replace(f" {mark}", mark)
        return text.strip(" ,.;:!?")

    def rest(self) -> Iterator[str]:
        """Runs of words that no field has taken, with the verb before and the noun after them."""
        at = 0
        while at < len(self.sentence):
            if not self.is_left(at):
                at += 1
                continue
            end = at + 1
            while end < len(self.sentence) and self.runs_on(end):
                end += 1
            while not self.is_left(end - 1):
                end -= 1
            yield " ".join(span.text for span in self.sentence[self.begin(at) : self.finish(end)])
            at = end

    def is_left(self, at: int) -> bool:
        if at in self.used:
            return False
        cues = {"little", "stop", "still", "change", "hold", "wear", "without", "drop"}
        return self.sentence[at].kind not in cues

    def runs_on(self, at: int) -> bool:
        span = self.sentence[at]
        return self.is_left(at) or (span.kind == "little" and span.value not in CLAUSE_WORDS)

    def begin(self, at: int) -> int:
        """Where a run begins when the action or denial just before it belongs to it."""
        before = at - 1
        while before >= 0 and self.sentence[before].value in ARTICLES | {"with", "from", "at"}:
            before -= 1
        joins = {"action", "expression", "without", "drop", "change", "hold", "wear", "still"}
        return before if before >= 0 and self.sentence[before].kind in joins else at

    def finish(self, end: int) -> int:
        """Where a run ends when the noun just after it belongs to it ("raises his sword")."""
        nouns = {"place", "prop", "garment", "action", "injury"}
        after = end
        while after < len(self.sentence) and self.sentence[after].value in ARTICLES:
            after += 1
        return (
            after + 1 if after < len(self.sentence) and self.sentence[after].kind in nouns else end
        )


def clip(text: str, limit: int = MAX_WORD) -> str:
    """At most `limit` characters, cut between words where that is possible."""
    if len(text) <= limit:
        return text
    return text[: limit + 1].rsplit(" ", 1)[0][:limit].strip() or text[:limit]
