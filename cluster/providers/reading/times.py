"""Story time in a text: what part of the day it is, and how much time has gone by."""

import re
from collections.abc import Iterator

from cluster.domain.story.reading import Change, Evidence

from . import words
from .looks import number
from .text import Plain, Slug

COUNT = (
    r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    r"|forty|fifty|a few|several|some|many|a couple of|half an|the)"
)
UNITS_DAYS = {
    "second": 1 / 86400, "minute": 1 / 1440, "moment": 1 / 1440, "heartbeat": 1 / 86400,
    "hour": 1 / 24, "day": 1.0, "night": 1.0, "week": 7.0, "fortnight": 14.0, "month": 30.0,
    "season": 90.0, "summer": 365.0, "winter": 365.0, "year": 365.0, "decade": 3650.0,
}  # fmt: skip
UNIT = "|".join(UNITS_DAYS)
LATER = re.compile(
    rf"\b(?P<count>{COUNT})(?: full| whole| long| short| more)? (?P<unit>{UNIT})s?"
    r"(?: later| after\b(?! (?:the|her|his|they|she|he))| on\b| have passed| had passed| passed"
    r"| go by| went by| pass\b| gone| of (?=\w+ing\b|sand|sea|rain|travel|rest|silence|waiting))",
    re.IGNORECASE,
)
AFTER = re.compile(rf"\bafter (?P<count>{COUNT})(?: long)? (?P<unit>{UNIT})s?\b", re.IGNORECASE)
MOMENTS = re.compile(r"\b(?:moments?|seconds|minutes) later\b|\ba (?:moment|second|minute) later\b", re.IGNORECASE)
DAYS_LATER = re.compile(
    r"\b(?:the )?(?:next|following) (?P<unit>day|morning|evening|night|afternoon|week|month|year)\b"
    r"|\b(?P<weeks>days|weeks|months|years|decades) (?:later|pass(?:ed)?|go by|went by)\b"
    r"|\bon the (?P<nth>second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth) day\b|\b(?P<tomorrow>tomorrow)\b",
    re.IGNORECASE,
)
SAME = re.compile(
    r"\b(?:(?:still )?(?:the|that) same (?:night|evening|day|morning|afternoon|hour)|later that (?:night|"
    r"evening|day|morning)|that (?:same )?(?:night|evening|afternoon|morning)|at that very moment|"
    r"(?:moments?|seconds|minutes?) later|an? (?:moment|second|minute) later|meanwhile|at once|still)\b",
    re.IGNORECASE,
)
SUN = re.compile(
    r"\b(?:(?P<part>noon|midday|noonday|afternoon|morning|midnight|evening|setting|rising) sun"
    r"|(?P<high>the sun (?:stands|is|was|stood|hangs|beats)[^.,;]{0,20}\b(?:high|overhead|down|hot|blazing|bright))"
    r"|(?P<bright>broad daylight|bright sunlight|blazing sun|dazzling sunshine|full daylight)"
    r"|(?P<stars>midnight stars|starlit|starlight|moonlight|pitch[- ]dark|pitch[- ]black))\b",
    re.IGNORECASE,
)
DAYPART = re.compile(r"\b(?P<part>" + "|".join(one for one in words.DAYPARTS if one not in {"day", "broad"}) + r")\b", re.I)


def elapsed(text: str) -> tuple[float | None, re.Match[str] | None]:
    """Days that a text says have gone by; None where it says nothing."""
    for pattern in (LATER, AFTER):
        if match := pattern.search(text):
            count = match["count"].lower()
            many = {"a few": 3, "several": 4, "some": 3, "many": 10, "a couple of": 2, "half an": 0.5,
                    "a": 1, "an": 1, "the": 1}.get(count) or number(count) or 1  # fmt: skip
            return many * UNITS_DAYS[match["unit"].lower()], match
    if match := MOMENTS.search(text):
        return 1 / 1440, match
    if match := DAYS_LATER.search(text):
        if match["weeks"]:
            return {"days": 4, "weeks": 21, "months": 90, "years": 1500, "decades": 7300}[match["weeks"].lower()], match
        if match["nth"]:
            return 1.0, match
        if match["tomorrow"]:
            return None, None
        return {"week": 7.0, "month": 30.0, "year": 365.0}.get(match["unit"].lower(), 1.0), match
    return None, None


def read_time(text: str, plain: Plain, slugs: tuple[Slug, ...], subject: str) -> Iterator[Change]:
    """The passage of time, then the part of the day, as the narration tells them."""
    days, match = elapsed(plain.text)
    if days is not None and match is not None:
        yield _change(text, plain, match, subject, "pass", f"{days:.5f}", ())
    same = SAME.search(plain.text)
    cue = ("same",) if same else ()
    for slug in slugs:
        part = (slug.time or "").lower().split()
        hours = [words.DAYPARTS[one] for one in part if one in words.DAYPARTS]
        if hours:
            yield Change(
                subject=subject, op="be", slot="time", noun=str(hours[0]), phrase=slug.time or "",
                kind="time", words=("slug", *cue), definite=True,
                evidence=Evidence(start=slug.start, end=slug.end, quote=text[slug.start : slug.end].strip()),
            )  # fmt: skip
    if match := SUN.search(plain.text):
        part = (match["part"] or "").lower()
        hour = {"setting": 19.0, "rising": 6.0}.get(part) or words.DAYPARTS.get(part)
        hour = hour or (13.0 if match["high"] or match["bright"] else 24.0)
        yield _change(text, plain, match, subject, "be", str(float(hour)), ("sun", *cue))
    elif (match := DAYPART.search(plain.text)) and not _beside_the_point(plain.text, match):
        yield _change(text, plain, match, subject, "be", str(float(words.DAYPARTS[match["part"].lower()])), cue)


def _beside_the_point(text: str, match: re.Match[str]) -> bool:
    """"since this morning", "for tomorrow night", "the morning paper"."""
    before = text[max(0, match.start() - 14) : match.start()].lower()
    after = text[match.end() : match.end() + 12].lower()
    return bool(re.search(r"\b(?:since|until|till|before|last|every|yesterday|for the|tomorrow|one|first|by)\s(?:\w+\s)?$", before)) or bool(
        re.match(r"\s(?:paper|shift|bus|train|coffee|news|gown|dress|suit|stand|table|stars?\b|clock|'s)", after)
    )


def _change(
    text: str, plain: Plain, match: re.Match[str], subject: str, op: str, noun: str, more: tuple[str, ...]
) -> Change:
    start, end = plain.span(match.start(), match.end())
    return Change(
        subject=subject, op=op, slot="time", noun=noun, phrase=match.group(), kind="time", words=more,  # type: ignore[arg-type]
        definite=True, evidence=Evidence(start=start, end=end, quote=text[start:end]),
    )  # fmt: skip
