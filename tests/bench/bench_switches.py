"""How soon replicas hear of a switch: `python -m tests.bench.bench_switches [--replicas 4]`.

The real registry as an actor of a real local Ray, replicas in processes of their own that follow it
as painting ones do but hold no model, so that what is left is the price of the agreement: from the
call to the last replica that heard of the new version.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import ray
from rich.console import Console
from rich.table import Table

from actors.registry import registry_actor
from cluster.domain.learning.adapter import AdapterSwitch
from cluster.launch import local_ray
from cluster.settings import GeneratorSettings, Settings, StoreSettings
from cluster.store import Store
from tests.scripted_replica import Handle, ScriptedReplica
from tests.tiny_adapters import lora
from tests.tiny_base import tiny_base
from tests.values import KAIRO


class Process:
    """A replica in a process of its own."""

    def __init__(self, id: str, actor: Handle) -> None:
        self._replica = ScriptedReplica(id, actor)
        self._replica.__enter__()

    def heard_at(self, switch_id: int) -> float:
        """When it heard of a switch, in seconds since 1970, waiting for it if need be."""
        while not (at := self._replica.heard_at.get(switch_id)):
            time.sleep(0.001)
        return at


@contextmanager
def registry_of(home: Path) -> Iterator[Any]:
    """The registry's actor, with two versions of one character."""
    base = tiny_base(home / "tiny")
    settings = Settings(
        store=StoreSettings(home=home / "store"),
        generator=GeneratorSettings(model=str(base.folder)),
    )
    store = Store.open(settings.store)
    store.characters.add(KAIRO)
    store.close()
    with local_ray(num_cpus=8):
        actor: Handle = registry_actor(settings)
        for seed in (1, 2):
            ray.get(actor.import_file.remote(KAIRO.id, lora(base, seed=seed)))
        yield actor


def seconds(replicas: list[Any], method: Any, *args: object) -> float:  # noqa: ANN401
    """From a call to the last replica that heard what came of it."""
    begun = time.time()
    switch: AdapterSwitch = ray.get(method.remote(*args))
    return float(max(ray.get([one.heard_at.remote(switch.id) for one in replicas])) - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, registry_of(Path(home)) as actor:
        process: Any = ray.remote(Process)
        process = process.options(num_cpus=0, max_concurrency=2)
        replicas = [process.remote(f"replica-{n}", actor) for n in range(given.replicas)]
        ray.get([one.__ray_ready__.remote() for one in replicas])
        spans: dict[str, list[float]] = {"rollback": [], "promotion, staged by all": []}
        for _ in range(given.rounds):
            spans["rollback"].append(seconds(replicas, actor.rollback, KAIRO.id))
            promoted = seconds(replicas, actor.promote, KAIRO.id, 2)
            spans["promotion, staged by all"].append(promoted)
    table = Table(f"to {given.replicas} replicas", "p50 ms", "p95 ms", "max ms")
    for name, values in spans.items():
        cuts = [1000 * cut for cut in quantiles(values, n=20)]
        table.add_row(name, f"{cuts[9]:.0f}", f"{cuts[18]:.0f}", f"{1000 * max(values):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
