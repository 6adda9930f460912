"""Promotions under load, on real Serve replicas with a real pipeline: no picture is ever mixed.

Runs for seconds; `SWAP_MINUTES=20 pytest tests/integration/test_hot_swap.py -s` for as long as one
likes, with the figures at the end.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import pytest
import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.handle import DeploymentHandle

from actors.registry import registry_actor
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Rendering, RenderOrder
from cluster.launch import free_port
from cluster.ports import Pixels
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import GeneratorSettings, Settings
from cluster.store import Store
from serve.lifecycle import replica_of
from serve.replicas.generator import Generator
from tests.integration.processes import await_pid, pids_of
from tests.tiny_adapters import lora
from tests.values import KAIRO

LOAD_S = 60 * float(os.environ.get("SWAP_MINUTES", "0.2"))
CALM_S = min(LOAD_S, 10.0)
CAST = tuple(CharacterId(name) for name in ("ada", "kairo", "mira"))
VERSIONS = 4
CLIENTS = 4
EVERY_S = 1.0
REPLICAS = 2


def order(adapter: AdapterVersion | None) -> RenderOrder:
    return RenderOrder(prompt="a knight", seed=5, width_px=64, height_px=64, adapter=adapter)


@dataclass
class Stage:
    """The running service, and what each version of each character looks like."""

    generator: DeploymentHandle[Any]
    registry: Any
    looks: dict[str, Pixels]

    def active(self, character: CharacterId) -> AdapterVersion:
        """As a job's fitting pins it."""
        found: AdapterVersion = ray.get(self.registry.active.remote(character))
        return found

    def shown(self, rendering: Rendering) -> list[str]:
        """The versions that a picture could be of, by every one of its pixels."""
        pixels = rendering.pixels.astype(int)
        return [name for name, look in self.looks.items() if np.abs(pixels - look).max() <= 1]


@pytest.fixture(scope="module")
def stage(
    ray_cluster: None,
    new_settings: Callable[[], Settings],
    tiny_pipeline: Callable[[str], BaseFolder],
) -> Iterator[Stage]:
    flux = tiny_pipeline("flux").folder
    # Two slots for three characters: adapters come and go all the time.
    generator = GeneratorSettings(model=str(flux), device="cpu", steps=2, adapter_slots=2)
    settings = new_settings().model_copy(update={"generator": generator})
    actor: Any = registry_actor(settings)
    looks = cast_all(settings, actor)
    serve.start(http_options={"host": "127.0.0.1", "port": free_port()}, proxy_location="Disabled")
    part = serve.deployment(
        num_replicas=REPLICAS,
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=100,
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.1,
    )(replica_of(Generator))
    handle = serve.run(part.bind(settings), name="swap", route_prefix=None)
    yield Stage(handle, actor, looks)
    serve.shutdown()
    ray.kill(actor)


def cast_all(settings: Settings, actor: Any) -> dict[str, Pixels]:  # noqa: ANN401
    """Every character with its versions, the first of them active, and the look of each."""

    from cluster.providers.diffusers.model import DiffusersImageModel

    store = Store.open(settings.store)
    base = base_folder(settings.generator.model)
    model = DiffusersImageModel(settings.generator, store.blobs)
    looks = {}
    for seed, character in enumerate(CAST):
        store.characters.add(KAIRO.model_copy(update={"id": character}))
        for number in range(VERSIONS):
            content = lora(base, seed=10 * seed + number)
            version = ray.get(actor.import_file.remote(character, content, number == 0))
            looks[version.id] = model.render(order(version)).pixels
    store.close()
    return looks


@dataclass
class Log:
    """What the clients of one phase saw."""

    ended: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def longest_gap_s(self) -> float:
        """The longest time in which nobody was given a picture."""
        times = sorted(self.ended)
        return max(after - before for before, after in itertools.pairwise(times))


def client(stage: Stage, until: float, log: Log, first: int) -> None:
    for turn in itertools.count(first):
        if time.monotonic() > until:
            return
        adapter = stage.active(CAST[turn % len(CAST)])
        begun = time.monotonic()
        rendering = stage.generator.render.remote(order(adapter)).result(timeout_s=60)
        log.took_s.append(time.monotonic() - begun)
        log.ended.append(time.monotonic())
        log.seen.add(adapter.id)
        if (shown := stage.shown(rendering)) != [adapter.id]:
            log.wrong.append(f"{adapter.id} shows {shown}")


def load(stage: Stage, seconds: float) -> Log:
    log, until = Log(), time.monotonic() + seconds
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(client, stage, until, log, n) for n in range(CLIENTS)]:
            done.result()
    return log


def promote_on(stage: Stage, stop: threading.Event, switches: list[float]) -> None:
    """A promotion every moment, and a rollback now and then."""
    for turn in itertools.count():
        if stop.wait(EVERY_S):
            return
        character = CAST[turn % len(CAST)]
        begun = time.monotonic()
        if turn % 7 == 6:
            ray.get(stage.registry.rollback.remote(character))
        else:
            version = turn // len(CAST) % VERSIONS + 1
            switch = ray.get(stage.registry.promote.remote(character, version))
            assert switch.problems == (), switch.problems
        switches.append(time.monotonic() - begun)


def await_pictures(stage: Stage) -> None:
    """Until every replica has painted."""
    for _ in range(10 * REPLICAS):
        stage.generator.render.remote(order(None)).result(timeout_s=120)


@pytest.mark.timeout(600 + 2 * LOAD_S)
def test_a_promotion_every_moment_mixes_no_picture(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    await_pictures(stage)
    calm = load(stage, CALM_S)
    stop, switches = threading.Event(), list[float]()
    with ThreadPoolExecutor(1) as aside:
        promoting = aside.submit(promote_on, stage, stop, switches)
        busy = load(stage, LOAD_S)
        stop.set()
        promoting.result()
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(busy.took_s)} pictures, {len(busy.wrong)} wrong; {len(switches)} switches, "
            f"median {1000 * median(switches):.0f} ms; longest gap {busy.longest_gap_s:.2f} s, "
            f"slowest picture {max(busy.took_s):.2f} s (without switches: "
            f"{calm.longest_gap_s:.2f} s, {max(calm.took_s):.2f} s)"
        )
    assert (calm.wrong, busy.wrong) == ([], [])
    assert len(switches) >= LOAD_S / EVERY_S / 4
    assert len(busy.seen) >= 2 * len(CAST)


def test_a_replica_that_comes_back_serves_what_was_promoted_without_it(stage: Stage) -> None:
    (victim,) = pids_of("Generator", os.getpid())[:1]
    os.kill(victim, signal.SIGKILL)
    ray.get(stage.registry.promote.remote(CAST[0], VERSIONS))
    await_pid("Generator", os.getpid(), other_than=victim)
    adapter, deadline = stage.active(CAST[0]), time.monotonic() + 120
    assert adapter.version == VERSIONS
    right = 0
    while right < 10 * REPLICAS:
        assert time.monotonic() < deadline
        try:
            rendering = stage.generator.render.remote(order(adapter)).result(timeout_s=60)
        except RayActorError:  # which a job's step tries again
            continue
        assert stage.shown(rendering) == [adapter.id]
        right += 1
