"""Parts without Ray: those that have been started, and actors that are called in this process."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

from actors.learner import Learner
from actors.memory import MemoryStore
from actors.registry import LoraRegistry
from cluster.handles import Actors, LearnerHandle, LoraRegistryHandle, MemoryStoreHandle


class Part(Protocol):
    def start(self) -> None: ...


P = TypeVar("P", bound=Part)


def started(part: P) -> P:
    """A part, as it is once it is started."""
    part.start()
    return part


class InProcess:
    """Awaits what a part answers: in threads, where an actor answers by blocking.

    The part is made when it is first called: some take seconds to start.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: object | None = None

    async def __ray_ready__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def method(**kwargs: object) -> object:
            call = getattr(self._part(), name)
            if inspect.iscoroutinefunction(call):
                return await call(**kwargs)
            return await asyncio.to_thread(call, **kwargs)

        return method

    def close(self) -> None:
        if self._made is not None and hasattr(self._made, "close"):
            self._made.close()

    def _part(self) -> object:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def in_process(
    memory: Callable[[], MemoryStore],
    registry: Callable[[], LoraRegistry],
    learner: Callable[[], Learner],
) -> Actors:
    """Handles of actors that live here."""
    return Actors(
        cast(MemoryStoreHandle, InProcess(lambda: started(memory()))),
        cast(LoraRegistryHandle, InProcess(lambda: started(registry()))),
        cast(LearnerHandle, InProcess(lambda: started(learner()))),
    )


def registry_handle(make: Callable[[], object]) -> LoraRegistryHandle:
    """A handle of a LoraRegistry, or of what a test puts in its place."""
    return cast(LoraRegistryHandle, InProcess(make))


def release(actors: Actors) -> None:
    """Close those of `in_process` that were made and can be closed."""
    for actor in actors:
        assert isinstance(actor, InProcess)
        actor.close()
