"""Paints with any local diffusers text-to-image pipeline: one set of weights, one job at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from PIL import Image

from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.errors import Invalid, ProviderBusy, ProviderError, Refused, Unsupported
from cluster.ports import BlobStore, Pixels
from cluster.providers.diffusers_adapters import Adapters
from cluster.providers.diffusers_call import (
    own_size,
    prompt_arguments,
    side_multiple,
    token_budget,
)
from cluster.providers.diffusers_folder import BaseFolder, base_folder
from cluster.providers.diffusers_load import inpainting_twin, load_pipeline, pick_device
from cluster.settings import GeneratorSettings

RESIDENT_ADAPTERS = 8
RETRY_AFTER_S = 15.0


class DiffusersImageModel:
    """An ImageModel. The same order gives the same pixels, bit for bit, on the same machine.

    Adapters come from `blobs` by their sha256. Raises ProviderMissing, when built, for a model or
    device that is not there.
    """

    def __init__(self, settings: GeneratorSettings, blobs: BlobStore) -> None:
        self._settings = settings
        base = base_folder(settings.model)
        self._pipe = load_pipeline(base, pick_device(settings.device))
        self._inpainter = inpainting_twin(self._pipe)
        self._adapters = Adapters(self._pipe, base, blobs, resident=RESIDENT_ADAPTERS)
        self._capabilities = self._measure(base)
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def resident(self) -> tuple[str, ...]:
        """Names of the adapters in memory, the one used longest ago first."""
        return self._adapters.loaded

    def render(self, order: RenderOrder) -> Rendering:
        """One picture. Invalid for a size, BadAdapter for an adapter, that cannot be used."""
        width, height = self._capabilities.size(order.width_px, order.height_px)
        with self._lock, _translated():
            self._adapters.select(order.adapter)
            painted = self._pipe(
                **self._common(self._pipe, order), width=width, height=height,
                num_inference_steps=self._settings.steps,
            )  # fmt: skip
        return Rendering(pixels=_pixels(painted), model=self._capabilities.model, seed=order.seed)

    def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """`pixels` (h, w, 3) repainted where `mask` (h, w) is 255 and untouched where it is 0."""
        if self._inpainter is None:
            raise Unsupported(f"{self._capabilities.model} has no inpainting pipeline")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or mask.shape != pixels.shape[:2]:
            raise Invalid(f"inpaint needs (h, w, 3) and (h, w), not {pixels.shape}, {mask.shape}")
        width, height = self._capabilities.size(pixels.shape[1], pixels.shape[0])
        with self._lock, _translated():
            self._adapters.select(order.adapter)
            painted = self._inpainter(
                **self._common(self._inpainter, order), width=width, height=height,
                image=Image.fromarray(pixels), mask_image=Image.fromarray(mask),
                strength=order.strength,
                num_inference_steps=max(self._settings.steps, ceil(1 / order.strength)),
            )  # fmt: skip
        weight = mask[..., None].astype(np.float32) / 255
        mixed = _pixels(painted) * weight + pixels * (1 - weight)
        return np.where(mask[..., None] == 0, pixels, np.rint(mixed).astype(np.uint8))

    def _common(self, pipe: DiffusionPipeline, order: RenderOrder | Inpainting) -> dict[str, Any]:
        return prompt_arguments(
            pipe,
            prompt=order.prompt,
            negative_prompt=order.negative_prompt,
            guidance=self._settings.guidance,
        ) | {
            # The CPU's generator: noise that is the same whatever the device.
            "generator": torch.Generator("cpu").manual_seed(order.seed),
            "output_type": "np",
        }

    def _measure(self, base: BaseFolder) -> Capabilities:
        multiple = side_multiple(self._pipe, base)
        limit = self._settings.max_side_px // multiple * multiple
        width, height = own_size(self._pipe, base)
        return Capabilities(
            model=base.id,
            lora=hasattr(self._pipe, "load_lora_weights"),
            references=False,
            inpaint=self._inpainter is not None,
            video=False,
            seed=True,
            width_px=min(width, limit),
            height_px=min(height, limit),
            token_budget=token_budget(self._pipe),
            side_multiple_px=multiple,
            max_side_px=limit,
        )


def _pixels(painted: BaseOutput) -> Pixels:
    """The one image of a pipeline's output: float [0, 1] to uint8."""
    if any(getattr(painted, "nsfw_content_detected", None) or ()):
        raise Refused("the model's own safety checker withheld the picture")
    image: npt.NDArray[np.float32] = np.asarray(painted.images[0])
    if not np.isfinite(image).all():
        raise ProviderError("the model painted values that are not finite")
    levels: Pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    return levels


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise ProviderBusy(provider="diffusers", retry_after_s=RETRY_AFTER_S) from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise ProviderError(f"the pipeline failed: {error}") from error
