"""Holds the image model's weights, alone of all replicas, and paints for everyone who asks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.ports import Pixels
from cluster.providers import image_model
from cluster.settings import Settings
from cluster.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class Generator:
    """The painting replica. The model is loaded, or its absence reported, before it is ready.

    An order's adapter is fetched from the blobs, verified and refused with BadAdapter when it does
    not belong on the model that is being served.
    """

    def __init__(self, settings: Settings) -> None:
        self._model = image_model(
            settings.generator, Store.open(settings.store).blobs, settings.identity
        )
        # One thread, so that orders are painted as they came and health checks are answered.
        self._brush = ThreadPoolExecutor(max_workers=1, thread_name_prefix="brush")

    async def capabilities(self) -> Capabilities:
        """What the model can do, and its own picture size."""
        return self._model.capabilities

    async def render(self, order: RenderOrder) -> Rendering:
        """One picture. Invalid or BadAdapter for an order that cannot be painted."""
        return await self._paint(self._model.render, order)

    async def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """`pixels` (h, w, 3) uint8 repainted where `mask` (h, w) is 255, untouched where 0."""
        return await self._paint(self._model.inpaint, pixels, mask, order)

    async def _paint(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._brush, lambda: work(*args, **kwargs))
