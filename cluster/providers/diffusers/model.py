"""Paints with any local diffusers text-to-image pipeline: one set of weights, a batch at a time."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from PIL import Image

from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.errors import Invalid, ProviderBusy, ProviderError, Refused, Unsupported
from cluster.ports import BlobStore, FaceEncoder, Pixels
from cluster.providers.diffusers.adapters import Adapters
from cluster.providers.diffusers.call import longest_prompt, prompt_arguments
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.providers.diffusers.guidance import Guidance
from cluster.providers.diffusers.load import (
    compile_blocks,
    inpainting_twin,
    load_pipeline,
    pick_device,
)
from cluster.providers.diffusers.profile import in_force
from cluster.providers.diffusers.references import References
from cluster.settings import GeneratorSettings

RETRY_AFTER_S = 15.0

Image32 = npt.NDArray[np.float32]
Images = list[Image32]


class DiffusersImageModel:
    """An ImageModel. The same order gives the same pixels, bit for bit, on the same machine.

    In a batch they differ from that by rounding: a level of 255 where a value lay between two.
    Adapters come from `blobs` by their sha256. Raises ProviderMissing, when built, for a model or
    device that is not there.
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        blobs: BlobStore,
        faces: Callable[[], FaceEncoder] | None = None,
    ) -> None:
        self._settings = settings
        base = base_folder(settings.model)
        self._profile = in_force(base.profile, settings).profile
        self._pipe = load_pipeline(base, pick_device(settings.device))
        self._inpainter = None if self._profile.inpaint is False else inpainting_twin(self._pipe)
        self._guidance = Guidance(self._pipe, self._profile.guidance_start_lora)
        self._references = References.of(self._pipe, base, settings, blobs, faces)
        denoiser = getattr(self._pipe, base.component)
        self._adapters = Adapters(
            denoiser,
            base,
            blobs,
            slots=settings.adapter_slots,
            max_rank=settings.adapter_max_rank,
        )
        if settings.compile:
            self._adapters.open_attention()
            compile_blocks(denoiser)
        self._capabilities = self._measure(base)
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do, and its own picture size."""
        return self._capabilities

    @property
    def resident(self) -> tuple[str, ...]:
        """Names of the adapters in memory, the one used longest ago first."""
        return self._adapters.loaded

    @property
    def slot_bytes(self) -> int:
        """What the slots of all adapted layers take of the device's memory."""
        return self._adapters.bank_bytes

    def stage(self, adapter: AdapterVersion) -> None:
        """Verify an adapter and lay it ready; from any thread. Raises BadAdapter or NotFound."""
        with _translated():
            self._adapters.stage(adapter)

    def render(self, order: RenderOrder) -> Rendering:
        """One picture. Invalid for a size, BadAdapter for an adapter, that cannot be used."""
        return self.render_batch([order])[0]

    def render_batch(self, orders: Sequence[RenderOrder]) -> list[Rendering]:
        """Pictures of one size, each with its own prompt, seed and adapter.

        Invalid for orders of several sizes; otherwise what `render` raises for any of them.
        """
        sizes = {self._capabilities.size(order.width_px, order.height_px) for order in orders}
        if len(sizes) != 1:
            raise Invalid(f"a batch has one size, not {sorted(sizes)}")
        painted = self._painted(orders, *sizes.pop())
        model = self._capabilities.model
        return [
            Rendering(pixels=_levels(image), model=model, seed=order.seed)
            for image, order in zip(painted, orders, strict=True)
        ]

    def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """`pixels` (h, w, 3) repainted where `mask` (h, w) is 255 and untouched where it is 0."""
        if self._inpainter is None:
            raise Unsupported(f"{self._capabilities.model} has no inpainting pipeline")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or mask.shape != pixels.shape[:2]:
            raise Invalid(f"inpaint needs (h, w, 3) and (h, w), not {pixels.shape}, {mask.shape}")
        width, height = self._capabilities.size(pixels.shape[1], pixels.shape[0])
        with self._lock, _translated(), self._serving([order]):
            painted = self._inpainter(
                **self._common(self._inpainter, [order]),
                width=width,
                height=height,
                image=Image.fromarray(pixels),
                mask_image=Image.fromarray(mask),
                strength=order.strength,
                # Of fewer none would be left: inpainting makes steps * strength of them.
                num_inference_steps=max(self._profile.steps, ceil(1 / order.strength)),
            )
        weight = mask[..., None].astype(np.float32) / 255
        mixed = _levels(_images(painted)[0]) * weight + pixels * (1 - weight)
        return np.where(mask[..., None] == 0, pixels, np.rint(mixed).astype(np.uint8))

    def _painted(self, orders: Sequence[RenderOrder], width: int, height: int) -> Images:
        """What the model paints, before it is rounded to levels."""
        adapters = [order.adapter for order in orders]
        images: dict[int, Image32] = {}
        with _translated():
            for group in self._adapters.together(adapters):
                part = [orders[place] for place in group]
                with self._lock, self._serving(part):
                    painted = self._pipe(
                        **self._common(self._pipe, part),
                        width=width,
                        height=height,
                        num_inference_steps=self._profile.steps,
                    )
                images |= zip(group, _images(painted), strict=True)
        return [images[place] for place in range(len(orders))]

    @contextmanager
    def _serving(self, orders: Sequence[RenderOrder] | Sequence[Inpainting]) -> Iterator[None]:
        """Let the n-th picture of every batch have the n-th order's adapter and references, and the
        guidance that goes with them."""
        adapters = [order.adapter for order in orders]
        guided = self._guidance.of([one is not None for one in adapters])
        with self._adapters.serving(adapters), self._references.shown(orders), guided:
            yield

    def _common(
        self, pipe: DiffusionPipeline, orders: Sequence[RenderOrder] | Sequence[Inpainting]
    ) -> dict[str, Any]:
        return prompt_arguments(
            pipe,
            prompts=[order.prompt for order in orders],
            negative_prompts=[order.negative_prompt for order in orders],
            guidance=self._profile.guidance,
        ) | {
            # The CPU's generators: noise that is the same whatever the device and the batch.
            "generator": [torch.Generator("cpu").manual_seed(order.seed) for order in orders],
            "output_type": "np",
        }

    def _measure(self, base: BaseFolder) -> Capabilities:
        """The profile, as far as the pipeline that was loaded bears it out."""
        profile = self._profile
        multiple = profile.side_multiple_px
        limit = self._settings.max_side_px // multiple * multiple
        takes_lora = hasattr(self._pipe, "load_lora_weights")
        return Capabilities(
            model=base.id,
            domain=profile.domain,
            lora=takes_lora and profile.lora is not False,
            references=self._references.followed,
            inpaint=self._inpainter is not None,
            width_px=min(profile.width_px, limit),
            height_px=min(profile.height_px, limit),
            token_budget=min(
                profile.token_budget, longest_prompt(self._pipe) or profile.token_budget
            ),
            side_multiple_px=multiple,
            max_side_px=limit,
        )


def _images(painted: BaseOutput) -> Images:
    """The images of a pipeline's output, (h, w, 3) in [0, 1] or not far beyond."""
    if any(getattr(painted, "nsfw_content_detected", None) or ()):
        raise Refused("the model's own safety checker withheld the picture")
    images = [np.asarray(image, np.float32) for image in painted.images]
    if not all(np.isfinite(image).all() for image in images):
        raise ProviderError("the model painted values that are not finite")
    return images


def _levels(image: Image32) -> Pixels:
    """[0, 1] to uint8."""
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
