"""What kinds of things nouns name: WordNet 3.1, as `training.reading.nouns` compiles it."""

import gzip
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

from cluster.settings import ASSETS

FILE = ASSETS / "reading" / "nouns.json.gz"

KNOWN_TO_US: Mapping[str, str] = {
    "katana": "sword",
    "wakizashi": "sword",
    "longsword": "sword",
    "shortsword": "sword",
    "greatsword": "sword",
    "blade": "sword",
    "datapad": "device",
    "tablet": "device",
    "smartphone": "telephone",
    "hoodie": "sweatshirt",
    "beanie": "cap",
    "trainers": "shoe",
    "trainer": "shoe",
    "stiletto": "shoe",
    "heels": "shoe",
    "wellington": "boot",
    "wellie": "boot",
    "gumboot": "boot",
    "tux": "tuxedo",
    "mac": "raincoat",
    "slicker": "raincoat",
    "oilskin": "raincoat",
    "roll-neck": "turtleneck",
    "spacesuit": "suit",
    "medbay": "infirmary",
    "airlock": "room",
    "backpack": "bag",
    "rucksack": "bag",
    "gutting": "knife",
    "waterskin": "bottle",
    "waterbag": "bottle",
    "bearskin": "coat",
    "peacoat": "coat",
    "kaftan": "robe",
    "hobnail": "boot",
    "drive": "device",
    "passport": "document",
}
"""Nouns that WordNet lacks, or has in other senses only -> what they are a kind of."""


class Sense(NamedTuple):
    at: int
    share: float


class Nouns:
    """Senses of nouns, their classes, and what is a kind or a part of what."""

    def __init__(self, content: Mapping[str, object]) -> None:
        nouns: dict[str, list[tuple[int, float]]] = content["nouns"]  # type: ignore[assignment]
        names: list[str] = content["classes"]  # type: ignore[assignment]
        synsets: list[tuple[int, list[int], list[int]]] = content["synsets"]  # type: ignore[assignment]
        self._senses = nouns
        self._other = frozenset(str(content["other"]).split())
        self._classes = [
            frozenset(name for at, name in enumerate(names) if bits >> at & 1)
            for bits, _, _ in synsets
        ]
        self._kinds_of = [parents for _, parents, _ in synsets]
        self._parts_of = [wholes for _, _, wholes in synsets]
        self._above: dict[int, frozenset[int]] = {}

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        return cls(json.loads(gzip.decompress(path.read_bytes())))

    def knows(self, noun: str) -> bool:
        """Whether WordNet has the noun in any class at all."""
        return bool(self._of(noun)) or noun in self._other

    def is_abstract(self, noun: str) -> bool:
        """Whether it is a noun that no picture shows: known, and in no class."""
        return not self._of(noun) and noun in self._other

    def classes(self, noun: str, share: float = 0.0) -> frozenset[str]:
        """The classes that at least this share of the noun's uses belong to."""
        found: dict[str, float] = {}
        for at, part in self._of(noun):
            for name in self._classes[at]:
                found[name] = found.get(name, 0.0) + part
        return frozenset(name for name, part in found.items() if part >= share)

    def share(self, noun: str, kind: str) -> float:
        """The share of the noun's uses that belong to a class, 0 to 1."""
        return sum(part for at, part in self._of(noun) if kind in self._classes[at])

    def is_a(self, noun: str, other: str, kind: str | None = None) -> bool:
        """Whether a sense of `noun` is a kind of a sense of `other`, both of a class."""
        above = {at for at, _ in self._of(other) if kind is None or kind in self._classes[at]}
        return any(
            self._ancestors(at) & above
            for at, _ in self._of(noun)
            if kind is None or kind in self._classes[at]
        )

    def is_part(self, noun: str, whole: str) -> bool:
        """Whether a sense of `noun` is a part of a sense of `whole`, or of what that is."""
        wholes = set()
        for at, _ in self._of(whole):
            wholes |= self._ancestors(at)
        return any(
            set(self._parts_of[above]) & wholes
            for at, _ in self._of(noun)
            for above in self._ancestors(at)
        )

    def _of(self, noun: str) -> list[tuple[int, float]]:
        found = self._senses.get(noun)
        if found is None and noun in KNOWN_TO_US:
            return self._of(KNOWN_TO_US[noun])
        return found or []

    def _ancestors(self, at: int) -> frozenset[int]:
        """The sense and everything that it is a kind of."""
        if at not in self._above:
            seen, waiting = {at}, [at]
            while waiting:
                fresh = set(self._kinds_of[waiting.pop()]) - seen
                seen |= fresh
                waiting += fresh
            self._above[at] = frozenset(seen)
        return self._above[at]


@cache
def nouns() -> Nouns:
    """The nouns of this process; read once, in a third of a second."""
    return Nouns.read()


def any_is_a(nouns_: Iterable[str], roots: Iterable[str], kind: str) -> bool:
    known = nouns()
    return any(known.is_a(one, root, kind) for one in nouns_ for root in roots)
