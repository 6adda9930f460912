"""Markdown as the tests read it: fenced blocks with their place, links, and headings."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^ *```(?P<info>[^\n`]*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`(?P<text>cineai [^`]+)`")
PATH = re.compile(r"`(?P<path>(?:serve|actors|training|cluster|tests|docs)/[\w/.-]+)`")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: the word after the fence (`sh`), the words after that, and its text."""

    file: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def documents() -> tuple[Path, ...]:
    """Everything that a reader of the project reads, README first."""
    top = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    guides, cards = sorted(ROOT.glob("docs/*.md")), sorted(ROOT.glob("cluster/assets/*/README.md"))
    return (*(ROOT / name for name in top), *guides, *cards)


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, from top to bottom."""
    text = path.read_text()
    found = []
    for match in FENCE.finditer(text):
        language, *marks = match["info"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        name = str(path.relative_to(ROOT))
        found.append(Block(name, line, language, tuple(marks), match["text"]))
    return found


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", path.read_text())


def links(path: Path) -> list[str]:
    """The targets inside the project that a document links to, as written."""
    return [match["target"] for match in LINK.finditer(prose(path))]


def inline_commands(path: Path) -> list[str]:
    """Commands of ours in running text: `cineai …`."""
    return [match["text"] for match in INLINE.finditer(prose(path))]


def inline_paths(path: Path) -> list[str]:
    """Files and folders of ours in running text: `serve/app.py`."""
    return [match["path"] for match in PATH.finditer(prose(path))]


def anchors(path: Path) -> set[str]:
    """What can stand behind `#` in a link to a document, as GitHub names its headings."""
    titles = (match["title"].lower() for match in HEADING.finditer(prose(path)))
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


def tracked(*patterns: str) -> list[str]:
    """Files of the project that match, those included that are not committed yet."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listing = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]
