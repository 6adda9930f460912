"""A request's text made plain for a parser: slug lines, camera words and speech taken out.

Every character of the plain text knows which character of the request it stands for, so evidence
is quoted from the request itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

DAYS = r"DAY|NIGHT|DAWN|DUSK|MORNING|EVENING|AFTERNOON|NOON|MIDNIGHT|SUNSET|SUNRISE|LATER|CONTINUOUS"
SLUG = re.compile(
    r"^[ \t]*(?:\d+[.)]?[ \t]+)?(?:INT\.?/EXT|EXT\.?/INT|INT|EXT|I/E)[.:]?[ \t]+"
    r"(?P<place>.+?)(?:[ \t]+[-–—][ \t]+(?P<time>(?:[A-Z']+ )*(?:" + DAYS + r")(?: [A-Z]+)*))?"
    r"(?:\.(?=\s|$)|[ \t]*$)",
    re.MULTILINE,
)
CAPITALS = re.compile(r"^[ \t]*(?P<place>[A-Z][A-Z' ]{5,}[A-Z])(?:\.(?=\s)|[ \t]*$)", re.MULTILINE)
TRANSITION = re.compile(
    r"^[ \t]*(?:(?:SMASH|MATCH|HARD|JUMP)? ?CUT TO|FADE (?:IN|OUT|TO [A-Z]+)|DISSOLVE TO"
    r"|BACK TO [A-Z]+|MONTAGE|INTERCUT)\b[:.]?[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
CAMERA = re.compile(
    r"(?:^|(?<=[.!?]\s))[ \t]*(?:(?:extreme|medium|big)[ -]+)?(?:close-?up|wide shot|long shot|"
    r"medium shot|full shot|low[ -]angle|high[ -]angle|bird's[ -]eye(?: view)?|two[ -]shot|POV|"
    r"tracking shot|close on|angle on|pan to|over the shoulder|dutch angle|montage|insert|"
    r"(?:the )?camera (?:pans|pushes|moves|tracks|tilts|zooms|dollies) (?:to|across|over|in on|on|"
    r"past)|we see)\b(?: (?:on|of|from below|from above))?[^.:,\n]{0,0}[:.,]?[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
SPEAKER = re.compile(r"(?:^|(?<=[.!?]\s))([A-Z][A-Z' ]{1,24}):[ \t]*[^\n]*", re.MULTILINE)
QUOTE = re.compile(
    r"\"[^\"\n]*\"?|“[^”\n]*”?|«[^»\n]*»?|(?<![\w'])'(?=[\w¿¡])[^'\n]*(?:'(?=\w)[^'\n]*)*[,.!?…]'"
)


class Plain(NamedTuple):
    """Text to be parsed; `origin[i]` is the character of the request that character i is from."""

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of the plain text as a span of the request."""
        if not self.origin or start >= end:
            return 0, 0
        return self.origin[start], self.origin[min(end, len(self.origin)) - 1] + 1


class Slug(NamedTuple):
    """A slug line: where and when a scene is set."""

    place: str
    time: str | None
    start: int
    end: int


class Cleaned(NamedTuple):
    plain: Plain
    slugs: tuple[Slug, ...]
    quotes: tuple[str, ...]
    framing: str | None


class _Draft:
    """A text that is cut and replaced in, with the origin of each of its characters."""

    def __init__(self, text: str) -> None:
        self.text, self.origin = text, list(range(len(text)))

    def replace(self, pattern: re.Pattern[str], by: Mapping[str, str] | str) -> Iterator[re.Match[str]]:
        """Put `by` where the pattern stands; a mapping is asked by the matched text, lower case."""
        text, origin, at = [], [], 0
        for match in pattern.finditer(self.text):
            put = by if isinstance(by, str) else by[match.group().lower()]
            text += [self.text[at : match.start()], put]
            first = self.origin[match.start()] if match.start() < len(self.origin) else 0
            last = self.origin[match.end() - 1] if match.end() > match.start() else first
            origin += self.origin[at : match.start()]
            origin += [first] * (len(put) - 1) + [last] * bool(put)
            at = match.end()
            yield match
        self.text = "".join([*text, self.text[at:]])
        self.origin = origin + self.origin[at:]


def cleaned(text: str, names: Mapping[str, str]) -> Cleaned:
    """The plain text of a request.

    Args:
        names: Lower-case names of the cast -> names that a parser knows for names.
    """
    draft = _Draft(text)
    slugs = [
        Slug(match["place"], match["time"], match.start(), match.end())
        for match in SLUG.finditer(draft.text)
    ]
    framing = next((match.group().strip(" .:,").lower() for match in CAMERA.finditer(text)), None)
    _drain(draft.replace(SLUG, ""))
    slugs += [
        Slug(match["place"], None, draft.origin[match.start()], draft.origin[match.end() - 1] + 1)
        for match in draft.replace(CAPITALS, "")
    ]
    _drain(draft.replace(TRANSITION, ""))
    speeches = [match.group() for match in draft.replace(SPEAKER, "")]
    quotes = [match.group() for match in draft.replace(QUOTE, "Yes")]
    _drain(draft.replace(CAMERA, ""))
    if names:
        pattern = re.compile(
            r"\b(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")\b",
            re.IGNORECASE,
        )
        _drain(draft.replace(pattern, names))
    plain = Plain(draft.text, tuple(draft.origin))
    return Cleaned(plain, tuple(slugs), tuple(speeches + quotes), framing)


def _drain(matches: Iterable[object]) -> None:
    for _ in matches:
        pass


def pieces(plain: Plain, subject: str) -> list[Plain]:
    """The parts that are parsed one by one: lines, and the commas of a list-like prompt.

    A piece that begins with a verb ("slips through the door") is given its subject.
    """
    found = []
    for line in _split(plain, re.compile(r"\n+")):
        if _is_list(line.text):
            found += [_with_subject(one, subject) for one in _split(line, re.compile(r",\s+"))]
        elif line.text.strip():
            found.append(line)
    return found


def _split(plain: Plain, separator: re.Pattern[str]) -> list[Plain]:
    found, at = [], 0
    for match in [*separator.finditer(plain.text), None]:
        end = match.start() if match else len(plain.text)
        start = at + len(plain.text[at:end]) - len(plain.text[at:end].lstrip())
        if plain.text[start:end].strip():
            found.append(Plain(plain.text[start:end], plain.origin[start:end]))
        at = match.end() if match else end
    return found


def _is_list(text: str) -> bool:
    """A prompt of fragments ("night rain, grey coat, wide shot") and not a sentence."""
    parts = [part.split() for part in re.split(r",\s+", text.strip()) if part.strip()]
    ends = len(re.findall(r"[.!?](?:\s|$)", text.strip()))
    short = sum(len(part) <= 6 for part in parts)
    return len(parts) >= 3 and ends <= 1 and short >= 0.6 * len(parts)


VERB_FIRST = re.compile(r"^[a-z]+(?<!s)s\s+(?:[a-z]+\s+)?(?:the|a|an|her|his|their|into|in|on|at|through|to|out|up|down|over|with|for|from|by|under|along|across|off)\b")


def _with_subject(piece: Plain, subject: str) -> Plain:
    if not VERB_FIRST.match(piece.text):
        return piece
    put = f"{subject} "
    return Plain(put + piece.text, (*[piece.origin[0]] * len(put), *piece.origin))
