"""Time in a text: what part of the day it is, how much has gone by, and how an age is told."""

import re
from collections.abc import Iterator

from cluster.domain.story.reading import Change, Evidence, Op

from . import words
from .text import Plain, Slug

NUMBER = (
    r"(?:\d{1,2}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|"
    r"four|five|six|seven|eight|nine))?|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|seven|six|five)"
)
"""A number of years, in figures or words."""
ORDINAL = (
    r"(?:\d{1,2}(?:st|nd|rd|th)|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ]"
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|eighteenth|nineteenth|"
    r"twentieth|thirtieth|fortieth|fiftieth|sixtieth|seventieth|eightieth|ninetieth|sixteenth)"
)
"""The number of a birthday."""
_GIVEN_AS = "barely|just|nearly|almost|already|not yet|all of|only"
AGES = re.compile(
    rf"\b(?:at (?P<at>{NUMBER})(?=[,.;]| (?:she|he|they|years|and|already|mary|robert|anna|david"
    rf"|susan|thomas|alex))"
    rf"|(?P<old>{NUMBER})[ -]years?[ -]old"
    rf"|aged? (?P<aged>{NUMBER})\b"
    rf"|turn(?:s|ed|ing)? (?P<turn>{NUMBER})\b"
    rf"|(?P<birthday>{ORDINAL}) birthday"
    rf"|(?P<winters>{NUMBER}) (?:winters|summers|springs|autumns)\b"
    rf"|(?:is|was|'s) (?P<is>{NUMBER})(?=[,.;]|$| (?:and|now|today|last|next|this|years old))"
    rf"|, (?:(?:{_GIVEN_AS}) )?(?P<comma>{NUMBER})(?=,| last| next|$)"
    rf"|(?:man|woman|boy|girl|lady|person) of (?P<of>{NUMBER})\b"
    rf"|in (?:her|his|their) (?P<decade>\w+ties|teens)\b"
    rf"|(?:a|the) (?P<year>{NUMBER})-year-old)",
    re.IGNORECASE,
)
"""How an age is told; the group that matched is the number."""
ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
}
TENS = {one for one in words.NUMBERS if one.endswith("ty")}
DECADES = {ten.removesuffix("y") + "ies": words.NUMBERS[ten] + 5 for ten in TENS} | {"teens": 16}
"""Decades of a life -> an age in them: `forties` -> 45."""
TENTHS = {ten.removesuffix("y") + "ie": ten for ten in TENS}
"""What is left of `fortieth` without its ending -> `forty`."""
COUNT = (
    r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    r"|forty|fifty|a few|several|some|many|a couple of|half an|the)"
)
UNITS_DAYS = {
    "second": 1 / 86400,
    "minute": 1 / 1440,
    "moment": 1 / 1440,
    "heartbeat": 1 / 86400,
    "hour": 1 / 24,
    "day": 1.0,
    "night": 1.0,
    "week": 7.0,
    "fortnight": 14.0,
    "month": 30.0,
    "season": 90.0,
    "summer": 365.0,
    "winter": 365.0,
    "year": 365.0,
    "decade": 3650.0,
}
UNIT = "|".join(UNITS_DAYS)
LATER = re.compile(
    rf"\b(?P<count>{COUNT})(?: full| whole| long| short| more)? (?P<unit>{UNIT})s?"
    r"(?: later| after\b(?! (?:the|her|his|they|she|he))| on\b| have passed| had passed| passed"
    r"| go by| went by| pass\b| gone| of (?=\w+ing\b|sand|sea|rain|travel|rest|silence|waiting))",
    re.IGNORECASE,
)
AFTER = re.compile(rf"\bafter (?P<count>{COUNT})(?: long)? (?P<unit>{UNIT})s?\b", re.IGNORECASE)
MOMENTS = re.compile(
    r"\b(?:moments?|seconds|minutes) later\b|\ba (?:moment|second|minute) later\b", re.IGNORECASE
)
DAYS_LATER = re.compile(
    r"\b(?:the )?(?:next|following) "
    r"(?P<unit>day|morning|evening|night|afternoon|week|month|year)\b"
    r"|\b(?P<weeks>days|weeks|months|years|decades) (?:later|pass(?:ed)?|go by|went by)\b"
    r"|\bon the (?P<nth>second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth) day\b"
    r"|\b(?P<tomorrow>tomorrow)\b",
    re.IGNORECASE,
)
SAME = re.compile(
    r"\b(?:(?:still )?(?:the|that) (?:very )?same (?:night|evening|day|morning|afternoon|hour)|"
    r"at that very moment|(?:moments?|seconds|minutes?) later|meanwhile|"
    r"not (?:a|one) minute later)\b",
    re.IGNORECASE,
)
SUN = re.compile(
    r"\b(?:(?P<part>noon|midday|noonday|afternoon|morning|midnight|evening|setting|rising) sun"
    r"|(?P<high>the sun (?:stands|is|was|stood|hangs|beats)[^.,;]{0,20}"
    r"\b(?:high|overhead|down|hot|blazing|bright))"
    r"|(?P<bright>broad daylight|bright sunlight|blazing sun|dazzling sunshine|full daylight)"
    r"|(?P<stars>midnight stars|starlit|starlight|moonlight|pitch[- ]dark|pitch[- ]black))\b",
    re.IGNORECASE,
)
DAYPART = re.compile(
    r"\b(?P<part>"
    + "|".join(one for one in words.DAYPARTS if one not in {"day", "broad"})
    + r")\b",
    re.IGNORECASE,
)
BEFORE_ANOTHER_TIME = re.compile(
    r"\b(?:since|until|till|before|last|every|yesterday|for the|tomorrow|one|first|by)\s(?:\w+\s)?$"
)
"""What stands before a part of a day that is not now: "since this morning"."""
AFTER_A_WORD_FOR_ITS_KIND = re.compile(
    r"\s(?:paper|shift|bus|train|coffee|news|gown|dress|suit|stand|table|stars?\b|clock|'s)"
)
"""What stands after a part of a day that only says of what kind a thing is: "the morning paper"."""
VAGUE_COUNTS: dict[str, float] = {
    "a few": 3,
    "several": 4,
    "some": 3,
    "many": 10,
    "a couple of": 2,
    "half an": 0.5,
    "a": 1,
    "an": 1,
    "the": 1,
}
VAGUE_DAYS: dict[str, float] = {
    "days": 4,
    "weeks": 21,
    "months": 90,
    "years": 1500,
    "decades": 7300,
}
"""Plurals without a number ("weeks later") -> days."""
NEXT_DAYS = {"week": 7.0, "month": 30.0, "year": 365.0}
"""What is "next" -> days until then; parts of a day are a day away."""


def number(text: str) -> int | None:
    """A number in figures or words, ordinals and decades included: `forty-seventh` -> 47."""
    text = text.lower()
    if match := re.match(r"\d+", text):
        return int(match.group())
    if text in DECADES:
        return DECADES[text]
    parts = [_one_word(part) for part in re.split(r"[- ]", text)]
    total = sum(part or 0 for part in parts)
    return total or None if None not in parts else None


def _one_word(part: str) -> int | None:
    base = part if part in words.NUMBERS else part.removesuffix("th")
    base = TENTHS.get(base, base)
    return words.NUMBERS.get(base, ORDINALS.get(part))


def elapsed(text: str) -> tuple[float, re.Match[str]] | None:
    """Days that a text says have gone by, and where it says so."""
    for pattern in (LATER, AFTER):
        if match := pattern.search(text):
            count = match["count"].lower()
            many = VAGUE_COUNTS.get(count) or number(count) or 1
            return many * UNITS_DAYS[match["unit"].lower()], match
    if match := MOMENTS.search(text):
        return UNITS_DAYS["moment"], match
    match = DAYS_LATER.search(text)
    if match is None or match["tomorrow"]:
        return None
    return _days_later(match), match


def _days_later(match: re.Match[str]) -> float:
    if match["weeks"]:
        return VAGUE_DAYS[match["weeks"].lower()]
    if match["nth"]:
        return 1.0
    return NEXT_DAYS.get(match["unit"].lower(), 1.0)


def read_time(text: str, plain: Plain, slugs: tuple[Slug, ...], subject: str) -> Iterator[Change]:
    """The passage of time, then the part of the day, as the narration tells them."""
    if (passed := elapsed(plain.text)) is not None:
        days, match = passed
        yield _change(text, plain, match, subject, "pass", f"{days:.5f}", ())
    cue = ("same",) if SAME.search(plain.text) else ()
    for slug in slugs:
        if (hour := _hour_of_slug(slug)) is not None:
            yield _of_slug(text, slug, subject, hour, cue)
    if match_ := SUN.search(plain.text):
        yield _change(text, plain, match_, subject, "be", str(_hour_of_sun(match_)), ("sun", *cue))
    elif match_ := _part_of_the_day(plain.text):
        hour = words.DAYPARTS[match_["part"].lower()]
        yield _change(text, plain, match_, subject, "be", str(float(hour)), cue)


def _hour_of_slug(slug: Slug) -> float | None:
    said = (slug.time or "").lower().split()
    return next((words.DAYPARTS[one] for one in said if one in words.DAYPARTS), None)


def _hour_of_sun(match: re.Match[str]) -> float:
    """The hour at which the sun, or the stars, stand as they are said to."""
    part = (match["part"] or "").lower()
    if part in {"setting", "rising"}:
        return {"setting": 19.0, "rising": 6.0}[part]
    if part:
        return float(words.DAYPARTS[part])
    return 13.0 if match["high"] or match["bright"] else 24.0


def _part_of_the_day(text: str) -> re.Match[str] | None:
    match = DAYPART.search(SAME.sub(_blank, text))
    return None if match is None or _is_beside_the_point(text, match) else match


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _is_beside_the_point(text: str, match: re.Match[str]) -> bool:
    """ "since this morning", "for tomorrow night", "the morning paper"."""
    before = text[max(0, match.start() - 14) : match.start()].lower()
    after = text[match.end() : match.end() + 12].lower()
    return bool(BEFORE_ANOTHER_TIME.search(before) or AFTER_A_WORD_FOR_ITS_KIND.match(after))


def _of_slug(text: str, slug: Slug, subject: str, hour: float, cue: tuple[str, ...]) -> Change:
    return Change(
        subject=subject,
        op="be",
        slot="time",
        noun=str(hour),
        phrase=slug.time or "",
        kind="time",
        words=("slug", *cue),
        definite=True,
        evidence=slug.evidence(text),
    )


def _change(
    text: str,
    plain: Plain,
    match: re.Match[str],
    subject: str,
    op: Op,
    noun: str,
    more: tuple[str, ...],
) -> Change:
    start, end = plain.span(match.start(), match.end())
    return Change(
        subject=subject,
        op=op,
        slot="time",
        noun=noun,
        phrase=match.group(),
        kind="time",
        words=more,
        definite=True,
        evidence=Evidence(start=start, end=end, quote=text[start:end]),
    )
