"""Pictures that the diffusion model paints, of which the truth is known all the same.

It paints over renders (SDEdit, Meng et al. 2022): noise hides a part of a render, and the model
makes of the rest what its caption says. Framing, pose, colours, clothes, place and weather stay;
how it paints them is its own. Small things are its invention where more than a little was hidden.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from numpy.typing import NDArray
from tqdm.auto import trange

from training.studio.base.captions import full_caption
from training.studio.base.renders import RenderSet
from training.studio.report.sheet import GUIDANCE
from training.studio.tagger.heads import IGNORE, SIGMOID, SOFTMAX, Targets

STRENGTHS = (0.2, 0.6)
"""How much of a render's way to noise is gone, least and most."""

STEPS, BATCH = 20, 8
"""Of a whole picture; one that is painted over takes its strength's share of them."""

SMALL = ("expression", "left_eye", "right_eye", "cyber")
"""Heads of whose truth nothing is left: a fifth of the way is enough to lose it."""

MARKED, MARKED_STRENGTH = ("marks", "injuries"), 0.35
"""What is on the skin stays up to this."""


def painted_path(renders: RenderSet) -> Path:
    """Where `keep_painted` puts what the model makes of a set's first pictures."""
    return renders.pictures_path.with_suffix(".painted.npy")


def strengths(count: int) -> NDArray[np.float64]:
    """Noise strength of each picture, (count,) in [0, 1]; those of one batch are the same."""
    drawn = np.random.default_rng(3).uniform(*STRENGTHS, -(-count // BATCH))
    return np.repeat(drawn, BATCH)[:count]


def keep_painted(renders: RenderSet, studio: Path, count: int) -> None:
    """Let the pipeline in ``studio`` paint over the first ``count`` pictures."""
    parts = StableDiffusionPipeline.from_pretrained(studio, torch_dtype=torch.float32).components
    painter = StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    painter.set_progress_bar_config(disable=True)
    pictures, how = renders.pictures(), strengths(count)
    made = np.empty((count, *pictures.shape[1:]), np.uint8)
    for start in trange(0, count, BATCH, desc="painted"):
        rows = range(start, min(start + BATCH, count))
        pixels = torch.from_numpy(pictures[rows.start : rows.stop].astype(np.float32))
        painted = painter(
            [full_caption(*renders.example(row), np.random.default_rng(row)) for row in rows],
            image=pixels.permute(0, 3, 1, 2) / 255,
            strength=float(how[start]),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=[torch.Generator().manual_seed(row) for row in rows],
            output_type="np",
        ).images
        made[rows.start : rows.stop] = (painted * 255).round().astype(np.uint8)
    partial = painted_path(renders).with_suffix(".part.npy")
    np.save(partial, made)
    partial.rename(painted_path(renders))


def what_is_left(truth: Targets, strength: NDArray[np.float64]) -> Targets:
    """The renders' targets, as far as they are those of the pictures painted over them at
    ``strength`` (n,)."""
    one_of, any_of = truth.one_of.copy(), truth.any_of.copy()
    heads = np.array([head for head, names in SIGMOID.items() for _ in names])
    one_of[:, np.isin(list(SOFTMAX), SMALL)] = IGNORE
    any_of[:, np.isin(heads, SMALL)] = np.nan
    any_of[np.ix_(strength >= MARKED_STRENGTH, np.isin(heads, MARKED))] = np.nan
    return Targets(one_of, any_of)
