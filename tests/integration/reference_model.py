"""An image model that always works: it shows whoever the character's first reference shows.

Blurred for `POOR_SEED`, so that a job takes every step there is; nobody at all for `EMPTY_SEED` and
the seed that a job falls back on after it; slowly for `SLOW_SEED`, so that it can be interrupted.
"""

import asyncio

import numpy as np
from PIL import Image, ImageFilter

from cluster.codecs.images import decode_image
from cluster.domain.character import CharacterId
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.ports import Pixels
from cluster.settings import Settings
from cluster.store import Store
from serve.lifecycle import Lifecycle
from serve.workflow.steps import take_seed

POOR_SEED = 7
EMPTY_SEED = 9
SLOW_SEED = 13
SLOW_S = 3.0
BLUR_PX = 9


class ReferenceModel(Lifecycle):
    """Takes the Generator's place."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        empty = SceneRequest(
            character_id=CharacterId("any"), prompt="any", story_id=StoryId("any"), seed=EMPTY_SEED
        )
        self._empty = {take_seed("any", empty, take) for take in (1, 2)}

    def start(self) -> None:
        self._blobs = Store.open(self._settings.store).blobs

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            model="reference-model",
            lora=True,
            references=True,
            inpaint=True,
            width_px=256,
            height_px=256,
            token_budget=77,
        )

    async def render(self, order: RenderOrder) -> Rendering:
        person = Image.fromarray(decode_image(self._blobs.get(order.references[0])))
        if order.seed == SLOW_SEED:
            await asyncio.sleep(SLOW_S)
        if order.seed == POOR_SEED:
            person = person.filter(ImageFilter.GaussianBlur(BLUR_PX))
        if order.seed in self._empty:
            person = Image.new("RGB", person.size, "grey")
        lights = np.random.default_rng(order.seed).integers(-6, 7, (1, 1, 3))
        pixels = np.clip(np.asarray(person, dtype=np.int16) + lights, 0, 255).astype(np.uint8)
        return Rendering(pixels=pixels, model="reference-model", seed=order.seed)

    async def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """A repair that changes nothing: the picture must be taken again."""
        return pixels
