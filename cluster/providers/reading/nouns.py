"""What kinds of things nouns name: WordNet 3.1, as `training.reading.nouns` compiles it."""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self, TypedDict

from cluster.settings import ASSETS

FILE = ASSETS / "reading" / "nouns.json.gz"

KNOWN_TO_US: Mapping[str, str] = {
    noun: kind
    for kind, nouns in {
        "apartment": "flat",
        "bag": "backpack rucksack",
        "boot": "wellington wellie gumboot hobnail sea-boot hobnails",
        "bottle": "waterskin waterbag",
        "cap": "beanie",
        "chair": "wheelchair",
        "coat": "bearskin peacoat duster topcoat",
        "device": "datapad tablet drive",
        "document": "passport",
        "infirmary": "medbay",
        "jacket": "fleece bomber",
        "jeans": "jean",
        "nightwear": "pajama pyjama pyjamas",
        "overall": "dungaree coverall",
        "raincoat": "mac slicker oilskin",
        "robe": "kaftan",
        "room": "airlock",
        "shirt": "polo henley tee t-shirt",
        "shoe": "trainers trainer stiletto heels loafer brogue clog mule sneaker plimsoll",
        "shorts": "short",
        "suit": "spacesuit tracksuit",
        "sweater": "jumper",
        "sweatshirt": "hoodie",
        "sword": "katana wakizashi longsword shortsword greatsword blade",
        "telephone": "smartphone",
        "trousers": "breech breeches cords slacks jodhpurs khakis trouser legging chino",
        "turtleneck": "roll-neck",
        "tuxedo": "tux",
        "uniform": "scrub scrubs",
        "vest": "gilet",
    }.items()
    for noun in nouns.split()
}
"""Nouns that WordNet lacks, or has in other senses only -> what they are a kind of."""


class Content(TypedDict):
    """What `training.reading.nouns` compiles: senses are places in `synsets`."""

    classes: list[str]
    nouns: dict[str, list[tuple[int, float]]]
    other: str
    verbs: str
    synsets: list[tuple[int, list[int], list[int]]]
    """Bits of the classes, what it is a kind of, what it is a part of."""


ONE_KIND = frozenset({"raincoat", "sword", "turtleneck", "sweatshirt", "jeans"})
"""What nouns of ours are kinds of whose kinds nobody tells apart: a slicker is an oilskin."""


class Nouns:
    """Senses of nouns, their classes, and what is a kind or a part of what."""

    def __init__(self, content: Content) -> None:
        self._senses = content["nouns"]
        self._other = frozenset(content["other"].split())
        self._verbs = frozenset(content["verbs"].split())
        self._classes = [
            frozenset(name for at, name in enumerate(content["classes"]) if bits >> at & 1)
            for bits, _, _ in content["synsets"]
        ]
        self._kinds_of = [parents for _, parents, _ in content["synsets"]]
        self._parts_of = [wholes for _, _, wholes in content["synsets"]]
        self._above: dict[int, frozenset[int]] = {}

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """Of a compiled file."""
        return cls(json.loads(gzip.decompress(path.read_bytes())))

    def knows(self, noun: str) -> bool:
        """Whether WordNet has the noun in any class at all."""
        return bool(self._of(noun)) or noun in self._other

    def is_verb(self, word: str) -> bool:
        """Whether it is a verb's dictionary form."""
        return word in self._verbs

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
        """Whether a sense of `noun` is a kind of a sense of `other`, both of a class.

        A noun of ours is one kind of what it stands for: not all shoes are stilettos.
        """
        if other in KNOWN_TO_US and noun != other and not self._are_synonyms(noun, other):
            return False
        above = {at for at, _ in self._of(other) if kind is None or kind in self._classes[at]}
        return any(
            self._ancestors(at) & above
            for at, _ in self._of(noun)
            if kind is None or kind in self._classes[at]
        )

    def _are_synonyms(self, noun: str, other: str) -> bool:
        kind = KNOWN_TO_US[other]
        return kind in ONE_KIND and kind in (noun, KNOWN_TO_US.get(noun))

    def is_part(self, noun: str, whole: str) -> bool:
        """Whether a sense of `noun` is a part of a sense of `whole`, or of what that is."""
        wholes = set()
        for at, _ in self._of(whole):
            near = {at, *self._kinds_of[at]}
            wholes |= near.union(*(self._kinds_of[one] for one in near))
        return any(
            set(self._parts_of[one]) & wholes
            for at, _ in self._of(noun)
            for one in (at, *self._kinds_of[at])
        )

    def _of(self, noun: str) -> list[tuple[int, float]]:
        return self._senses.get(KNOWN_TO_US.get(noun, noun), [])

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
