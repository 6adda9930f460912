"""Contact sheets: what a pipeline paints, beside what the renderer shows for the same words."""

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

STEPS, GUIDANCE = 12, 3.0


def paint(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    batch: int = 8,
    steps: int = STEPS,
) -> NDArray[np.uint8]:
    """One picture a prompt, (N, H, W, 3) uint8 RGB; each depends on its own seed only."""
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for start in range(0, len(prompts), batch):
        part = slice(start, start + batch)
        dice = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        out = pipeline(
            list(prompts[part]),
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=dice,
            output_type="np",
        ).images
        made.append((out * 255).round().astype(np.uint8))
    return np.concatenate(made)


def sheet(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Pictures side by side in rows of ``columns``, (H, W, 3); the last row may be black."""
    missing = -len(pictures) % columns
    blank = np.zeros((missing, *pictures.shape[1:]), np.uint8)
    rows = np.concatenate([pictures, blank]).reshape(-1, columns, *pictures.shape[1:])
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


def save(path: str, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture."""
    Image.fromarray(picture).save(path)
