"""Paints probe and prior pictures with the very pipeline whose denoiser is being trained."""

import numpy as np
import torch
from diffusers import DiffusionPipeline

from cluster.domain.model_profile import ModelProfile
from cluster.ports import Pixels
from cluster.providers.diffusers.call import prompt_arguments
from cluster.providers.diffusers.guidance import Guidance


class PipelinePainter:
    """Steps and guidance are the service's own: what it will paint is what is judged."""

    def __init__(self, pipe: DiffusionPipeline, profile: ModelProfile, side_px: int) -> None:
        self._pipe, self._profile, self._side_px = pipe, profile, side_px
        self._guidance = Guidance(pipe, profile.guidance_start_lora)

    @torch.no_grad()
    def __call__(self, prompt: str, seed: int, *, adapted: bool = False) -> Pixels:
        """One square picture, uint8 RGB (side_px, side_px, 3); values that are not finite come out
        black. ``adapted``: guided as pictures with an adapter are."""
        arguments = prompt_arguments(
            self._pipe,
            prompts=[prompt],
            negative_prompts=[""],
            guidance=self._profile.guidance,
        )
        with self._guidance.of([adapted]):
            painted = self._pipe(
                **arguments,
                width=self._side_px,
                height=self._side_px,
                num_inference_steps=self._profile.steps,
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="np",
            )
        image = np.nan_to_num(np.asarray(painted.images[0], np.float32))
        return np.asarray(np.rint(image.clip(0, 1) * 255), np.uint8)
