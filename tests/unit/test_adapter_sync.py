"""A replica follows the real registry over a real store; only the model is left out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from actors.registry import LoraRegistry
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.codecs.adapter_file import read_adapter
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import NO_ADAPTER, AdapterVersion, NewsPosition
from cluster.errors import BadAdapter, Unavailable
from cluster.settings import RegistrySettings, Settings
from cluster.store import Store
from serve.replicas.adapter_sync import RECONCILE_S, RETRY_S, AdapterSync
from tests.handles import registry_handle, started
from tests.manual_clock import ManualClock
from tests.tiny_adapters import lora
from tests.tiny_base import tiny_base
from tests.values import KAIRO

LISTEN_S = 0.2
MIRA = CharacterId("mira")


@pytest.fixture
def served(tiny_settings: Settings) -> Settings:
    patience = RegistrySettings(stage_timeout_s=5.0, lapse_s=1.0)
    return tiny_settings.model_copy(update={"registry": patience})


@pytest.fixture
def store(store: Store) -> Store:
    store.characters.add(KAIRO)
    store.characters.add(KAIRO.model_copy(update={"id": MIRA, "name": "Mira"}))
    return store


@pytest.fixture
def registry(served: Settings, store: Store) -> Iterator[LoraRegistry]:
    registry = started(LoraRegistry(served))
    yield registry
    registry.close()


class Replica:
    """What a painting replica has ready; it can be told to fail."""

    def __init__(
        self,
        registry: LoraRegistry,
        store: Store,
        most: int = 8,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.ready: list[str] = []
        self.fails: Exception | None = None
        self._store = store
        self.id = "replica-1"
        self.registry = registry_handle(lambda: registry)
        self.follower = AdapterSync(store, self.stage, most, LISTEN_S, clock)

    def stage(self, adapter: AdapterVersion) -> None:
        if self.fails:
            raise self.fails
        read_adapter(self._store.blobs.get(adapter.sha256))
        if adapter.id not in self.ready:
            self.ready.append(adapter.id)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.follower.run(self.registry, self.id))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def kept(registry: LoraRegistry, store: Store, seed: int, who: CharacterId = KAIRO.id) -> int:
    """A version that nobody serves yet."""
    content = lora(tiny_base(store_folder(registry)), seed=seed)
    return registry.import_file(who, content, activate=False).version


def store_folder(registry: LoraRegistry) -> Path:
    return Path(registry._settings.generator.model)


async def test_what_is_promoted_is_ready_before_it_is_served(
    registry: LoraRegistry, store: Store
) -> None:
    version = kept(registry, store, 1)
    replica = Replica(registry, store)
    async with replica.following():
        await until(lambda: registry._replicas.alive() == {"replica-1"})
        switch = await asyncio.to_thread(registry.promote, KAIRO.id, version)
        assert replica.ready == [f"char_kairo_v{version}"]
        assert switch.problems == ()


async def test_a_new_replica_reads_what_is_served_from_the_database(
    registry: LoraRegistry, store: Store
) -> None:
    for seed, who in ((1, KAIRO.id), (2, MIRA)):
        registry.promote(who, kept(registry, store, seed, who))
    kept(registry, store, 3)
    replica, small = Replica(registry, store), Replica(registry, store, most=1)
    async with replica.following(), small.following():
        await until(lambda: len(replica.ready) == 2 and len(small.ready) == 1)
    assert set(replica.ready) == {"char_kairo_v1", "char_mira_v1"}
    assert small.ready == ["char_mira_v1"]


async def test_a_replica_that_cannot_stage_says_why(registry: LoraRegistry, store: Store) -> None:
    version = kept(registry, store, 1)
    good, bad = Replica(registry, store), Replica(registry, store)
    bad.id = "replica-2"
    bad.fails = BadAdapter("no room here")
    async with good.following(), bad.following():
        await until(lambda: len(registry._replicas.alive()) == 2)
        switch = await asyncio.to_thread(registry.promote, KAIRO.id, version)
        assert registry.active(KAIRO.id) is not None
        assert len(switch.problems) == 1
        assert "no room here" in switch.problems[0]


async def test_a_version_that_was_served_once_is_ready_after_a_rollback(
    registry: LoraRegistry, store: Store
) -> None:
    first, second = kept(registry, store, 1), kept(registry, store, 2)
    registry.promote(KAIRO.id, first)
    registry.promote(KAIRO.id, second)
    replica = Replica(registry, store)
    async with replica.following():
        await until(lambda: replica.ready == ["char_kairo_v2"])
        await asyncio.to_thread(registry.rollback, KAIRO.id)
        await until(lambda: replica.ready == ["char_kairo_v2", "char_kairo_v1"])


async def test_a_registry_that_dies_is_found_again(registry: LoraRegistry, store: Store) -> None:
    class Dying:
        """Answers the second call only."""

        calls = 0

        def join(self, replica_id: str) -> NewsPosition:
            Dying.calls += 1
            if Dying.calls == 1:
                raise Unavailable("the registry is being replaced")
            return registry.join(replica_id)

        def __getattr__(self, name: str) -> object:
            return getattr(registry, name)

    registry.promote(KAIRO.id, kept(registry, store, 1))
    clock = ManualClock()
    replica = Replica(registry, store, clock=clock)
    replica.registry = registry_handle(Dying)
    async with replica.following():
        await until(lambda: clock.waiting == 1)
        clock.turn(RETRY_S)
        await until(lambda: replica.ready == ["char_kairo_v1"])
    assert Dying.calls == 2


async def test_what_a_queued_scene_will_need_is_fetched_meanwhile(
    registry: LoraRegistry, store: Store
) -> None:
    registry.promote(KAIRO.id, kept(registry, store, 1))
    pinned = kept(registry, store, 2)
    replica = Replica(registry, store)
    async with replica.following():
        await until(lambda: replica.ready == ["char_kairo_v1"])
        for version in (pinned, NO_ADAPTER, 99):
            await asyncio.to_thread(registry.expect, KAIRO.id, version)
        await until(lambda: replica.ready == ["char_kairo_v1", f"char_kairo_v{pinned}"])


async def test_what_was_missed_is_read_from_the_database_on_a_slow_timer(
    registry: LoraRegistry, store: Store
) -> None:
    registry.promote(KAIRO.id, kept(registry, store, 1))
    clock = ManualClock()
    replica = Replica(registry, store, clock=clock)
    async with replica.following():
        await until(lambda: replica.ready == ["char_kairo_v1"])
        replica.ready.clear()  # as if it had never been staged
        clock.turn(RECONCILE_S)
        await until(lambda: replica.ready == ["char_kairo_v1"])


async def test_a_coming_jobs_version_is_fetched_and_a_failure_is_not_the_callers(
    registry: LoraRegistry, store: Store
) -> None:
    registry.promote(KAIRO.id, kept(registry, store, 1))
    pinned = kept(registry, store, 2)
    replica = Replica(registry, store)
    assert await replica.follower.ready(KAIRO.id, None) is None
    assert await replica.follower.ready(KAIRO.id, pinned) is None
    assert replica.ready == ["char_kairo_v1", f"char_kairo_v{pinned}"]
    assert "does not exist" in (await replica.follower.ready(KAIRO.id, 99) or "")
    assert await replica.follower.ready(MIRA, None) is None
