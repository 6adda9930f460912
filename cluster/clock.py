"""Time, as whoever waits for it is told: the machine's clock, or one that a test turns."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time decides something, it is asked here."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment; never set back."""
        ...

    def wait_until(
        self,
        condition: threading.Condition,
        predicate: Callable[[], bool],
        deadline_s: float | None = None,
    ) -> bool:
        """Wait in a thread that holds `condition` until `predicate` holds, or the deadline.

        Args:
            deadline_s: A moment of `monotonic_s`; null: for as long as it takes.

        Returns:
            Whether `predicate` holds.
        """
        ...

    async def sleep(self, delay_s: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wait_until(
        self,
        condition: threading.Condition,
        predicate: Callable[[], bool],
        deadline_s: float | None = None,
    ) -> bool:
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        return condition.wait_for(predicate, left_s)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


SYSTEM_CLOCK = SystemClock()
