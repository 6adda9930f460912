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
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console

from cluster.domain.character import Character
from cluster.domain.story.contradictions import Clash, examine
from cluster.domain.story.state import Actor, StoryState
from cluster.domain.story.starting import starting_state
from cluster.providers.reading.embedded import EmbeddedReader
from cluster.providers.reading.entities import layer, resolve

FIELDS = ("outfit", "injuries", "props", "place")


class Tally:
    """What was counted over one story or several."""

    def __init__(self) -> None:
        self.clashes: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        self.harmless: list[tuple[bool, bool]] = []
        self.scenes: list[bool] = []
        self.right: dict[str, list[bool]] = defaultdict(list)
        self.ms: list[float] = []

    def figures(self) -> dict[str, object]:
        every = [one for some in self.clashes.values() for one in some]
        return {
            "recall": share(sure for sure, _ in every),
            "recall_with_questions": share(any_ for _, any_ in every),
            "recall_by_kind": {
                kind: share(sure for sure, _ in some) for kind, some in sorted(self.clashes.items())
            },
            "recall_with_questions_by_kind": {
                kind: share(any_ for _, any_ in some) for kind, some in sorted(self.clashes.items())
            },
            "false_alarms": share(sure for sure, _ in self.harmless),
            "questions_on_harmless": share(any_ for _, any_ in self.harmless),
            "scene_alarms": share(self.scenes),
            "state_right": share(all(one) for one in zip(*self.right.values(), strict=True)),
            "state_by_field": {field: share(some) for field, some in self.right.items()},
            "ms_per_request": round(median(self.ms), 2),
            "clashes": len(every),
            "harmless": len(self.harmless),
            "scenes": len(self.scenes),
        }


def share(of: Iterator[bool] | Sequence[bool]) -> float:
    some = list(of)
    return round(sum(some) / max(1, len(some)), 3)


def run(path: Path, tally: Tally, log: list[str]) -> None:
    head, *scenes = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    cast = [Character.model_validate(one) for one in head["cast"]]
    reader = EmbeddedReader()
    state = starting_state(cast, layer)
    for number, scene in enumerate(scenes, 1):
        clashes, state = asked(reader, cast, state, scene["text"], number, tally)
        sure = [one for one in clashes if one.level == "contradiction"]
        tally.scenes.append(bool(sure))
        log += [f"{path.stem} {number} SCENE {one}" for one in map(told, sure)]
        for clash in scene["clashes"]:
            found, _ = asked(reader, cast, state, clash["text"], number + 1, tally)
            sure_ = any(one.level == "contradiction" for one in found)
            tally.clashes[clash["kind"]].append((sure_, bool(found)))
            if not sure_:
                log.append(f"{path.stem} {number} {'ASKED' if found else 'MISSED'} {clash['kind']}: {clash['text']} {[told(o) for o in found]}")
        for text in scene["harmless"]:
            found, _ = asked(reader, cast, state, text, number + 1, tally)
            sure_ = any(one.level == "contradiction" for one in found)
            tally.harmless.append((sure_, bool(found)))
            if found:
                log.append(f"{path.stem} {number} {'FALSE' if sure_ else 'QUESTION'}: {text} {[told(o) for o in found]}")
        for field, right in compared(state, cast[0].id, scene["state"]).items():
            tally.right[field].append(right)
            if not right:
                log.append(f"{path.stem} {number} STATE {field}: want {scene['state'][field]} have {have(state, cast[0].id, field)} | {scene['text']}")


def told(clash: Clash) -> str:
    return f"{clash.slot} {clash.level[:1]} «{clash.requested}» × {clash.state} «{clash.evidence}»"


def asked(
    reader: EmbeddedReader, cast: list[Character], state: StoryState, text: str, scene: int, tally: Tally
) -> tuple[tuple[Clash, ...], StoryState]:
    begun = time.perf_counter()
    before = state.model_copy(update={"scene": scene})
    reading = resolve(reader.read(cast, text), before)
    found = examine(before, reading.changes)
    tally.ms.append(1000 * (time.perf_counter() - begun))
    return found


def have(state: StoryState, who: str, field: str) -> list[set[str]]:
    actor = state.actors[who]
    if field == "place":
        return [set(state.place.words)] if state.place else []
    if field == "injuries":
        return [words_of(one.part or "", one.noun, *one.words) for one in actor.open_wounds]
    where = ("worn",) if field == "outfit" else ("held", "stowed")
    return [words_of(one.noun, *one.words) for one in actor.at(*where)]  # type: ignore[arg-type]


def words_of(*some: str) -> set[str]:
    return {part for one in some for part in (one, *one.replace("-", "_").split("_")) if part}


def compared(state: StoryState, who: str, wanted: dict[str, list[list[str]]]) -> dict[str, bool]:
    """Field -> whether what holds is what should: every group met by one thing; of wounds and
    props, none beyond them."""
    return {field: _matches(field, have(state, who, field), wanted[field]) for field in FIELDS}


def _matches(field: str, there: list[set[str]], wanted: list[list[str]]) -> bool:
    groups = [{form for word in group for form in forms(word)} for group in wanted]
    rest = [{form for word in one for form in forms(word)} for one in there]
    met = 0
    for group in groups:
        hit = next((one for one in rest if one & group), None)
        if hit is not None:
            rest.remove(hit)
            met += 1
    if field == "place":
        return met == len(groups) or any("*" in group for group in groups)
    if field == "outfit":
        return met == len(groups)
    return met == len(groups) and not rest


def forms(word: str) -> set[str]:
    word = word.lower()
    return {word, word.removesuffix("s"), word.removesuffix("es")}


def actor_of(state: StoryState, who: str) -> Actor:
    return state.actors[who]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl")
    parser.add_argument("--reader", choices=["embedded"], default="embedded")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--explain", action="store_true", help="what was missed, and what was not")
    given = parser.parse_args()
    tally, log = Tally(), []  # type: ignore[var-annotated]
    for path in given.files:
        run(path, tally, log)
    console = Console()
    if given.explain:
        console.print("\n".join(log), markup=False, soft_wrap=True)
    if given.json:
        print(json.dumps(tally.figures()))  # noqa: T201
    else:
        for name, value in tally.figures().items():
            console.print(f"{name}: {value}")


if __name__ == "__main__":
    main()
