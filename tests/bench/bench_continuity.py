"""How well requests are understood over a story: `python -m tests.bench.bench_continuity FILE`.

The file has JSON lines. The first is `{"cast": [profile, ...]}`; then one a scene: its text, texts
that would clash with what holds after it, texts that only look so, and what holds after it, of the
first of the cast. Figures: shares of clashes found (`recall`: contradictions; with questions),
of harmless texts and of the story's own scenes that raise one, and of scenes after which the state
is right.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypedDict, get_args

from rich.console import Console

from cluster.domain.character import Character, Profile
from cluster.domain.story.contradictions import Clash, examine
from cluster.domain.story.starting import starting_state
from cluster.domain.story.state import StoryState
from cluster.ports import RequestReader
from cluster.providers import request_reader
from cluster.settings import PromptSettings

FIELDS = ("outfit", "injuries", "props", "place")
Groups = list[list[str]]
"""One group of words a thing: any of them names it."""


class Wrong(TypedDict):
    """A text that clashes, and what it clashes with."""

    kind: str
    text: str


class Told(TypedDict):
    """A scene of a story file."""

    text: str
    clashes: list[Wrong]
    harmless: list[str]
    state: dict[str, Groups]


class Story(NamedTuple):
    """A story file."""

    name: str
    cast: list[Character]
    scenes: list[Told]


class Found(NamedTuple):
    """Whether a text raised a contradiction, and whether it raised anything."""

    sure: bool
    anything: bool


class Tally:
    """What was counted over one story or several, and what there is to explain."""

    def __init__(self) -> None:
        self.clashes: dict[str, list[Found]] = defaultdict(list)
        self.harmless: list[Found] = []
        self.scenes: list[bool] = []
        self.right: dict[str, list[bool]] = defaultdict(list)
        self.ms: list[float] = []
        self.log: list[str] = []

    def figures(self) -> dict[str, object]:
        """The shares, by name."""
        every = [one for some in self.clashes.values() for one in some]
        by_kind = sorted(self.clashes.items())
        return {
            "recall": share(one.sure for one in every),
            "recall_with_questions": share(one.anything for one in every),
            "recall_by_kind": {kind: share(one.sure for one in some) for kind, some in by_kind},
            "recall_with_questions_by_kind": {
                kind: share(one.anything for one in some) for kind, some in by_kind
            },
            "false_alarms": share(one.sure for one in self.harmless),
            "questions_on_harmless": share(one.anything for one in self.harmless),
            "scene_alarms": share(self.scenes),
            "state_right": share(all(one) for one in zip(*self.right.values(), strict=True)),
            "state_by_field": {field: share(some) for field, some in self.right.items()},
            "ms_per_request": round(median(self.ms), 2),
            "clashes": len(every),
            "harmless": len(self.harmless),
            "scenes": len(self.scenes),
        }


def share(of: Iterable[bool]) -> float:
    """The share of what is true, 0 to 1."""
    some = list(of)
    return round(sum(some) / max(1, len(some)), 3)


def story(path: Path) -> Story:
    """A story file's content."""
    head, *scenes = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return Story(path.stem, [character_of(one) for one in head["cast"]], scenes)


def character_of(entry: dict[str, Any]) -> Character:
    """One of the cast: a whole character (as the service casts one), or a profile with a name;
    what no field is for is a note."""
    if "profile" in entry:
        name = entry.get("name") or entry["id"]
        return Character.model_validate({"id": slug(name), **entry, "name": name})
    fields = {key: value for key, value in entry.items() if key in Profile.model_fields}
    name = entry.get("name") or entry.get("id") or "Hero"
    more = [f"{key} {entry[key]}" for key in entry if key not in {*fields, "name", "id"}]
    fields["notes"] = ", ".join([*filter(None, [fields.get("notes")]), *more])
    return Character.model_validate({"id": slug(name), "name": name, "profile": fields})


def slug(name: str) -> str:
    """A name as an id."""
    return "-".join(name.lower().split())


class Run:
    """A story that is read scene by scene and counted."""

    def __init__(self, told: Story, tally: Tally, reader: RequestReader) -> None:
        self._story = told
        self._tally = tally
        self._reader = reader
        self._state = starting_state(told.cast, reader.layer)

    def run(self) -> None:
        """Read every scene, and after each what would clash with it and what would not."""
        for number, scene in enumerate(self._story.scenes, 1):
            self._scene(number, scene)
            for wrong in scene.get("clashes", []):
                self._wrong(number, wrong)
            for text in scene.get("harmless", []):
                self._harmless(number, text)
            self._compare(number, scene)

    def _scene(self, number: int, scene: Told) -> None:
        clashes, self._state = self._ask(scene["text"], number)
        sure = [one for one in clashes if one.level == "contradiction"]
        self._tally.scenes.append(bool(sure))
        for one in sure:
            self._explain(number, f"SCENE {in_words(one)}")

    def _wrong(self, number: int, wrong: Wrong) -> None:
        clashes, _ = self._ask(wrong["text"], number + 1)
        found = found_of(clashes)
        self._tally.clashes[wrong["kind"]].append(found)
        if not found.sure:
            what = "ASKED" if found.anything else "MISSED"
            said = [in_words(one) for one in clashes]
            self._explain(number, f"{what} {wrong['kind']}: {wrong['text']} {said}")

    def _harmless(self, number: int, text: str) -> None:
        clashes, _ = self._ask(text, number + 1)
        found = found_of(clashes)
        self._tally.harmless.append(found)
        if found.anything:
            what = "FALSE" if found.sure else "QUESTION"
            self._explain(number, f"{what}: {text} {[in_words(one) for one in clashes]}")

    def _compare(self, number: int, scene: Told) -> None:
        first = self._story.cast[0].id
        for field in FIELDS:
            wanted, there = scene["state"].get(field, []), have(self._state, first, field)
            right = matches(field, there, wanted)
            self._tally.right[field].append(right)
            if not right:
                said = f"STATE {field}: want {wanted} have {there} | {scene['text']}"
                self._explain(number, said)

    def _ask(self, text: str, scene: int) -> tuple[tuple[Clash, ...], StoryState]:
        begun = time.perf_counter()
        before = self._state.model_copy(update={"scene": scene})
        reading = self._reader.read(self._story.cast, before, text)
        found = examine(before, reading.changes)
        self._tally.ms.append(1000 * (time.perf_counter() - begun))
        return found

    def _explain(self, number: int, what: str) -> None:
        self._tally.log.append(f"{self._story.name} {number} {what}")


def found_of(clashes: Sequence[Clash]) -> Found:
    """What a text raised."""
    return Found(any(one.level == "contradiction" for one in clashes), bool(clashes))


def in_words(clash: Clash) -> str:
    """A clash in one line."""
    both = f"«{clash.requested}» × {clash.state} «{clash.evidence}»"
    return f"{clash.slot} {clash.level[:1]} {both}"


def have(state: StoryState, who: str, field: str) -> list[set[str]]:
    """The words of everything that the state has in a field."""
    actor = state.actors[who]
    if field == "place":
        return [set(state.place.words)] if state.place else []
    if field == "injuries":
        return [words_of(one.part or "", one.noun, *one.words) for one in actor.open_wounds]
    things = actor.at("worn") if field == "outfit" else actor.at("held", "stowed")
    return [words_of(one.noun, *one.words) for one in things]


def words_of(*some: str) -> set[str]:
    """Words and the parts of compounds."""
    return {part for one in some for part in (one, *one.replace("-", "_").split("_")) if part}


def matches(field: str, there: Sequence[set[str]], wanted: Groups) -> bool:
    """Whether what holds is what should: every group met by one thing; of wounds and props, none
    beyond them. A place may be anywhere where `*` is wanted."""
    rest = [forms(one) for one in there]
    missed = 0
    for group in map(forms, wanted):
        hit = next((one for one in rest if one & group), None)
        if hit is None:
            missed += 1
        else:
            rest.remove(hit)
    if field == "place" and any("*" in group for group in wanted):
        return True
    return not missed and (field in {"place", "outfit"} or not rest)


def forms(words: Iterable[str]) -> set[str]:
    """The words, and what they may be the plural of."""
    lower = [one.lower() for one in words]
    return {form for one in lower for form in (one, one.removesuffix("s"), one.removesuffix("es"))}


def main() -> None:
    """Count over the files and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl")
    readers = PromptSettings.model_fields["reader"].annotation
    parser.add_argument("--reader", choices=get_args(readers), default="auto")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--explain", action="store_true", help="what was missed, and what was not")
    given = parser.parse_args()
    tally, console = Tally(), Console()
    reader = request_reader(PromptSettings(reader=given.reader))
    reader.warm_up()
    for path in given.files:
        Run(story(path), tally, reader).run()
    if given.explain:
        console.print("\n".join(tally.log), markup=False, soft_wrap=True)
    if given.json:
        print(json.dumps(tally.figures()))  # noqa: T201
    else:
        for name, value in tally.figures().items():
            console.print(f"{name}: {value}")


if __name__ == "__main__":
    main()
