"""A request cut into spans: known phrases by their sense, and the words between them."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from cluster.domain.reading.lexicon import Kind, longest_phrase, phrases

SpanKind = Kind | Literal["word", "little", "stop"]

SAYS_NOTHING = """
a an the his her their its my our your this that these those some he she they it him them
himself herself themselves i we you who whom which where when while as and or but then so is
are was were be been being am has have had do does did will would can could may might in on
at of by to from into onto for near inside outside within with through across over under
above below behind beside between around against along toward towards upon off out up down
during before after until there here very just now also both each all
"""
LITTLE = frozenset(SAYS_NOTHING.split())
"""Words that say nothing by themselves."""

CLAUSE_WORDS = frozenset({"and", "while", "but", "then", "where", "who", "which"})
ARTICLES = frozenset({"a", "an", "the", "his", "her", "their", "its", "this", "that", "some"})

LEAD_IN = re.compile(
    r"^\s*(?:please\s+)?(?:(?:i\s+(?:want|need|would like)|give me|generate|create|make|render|"
    r"draw|paint|show|imagine|depict|film|shoot)\b\s*(?:me\b|us\b)?\s*)?"
    r"(?:(?:a|an|the|one|another|new|next)\s+)*"
    r"(?:(?:scene|image|picture|photo|shot|painting|video|clip|render|frame)\b\s*"
    r"(?:in which|where|when|of|with|showing|that shows|:)?\s*)?",
    re.IGNORECASE,
)
TOKEN = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*|[,.;:!?]")


class TextSpan(NamedTuple):
    """Tokens `start` to `end` of a sentence, as written in `text`."""

    kind: SpanKind
    value: str
    text: str
    start: int
    end: int


def without_lead_in(text: str) -> str:
    """The request without its "generate a scene where"; all of it when nothing else is left."""
    rest = LEAD_IN.sub("", text, count=1).strip()
    return rest or text.strip()


def tokens(text: str) -> list[str]:
    """Words and clause marks, as written."""
    opened = re.sub(r"[-\s]haired\b", " hair", text, flags=re.IGNORECASE)
    opened = re.sub(r"[-\s]eyed\b", " eyes", opened, flags=re.IGNORECASE)
    return TOKEN.findall(opened)


def spans(words: list[str], names: frozenset[str] = frozenset()) -> Iterator[TextSpan]:
    """The tokens as spans: the longest known phrase at each place; a name is a little word."""
    at = 0
    lower = [word.lower().replace("’", "'") for word in words]
    while at < len(words):
        if lower[at].removesuffix("'s") in names:
            length, kind, value = 1, "little", ""
        else:
            length, kind, value = _longest(lower, at)
        yield TextSpan(kind, value, " ".join(words[at : at + length]), at, at + length)  # type: ignore[arg-type]
        at += length


def _longest(lower: list[str], at: int) -> tuple[int, SpanKind, str]:
    known = phrases()
    for length in range(min(longest_phrase(), len(lower) - at), 0, -1):
        if sense := known.get(tuple(lower[at : at + length])):
            return length, sense.kind, sense.value
    word = lower[at]
    if not word[0].isalnum():
        return 1, "stop", word
    return 1, ("little" if word in LITTLE else "word"), word


def clause_before(sentence: list[TextSpan], at: int, reach: int = 5) -> Iterator[TextSpan]:
    """Spans before `at`, nearest first, no further than the clause's beginning."""
    for span in reversed(sentence[max(0, at - reach) : at]):
        if span.kind == "stop" or span.value in CLAUSE_WORDS - {"and"}:
            return
        yield span


def clause_after(sentence: list[TextSpan], at: int, reach: int = 5) -> Iterator[TextSpan]:
    """Spans after `at`, nearest first, no further than the clause's end."""
    for span in sentence[at + 1 : at + 1 + reach]:
        if span.kind == "stop" or span.value in CLAUSE_WORDS:
            return
        yield span


@lru_cache(maxsize=4096)
def canonical(text: str) -> tuple[str, ...]:
    """The words by which two wordings of one thing are compared: synonyms and inflections are
    replaced by the vocabulary's word, articles and the like are left out, `|` ends a clause."""
    return tuple(word for span in spans(tokens(text)) for word in _canonical(span))


def _canonical(span: TextSpan) -> Iterable[str]:
    if span.kind == "stop":
        return ("|",)
    if span.kind == "little":
        return () if span.value in ARTICLES else (span.value,)
    if span.kind == "eye":
        return span.text.lower().replace("eyes", "eye").split()
    return (span.value or span.text).lower().split()
