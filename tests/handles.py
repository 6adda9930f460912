"""Ray handles without Ray: the real part, called in this process."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any


class Here:
    """A handle of a part in this process: `handle.method.remote(...)` is something to await.

    The part is made when it is first called: some take seconds to start.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: object | None = None

    def __getattr__(self, name: str) -> "HereMethod":
        if name == "__ray_ready__":  # which Ray adds to every actor
            return HereMethod(lambda: True)
        return HereMethod(getattr(self._part(), name))

    def close(self) -> None:
        if self._made is not None and hasattr(self._made, "close"):
            self._made.close()

    def _part(self) -> object:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class HereMethod:
    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    async def remote(self, *args: object) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(self._method):
            return await self._method(*args)
        return await asyncio.to_thread(self._method, *args)
