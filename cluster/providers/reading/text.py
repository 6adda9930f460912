"""A request's text made plain for a parser: slug lines, camera words and speech taken out.

Every character of the plain text knows which character of the request it stands for, so evidence
is quoted from the request itself.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cluster.domain.story.reading import Evidence

from .people import STAND_INS

DAYS = (
    r"DAY|NIGHT|DAWN|DUSK|MORNING|EVENING|AFTERNOON|NOON|MIDNIGHT|SUNSET|SUNRISE|LATER|CONTINUOUS"
)
SLUG = re.compile(
    r"^[ \t]*(?:\d+[.)]?[ \t]+)?(?:INT\.?/EXT|EXT\.?/INT|INT|EXT|I/E)[.:]?[ \t]+"
    r"(?P<place>.+?)(?:[ \t]+[-–—][ \t]+(?P<time>(?:[A-Z']+ )*(?:" + DAYS + r")(?: [A-Z]+)*))?"
    r"(?:\.(?=\s|$)|[ \t]*$)",
    re.MULTILINE,
)
"""A screenplay's slug line: "INT. TAVERN - NIGHT"."""
CAPITALS = re.compile(r"^[ \t]*(?P<place>[A-Z][A-Z' ]{5,}[A-Z])(?:\.(?=\s)|[ \t]*$)", re.MULTILINE)
"""A place in capitals on a line of its own."""
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
    r"past)|we see)\b(?: (?:on|of|from below|from above))?[:.,]?[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
SPEAKER = re.compile(r"(?:^|(?<=[.!?]\s))([A-Z][A-Z' ]{1,24}):[ \t]*[^\n]*", re.MULTILINE)
QUOTE = re.compile(
    r"\"[^\"\n]*\"?|“[^”\n]*”?|«[^»\n]*»?|(?<![\w'])'(?=[\w¿¡])[^'\n]*(?:'(?=\w)[^'\n]*)*[,.!?…]'"
)
CUTS = re.compile(r"\n+|(?<=\w): (?=\w)|; | [-–—]+ |—")
"""Where a text is cut before it is parsed: the parser reads clauses better than periods."""
COMMA = re.compile(r",\s+")
TOLD_ON = re.compile(
    r"\b(?:he|she|they|it|I|Robert|Mary|Alex)\s+(?:\w+s|\w+ed|has|had|is|was)\b[^,]*,"
    r"[^,]*\b(?:he|she|they|it|and)\b"
)
"""Two clauses with a comma between them."""
ADDRESSED = re.compile(
    r"(?:" + "|".join(name for names in STAND_INS.values() for name in names) + r"),"
)
"""A name with something put in after it: "Kairo, still wounded, hides"."""
VERB_FIRST = re.compile(
    r"^[a-z]+(?<!s)s\s+(?:[a-z]+\s+)?(?:the|a|an|her|his|their|into|in|on|at|through|to|out|up|down"
    r"|over|with|for|from|by|under|along|across|off)\b"
)
"""A fragment that begins with its verb: "slips through the door"."""


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

    def evidence(self, text: str) -> Evidence:
        """Its words in the request, without the spaces around them."""
        said = text[self.start : self.end]
        start = self.start + len(said) - len(said.lstrip())
        return Evidence(start=start, end=start + len(said.strip()), quote=said.strip())


class Cleaned(NamedTuple):
    """A request's plain text, and what was taken out of it."""

    plain: Plain
    slugs: tuple[Slug, ...]
    framing: str | None


class _Draft:
    """A text that is cut and replaced in, with the origin of each of its characters."""

    def __init__(self, text: str) -> None:
        self.text, self.origin = text, list(range(len(text)))

    def replace(self, pattern: re.Pattern[str], by: Mapping[str, str] | str) -> None:
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
        self.text = "".join([*text, self.text[at:]])
        self.origin = origin + self.origin[at:]

    def take_slugs(self, pattern: re.Pattern[str]) -> list[Slug]:
        """Cut out the slug lines that a pattern finds."""
        found = [
            Slug(
                match["place"],
                match.groupdict().get("time"),
                self.origin[match.start()],
                self.origin[match.end() - 1] + 1,
            )
            for match in pattern.finditer(self.text)
        ]
        self.replace(pattern, "")
        return found


def cleaned(text: str, names: Mapping[str, str]) -> Cleaned:
    """The plain text of a request.

    Args:
        names: Lower-case names of the cast -> names that a parser knows for names.
    """
    framing = next((match.group().strip(" .:,").lower() for match in CAMERA.finditer(text)), None)
    draft = _Draft(text)
    slugs = [*draft.take_slugs(SLUG), *draft.take_slugs(CAPITALS)]
    draft.replace(TRANSITION, "")
    draft.replace(SPEAKER, "")
    draft.replace(QUOTE, "Yes")
    draft.replace(CAMERA, "")
    if names:
        draft.replace(_any_of(names), names)
    plain = Plain(draft.text, tuple(draft.origin))
    return Cleaned(plain, tuple(slugs), framing)


def _any_of(names: Mapping[str, str]) -> re.Pattern[str]:
    """Any of the names as a whole word, the longest that fits."""
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(longest_first) + r")\b", re.IGNORECASE)


def pieces(plain: Plain, subject: str) -> list[Plain]:
    """The parts that are parsed one by one: lines, and the commas of a list-like prompt.

    A piece that begins with a verb ("slips through the door") is given its subject.
    """
    found = []
    for line in _split(plain, CUTS):
        if _is_list(line.text):
            found += [_with_subject(one, subject) for one in _split(line, COMMA)]
        elif line.text.strip():
            found.append(_with_subject(line, subject))
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
    stripped = text.strip()
    is_sentence = stripped[:1].isupper() and stripped[-1:] in ".!?"
    if is_sentence or TOLD_ON.search(text) or ADDRESSED.match(stripped):
        return False
    parts = [part.split() for part in COMMA.split(stripped) if part.strip()]
    ends = len(re.findall(r"[.!?](?:\s|$)", stripped))
    short = sum(len(part) <= 6 for part in parts)
    return len(parts) >= 3 and ends <= 1 and short >= 0.6 * len(parts)


def _with_subject(piece: Plain, subject: str) -> Plain:
    if not VERB_FIRST.match(piece.text):
        return piece
    put = f"{subject} "
    return Plain(put + piece.text, (*[piece.origin[0]] * len(put), *piece.origin))
