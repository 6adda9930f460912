"""Contact sheets: what a pipeline paints, beside what the renderer shows for the same words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from training.studio.base.captions import caption
from training.studio.renderer.actor import random_actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import random_shot

STEPS, GUIDANCE = 12, 3.0


def paint_captions(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    batch_size: int = 8,
    steps: int = STEPS,
) -> NDArray[np.uint8]:
    """One picture a prompt, (n, h, w, 3) uint8 RGB; each depends on its own seed only."""
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for start in range(0, len(prompts), batch_size):
        part = slice(start, start + batch_size)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        out = pipeline(
            list(prompts[part]),
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=generators,
            output_type="np",
        ).images
        made.append((out * 255).round().astype(np.uint8))
    return np.concatenate(made)


def picture_grid(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) uint8 RGB side by side in rows of ``columns``: (rows x h, columns x w,
    3) uint8, the last row filled up with black."""
    missing = -len(pictures) % columns
    blank = np.zeros((missing, *pictures.shape[1:]), np.uint8)
    rows = np.concatenate([pictures, blank]).reshape(-1, columns, *pictures.shape[1:])
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


def beside_renders(
    pipeline: StableDiffusionPipeline, count: int, seed: int = 0
) -> NDArray[np.uint8]:
    """Held-out captions: rows of renders, and below each what the pipeline paints instead, as one
    picture (height, width, 3) uint8 RGB."""
    rng = np.random.default_rng([99, seed])
    people = [(random_actor(rng), random_shot(rng)) for _ in range(count)]
    renderer = Renderer(pipeline.unet.config.sample_size * 4)
    shown = np.stack([renderer.render(*pair) for pair in people])
    made = paint_captions(pipeline, [caption(*pair, rng) for pair in people], list(range(count)))
    rows = [np.concatenate([shown[i : i + 8], made[i : i + 8]]) for i in range(0, count, 8)]
    return np.concatenate([picture_grid(row, len(row) // 2) for row in rows])


def save_sheet(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (h, w, 3) uint8 RGB, in the format that the file's name ends in."""
    Image.fromarray(picture).save(path)
