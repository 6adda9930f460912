"""A clock that stands still until a test turns it."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

PATIENCE_S = 300.0
"""Real seconds after which a thread that does not come to rest is an error."""
POLL_S = 0.001
POOLED = ("ThreadPoolExecutor", "asyncio")
"""How the threads of a pool are called."""


class Wait(NamedTuple):
    """What a thread waits for."""

    condition: threading.Condition
    over: Callable[[], bool]


class ManualClock:
    """Knows every thread that ever waited for it, so that a test can let them all come to rest:
    what has not happened then does not happen before the clock is turned again."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._passed_s = 0.0
        self._waits: dict[threading.Thread, Wait] = {}
        self._known: set[threading.Thread] = set()
        self._sleeps: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._passed_s)

    def monotonic_s(self) -> float:
        return self._passed_s

    def wait_until(
        self,
        condition: threading.Condition,
        predicate: Callable[[], bool],
        deadline_s: float | None = None,
    ) -> bool:
        def over() -> bool:
            return predicate() or (deadline_s is not None and self._passed_s >= deadline_s)

        me = threading.current_thread()
        self._known.add(me)
        self._waits[me] = Wait(condition, over)
        try:
            condition.wait_for(over)
        finally:
            del self._waits[me]
        return predicate()

    async def sleep(self, delay_s: float) -> None:
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeps.append((self._passed_s + delay_s, awake))
        await awake

    async def turned_until(self, done: Callable[[], bool], step_s: float) -> None:
        """Turn the clock whenever somebody waits for it, until something is done."""
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                if self.waiting:
                    self.turn(step_s)
                await asyncio.sleep(0)

    def turn(self, seconds: float) -> None:
        """Let time pass, and every thread do what it then has to do."""
        self._passed_s += seconds
        for wait in list(self._waits.values()):
            with wait.condition:
                wait.condition.notify_all()
        for at, awake in self._sleeps:
            if at <= self._passed_s and not awake.done():
                awake.set_result(None)
        self._sleeps = [one for one in self._sleeps if not one[1].done()]
        self.rest()

    def rest(self, threads: int = 0) -> None:
        """Wait until every thread that ever waited for this clock waits for later, or has ended.

        Args:
            threads: How many there must be.
        """
        deadline = time.monotonic() + PATIENCE_S
        while len(self._known) < threads or not all(map(self._rests, list(self._known))):
            assert time.monotonic() < deadline, f"{self._known} do not come to rest"
            time.sleep(POLL_S)

    @property
    def waiting(self) -> int:
        """How many threads and coroutines wait at this moment."""
        return len(self._waits) + len(self._sleeps)

    def _rests(self, thread: threading.Thread) -> bool:
        if thread is threading.current_thread() or not thread.is_alive():
            return True
        wait = self._waits.get(thread)
        if wait is None:
            return thread.name.startswith(POOLED)  # which may have nothing to do
        with wait.condition:
            return self._waits.get(thread) is wait and not wait.over()
