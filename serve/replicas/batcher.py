"""Dynamic batching: paints whatever waits, several images at once, one batch after the other.

Whoever waits longest is served first, together with the next ones of the same size, whoever is in
them. Nothing waits for company except the first order after a rest, and that for a moment only.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from cluster.domain.render import Rendering, RenderOrder
from cluster.ports import ImageModel

P = ParamSpec("P")
T = TypeVar("T")


class Waiting(NamedTuple):
    """Work in the queue. Equal keys may be painted at once; a key of None is painted alone."""

    key: Hashable | None
    work: RenderOrder | Callable[[], Any]
    answer: asyncio.Future[Any]


class Batcher:
    """One model, one thread that paints, and the orders that wait for it. For one event loop."""

    def __init__(self, model: ImageModel, *, max_batch_size: int, batch_wait_s: float) -> None:
        self._model = model
        self._most, self._wait_s = max_batch_size, batch_wait_s
        self._waiting: deque[Waiting] = deque()
        self._painting: asyncio.Task[None] | None = None
        # One thread, so that health checks are answered while it paints.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")

    async def render(self, order: RenderOrder) -> Rendering:
        """One image, painted with others. Raises what the model raises for this order."""
        size = self._model.capabilities.size(order.width_px, order.height_px)
        return cast(Rendering, await self._queue(size, order))

    async def alone(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work that shares no batch, in its turn."""
        return cast(T, await self._queue(None, lambda: work(*args, **kwargs)))

    def close(self) -> None:
        """End the thread; what waits is answered no more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _queue(self, key: Hashable | None, work: RenderOrder | Callable[[], Any]) -> object:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(key, work, answer))
        if self._painting is None or self._painting.done():
            self._painting = asyncio.create_task(self._run_batches())
        return await answer

    async def _run_batches(self) -> None:
        await asyncio.sleep(self._wait_s if self._most > 1 else 0)
        loop = asyncio.get_running_loop()
        while batch := self._next():
            answers = await loop.run_in_executor(self._executor, self._paint, batch)
            for one, answer in zip(batch, answers, strict=True):
                if one.answer.done():  # whoever asked has gone
                    continue
                if isinstance(answer, BaseException):
                    one.answer.set_exception(answer)
                else:
                    one.answer.set_result(answer)

    def _next(self) -> list[Waiting]:
        """Take the next batch out of the queue; empty when nothing waits."""
        batch: list[Waiting] = []
        left: deque[Waiting] = deque()
        for one in self._waiting:
            if one.answer.done():
                continue
            fits = not batch or (one.key is not None and one.key == batch[0].key)
            (batch if fits and len(batch) < self._most else left).append(one)
        self._waiting = left
        return batch

    def _paint(self, batch: list[Waiting]) -> list[object]:
        """An answer, or what was raised instead, for each. One that fails costs only its own."""
        works = [one.work for one in batch]
        orders = [work for work in works if isinstance(work, RenderOrder)]
        if len(orders) > 1:
            try:
                return list(self._model.render_batch(orders))
            except Exception:  # noqa: BLE001 - each hears what is wrong with its own order
                return [self._one(order) for order in orders]
        return [self._one(work) for work in works]

    def _one(self, work: RenderOrder | Callable[[], Any]) -> object:
        try:
            return self._model.render(work) if isinstance(work, RenderOrder) else work()
        except Exception as error:  # noqa: BLE001 - carried to whoever asked
            return error
