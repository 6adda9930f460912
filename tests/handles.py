"""Ray handles without Ray: the real part, called in this process."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


class Here:
    """A handle of a part in this process: `handle.method.remote(...)` is something to await."""

    def __init__(self, part: object) -> None:
        self._part = part

    def __getattr__(self, name: str) -> "HereMethod":
        # What Ray adds to every actor.
        method = (lambda: True) if name == "__ray_ready__" else getattr(self._part, name)
        return HereMethod(method)


class HereMethod:
    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    async def remote(self, *args: object) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(self._method):
            return await self._method(*args)
        return await asyncio.to_thread(self._method, *args)
