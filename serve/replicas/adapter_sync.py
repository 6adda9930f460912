"""Adapter synchronisation: a replica that paints stages a version before it is served.

The registry's docstring tells the whole story. A replica never chooses a version: every order names
its own, so that a replica which missed an announcement, or could not stage a version, is late with
a picture or refuses it, and never paints the wrong one.
"""

import asyncio
from collections.abc import Callable

from ray.exceptions import RayError
from sqlalchemy.exc import SQLAlchemyError

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import (
    NO_ADAPTER,
    AdapterSwitch,
    AdapterVersion,
    ExpectedAdapter,
)
from cluster.errors import CineError
from cluster.handles import LoraRegistryHandle
from cluster.store import Store
from cluster.telemetry import logger

LISTEN_S = 5.0
RECONCILE_S = 60.0
RETRY_S = 0.5
LOST = (CineError, RayError, SQLAlchemyError, OSError)


class AdapterSync:
    """Stages what is about to be served, and what is being served when the replica starts.

    Args:
        stage: Makes one version ready, in a thread. Raises CineError for one that cannot be served.
        most: How many versions are worth keeping ready.
        listen_s: How long one call to the registry listens; each is a heartbeat.
    """

    def __init__(
        self,
        store: Store,
        stage: Callable[[AdapterVersion], None],
        most: int,
        listen_s: float = LISTEN_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._clock = clock
        self._stage, self._most, self._listen_s = stage, most, listen_s
        self._known: set[CharacterId] = set()
        self._fetching: set[asyncio.Task[str | None]] = set()
        self._log = logger("adapter_sync")

    async def run(self, registry: LoraRegistryHandle, replica_id: str) -> None:
        """Follow the registry until cancelled, whatever dies on the way."""
        while True:
            try:
                await self._follow(registry, replica_id)
            except LOST as error:
                self._log.warning("registry.lost", error=str(error))
            await self._clock.sleep(RETRY_S)

    async def ready(self, character_id: CharacterId, version: int | None) -> str | None:
        """Stage a version, or the active one for null; why not, if it cannot be done."""
        try:
            adapter = await asyncio.to_thread(self._version, character_id, version)
            if adapter is not None:
                await asyncio.to_thread(self._stage, adapter)
                self._known.add(character_id)
        except LOST as error:
            self._log.warning("stage.failed", character=character_id, error=str(error))
            return str(error)
        return None

    async def _follow(self, registry: LoraRegistryHandle, replica_id: str) -> None:
        position = await registry.join(replica_id=replica_id)
        await self._reconcile()
        due_s = self._clock.monotonic_s() + RECONCILE_S
        while True:
            news = await registry.wait_newer(
                position=position, timeout_s=self._listen_s, replica_id=replica_id
            )
            position = news.position
            for hint in news.expected:
                self._fetch(hint)
            for switch in news.switches:
                await self._hear(registry, replica_id, switch)
            if self._clock.monotonic_s() >= due_s:
                await self._reconcile()
                due_s = self._clock.monotonic_s() + RECONCILE_S

    def _fetch(self, hint: ExpectedAdapter) -> None:
        """Beside the news, which do not wait for it; a failure is the job's to tell."""
        if hint.version == NO_ADAPTER:
            return
        task = asyncio.create_task(self.ready(hint.character_id, hint.version))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _hear(
        self, registry: LoraRegistryHandle, replica_id: str, switch: AdapterSwitch
    ) -> None:
        adapter_id = switch.adapter_id
        if switch.kind in ("abandoned", "deleted") or switch.version is None or adapter_id is None:
            return
        problem = await self.ready(switch.character_id, switch.version)
        if switch.kind == "staging":
            await registry.staged(
                replica_id=replica_id,
                adapter_id=adapter_id,
                ok=problem is None,
                problem=problem,
            )

    async def _reconcile(self) -> None:
        """Read from the database what is served; of strangers only when the replica is new."""
        adapters = await asyncio.to_thread(self._store.adapters.list)
        served = [one for one in adapters if one.active]
        mine = [one for one in served if not self._known or one.character_id in self._known]
        newest = sorted(mine, key=lambda one: one.created_at)[-self._most :]
        for one in newest:
            await self.ready(one.character_id, one.version)

    def _version(self, character_id: CharacterId, version: int | None) -> AdapterVersion | None:
        if version is None:
            return self._store.adapters.active(character_id)
        return self._store.adapters.get(character_id, version)
