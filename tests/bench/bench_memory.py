"""What remembering costs a job: `python -m tests.bench.bench_memory [--pairs 20] [--json]`.

The real MemoryStore with the real store, encoder and Milvus Lite, in this process. A round is what
a job asks of it: a scene is remembered and the world state recalled. In each pair one round leaves
the indexing to the background, as the service does, and one waits until the scene can be searched;
which is first changes from pair to pair. The rounds beside a rebuild find an index that lacks
everything.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from actors.memory import MemoryStore
from cluster import providers
from cluster.domain.character import Outfit
from cluster.domain.story.episode import Episode
from cluster.domain.story.scene import SceneState, StoryId
from cluster.settings import Settings, StoreSettings, TelemetrySettings
from cluster.store import Store
from cluster.telemetry import setup_logging
from tests.values import CUT, KAIRO, episode

SCENES = 50
"""Of a story: the world state is folded from one story's scenes."""
WAIT_S = 600.0
STATE = SceneState(
    outfit=Outfit(garment="cloak", colour="dark"), injuries=(CUT,), props=("sword",),
    expression="angry", action="fighting", place="market", weather="rain",
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Medians, in ms; `ratio` is the median of the pairs' own."""

    episodes: int
    pairs: int
    background_ms: float
    waiting_ms: float
    ratio: float
    beside_a_rebuild_ms: float


class Job:
    """Asks a memory for what jobs ask, each with a scene of its own."""

    def __init__(self, memory: MemoryStore, known: int) -> None:
        self._memory, self._count = memory, known

    def round_s(self, *, waits: bool) -> float:
        """Seconds of one round."""
        one = scene(self._count)
        self._count += 1
        begun = time.perf_counter()
        self._memory.remember(one, ("bench", [1.0, float(self._count)]))
        if waits:
            assert self._memory.settled(WAIT_S)
        self._memory.recall(KAIRO.id, one.story_id)
        return time.perf_counter() - begun


def scene(n: int) -> Episode:
    story = StoryId(f"story-{n // SCENES}")
    prompt = f"Kairo, wounded, fights off {n} strangers in the market and looks for the sea"
    return episode(f"scene-{n}", STATE, prompt=prompt, story_id=story)


@contextmanager
def memory_of(count: int, *, indexed: bool) -> Iterator[MemoryStore]:
    """A memory of so many scenes. What an index holds is of no matter to its speed: the vectors
    are random."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(store=StoreSettings(home=Path(home)))
        store = Store.open(settings.store)
        store.characters.add(KAIRO)
        for n in range(count):
            store.episodes.commit(scene(n))
        store.close()
        if indexed:
            fill(settings, count)
        memory = MemoryStore(settings)
        memory.start()
        try:
            yield memory
        finally:
            memory.close()


def fill(settings: Settings, count: int) -> None:
    encoder = providers.text_encoder(settings.memory)
    index = providers.vector_index(settings, encoder.model, encoder.dim)
    vectors = np.random.default_rng(0).normal(size=(count, encoder.dim)).astype(np.float32)
    for n, vector in enumerate(vectors):
        one = scene(n)
        index.upsert(one.id, vector, character_id=one.character_id, story_id=one.story_id)


def paired(count: int, pairs: int) -> list[tuple[float, float]]:
    """Seconds in the background, and with waiting, of each pair."""
    found: list[tuple[float, float]] = []
    with memory_of(count, indexed=True) as memory:
        job = Job(memory, count)
        job.round_s(waits=True)
        for n in range(pairs):
            spent: dict[bool, float] = {}
            for waits in (n % 2 == 0, n % 2 == 1):
                spent[waits] = job.round_s(waits=waits)
                assert memory.settled(WAIT_S)
            found.append((spent[False], spent[True]))
    return found


def beside_a_rebuild(count: int, rounds: int) -> list[float]:
    """Seconds of rounds while the whole index is being rebuilt."""
    with memory_of(count, indexed=False) as memory:
        memory.search(KAIRO.id, "rain", None, 3, WAIT_S)  # the index is open, and being written
        job = Job(memory, count)
        spent = [job.round_s(waits=False) for _ in range(rounds)]
        assert not memory.settled(0.0), "the rebuild was over before the rounds were"
    return spent


def measured(count: int, pairs: int) -> Figures:
    found = paired(count, pairs)
    return Figures(
        episodes=count,
        pairs=pairs,
        background_ms=_ms(median(one for one, _ in found)),
        waiting_ms=_ms(median(other for _, other in found)),
        ratio=round(median(one / other for one, other in found), 3),
        beside_a_rebuild_ms=_ms(median(beside_a_rebuild(count, pairs))),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, nargs="+", default=[1000, 3000])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    setup_logging(TelemetrySettings())  # to standard error
    figures = [measured(count, given.pairs) for count in given.episodes]
    if given.json:
        print(json.dumps([asdict(one) for one in figures], indent=2))  # noqa: T201
        return
    table = Table("episodes", "background ms", "waiting ms", "ratio", "beside a rebuild ms")
    for one in figures:
        numbers = (one.background_ms, one.waiting_ms, one.ratio, one.beside_a_rebuild_ms)
        table.add_row(str(one.episodes), *map(str, numbers))
    Console().print(table)


if __name__ == "__main__":
    main()
