"""Image generation: holds the model's weights, alone of all replicas, and paints for all others."""

import asyncio

from ray import serve

from actors.connect import connect_registry
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.errors import ProviderBusy
from cluster.ports import Pixels
from cluster.providers import image_model
from cluster.store import Store

from ..lifecycle import Lifecycle
from .adapter_sync import AdapterSync
from .batcher import Batcher

RETRY_AFTER_S = 1.0  # when the blobs are away


class Generator(Lifecycle):
    """The replica that paints. The model is loaded, or its absence reported, before it is ready.

    An order's adapter is fetched from the blobs, verified and refused with BadAdapter when it does
    not belong on the model that is being served. As a replica it follows the registry, so that what
    is promoted is ready here before anyone asks for it.
    """

    def start(self) -> None:
        """Load the model. Raises ProviderMissing or Unsupported where there is none to be had."""
        wanted, store = self._settings.generator, Store.open(self._settings.store)
        self._model = image_model(wanted, store.blobs, self._settings.identity)
        self._batcher = Batcher(
            self._model, max_batch_size=wanted.max_batch_size, batch_wait_s=wanted.batch_wait_s
        )
        self._adapter_sync = AdapterSync(store, self._model.stage, most=wanted.adapter_slots)
        self._store = store

    async def background(self) -> None:
        """Keep up with the registry's news, if the model can use any."""
        if not self._model.capabilities.lora:
            return
        replica_id = serve.get_replica_context().replica_id.unique_id
        await self._adapter_sync.run(connect_registry(self._settings), replica_id)

    def close(self) -> None:
        self._batcher.close()
        self._store.close()

    async def capabilities(self) -> Capabilities:
        """What the model can do, and its own image size."""
        return self._model.capabilities

    async def render(self, order: RenderOrder) -> Rendering:
        """One image, in a batch with whatever else waits.

        Raises:
            Invalid: The model cannot paint that size.
            BadAdapter: The adapter does not belong on the model.
            ProviderBusy: The blobs are away for a moment.
        """
        await self._stage(order.adapter)
        return await self._batcher.render(order)

    async def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """Inpainting: `pixels` (h, w, 3) uint8 RGB repainted where `mask` (h, w) uint8 is 255,
        untouched where it is 0. Raises like `render`."""
        await self._stage(order.adapter)
        return await self._batcher.alone(self._model.inpaint, pixels, mask, order)

    async def _stage(self, adapter: AdapterVersion | None) -> None:
        """Off the painting thread, so that a bad file holds nobody up."""
        if adapter is None:
            return
        try:
            await asyncio.to_thread(self._model.stage, adapter)
        except OSError as error:  # storage that is away for a moment, or for this replica alone
            raise ProviderBusy(provider="blob store", retry_after_s=RETRY_AFTER_S) from error
