"""The tagger's pictures: renders with their truth, their reconstructions, and what is painted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray

from cluster.ports import Pixels
from training.studio.base.renders import SHOTS, RenderSet
from training.studio.base.vae import decode
from training.studio.base.vae import encode as encode_latents
from training.studio.tagger.heads import Truth, encode
from training.studio.tagger.keypoints import KEYPOINTS, Landmarks
from training.studio.tagger.painted import painted_path, strengths, what_is_left
from training.studio.tagger.visibility import look

SIZE = 128

TWIN_NOISE = 0.2
"""Most noise on a twin's latents, as a share of their spread."""


@dataclass(frozen=True)
class Pictures:
    """n pictures: ``pixels`` uint8 (n, 128, 128, 3); targets as in `tagger_heads.Truth`;
    ``points`` float32 (n, 11, 2), x and y of `KEYPOINTS` in [0, 1], NaN where unknown."""

    pixels: Pixels
    one_of: NDArray[np.int64]
    any_of: NDArray[np.float32]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixels)


def points_path(renders: RenderSet) -> Path:
    """Where `keep_points` puts the keypoints of a set."""
    return renders.pictures_path.with_suffix(".points.npy")


def keep_points(renders: RenderSet, head_cache: Path, count: int) -> NDArray[np.float32]:
    """Keypoints of the first ``count`` pictures, (count, 11, 2); those on disk are not redone."""
    path = points_path(renders)
    known = np.load(path) if path.exists() else np.zeros((0, len(KEYPOINTS), 2), np.float32)
    if len(known) < count:
        landmarks = Landmarks(head_cache)
        more = [landmarks.of(*renders.example(index)) for index in range(len(known), count)]
        known = np.concatenate([known, np.stack(more)])
        np.save(path, known)
    return np.asarray(known[:count], np.float32)


def load(renders: RenderSet, head_cache: Path, indices: NDArray[np.int64]) -> Pictures:
    """Pictures of a set with their truth, copied to memory. ``indices`` ascend."""
    points = keep_points(renders, head_cache, int(indices[-1]) + 1)[indices]
    one_of, any_of = [], []
    for index, at, details in zip(indices, points, renders.details()[indices], strict=True):
        actor, shot = renders.example(int(index))
        exclusive, independent = encode(actor, shot, look(actor, shot, at, details))
        one_of.append(exclusive)
        any_of.append(independent)
    return Pictures(renders.pictures()[indices], np.stack(one_of), np.stack(any_of), points)


def twins_path(renders: RenderSet) -> Path:
    """Where `keep_twins` puts what the autoencoder makes of a set's first pictures."""
    return renders.pictures_path.with_suffix(".twins.npy")


def keep_twins(renders: RenderSet, vae_folder: Path, count: int) -> None:
    """Pass the first ``count`` pictures through the autoencoder, with noise on the latents: near
    enough to what the diffusion model paints, and the truth is known."""
    vae = AutoencoderTiny.from_pretrained(vae_folder, torch_dtype=torch.float32).eval()
    latents = encode_latents(vae, renders.pictures()[:count]).float()
    generator = torch.Generator().manual_seed(0)
    amount = torch.rand(len(latents), 1, 1, 1, generator=generator) * TWIN_NOISE * latents.std()
    noise = torch.randn(latents.shape, generator=generator) * amount
    partial = twins_path(renders).with_suffix(".part.npy")
    np.save(partial, decode(vae, latents + noise))
    partial.rename(twins_path(renders))


def kept(path: Path) -> int:
    """How many pictures lie there."""
    return len(np.load(path, mmap_mode="r")) if path.exists() else 0


def load_twins(renders: RenderSet, head_cache: Path) -> Pictures | None:
    """The twins with their originals' truth, without those kept for calibration."""
    return _instead(renders, head_cache, twins_path(renders))


def load_painted(renders: RenderSet, head_cache: Path) -> Pictures | None:
    """What the model painted over the first pictures, with what is left of their truth, without
    those kept for calibration."""
    found = _instead(renders, head_cache, painted_path(renders))
    if found is None:
        return None
    strength = strengths(kept(painted_path(renders)))
    strength = strength[~is_for_calibration(np.arange(len(strength)))]
    left = what_is_left(Truth(found.one_of, found.any_of), strength)
    return replace(found, one_of=left.one_of, any_of=left.any_of)


def _instead(renders: RenderSet, head_cache: Path, path: Path) -> Pictures | None:
    """The pictures at ``path`` with the truth of the renders they were made from, but for those of
    actors on whom the tagger is calibrated."""
    if not path.exists():
        return None
    pixels = np.load(path)
    indices = np.arange(len(pixels))
    indices = indices[~is_for_calibration(indices)]
    return replace(load(renders, head_cache, indices), pixels=pixels[indices])


def join(first: Pictures, second: Pictures | None) -> Pictures:
    """Both in one."""
    if second is None:
        return first
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in vars(first)}
    return Pictures(**{name: np.concatenate(pair) for name, pair in pairs.items()})


def is_for_calibration(indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Every tenth actor of the training set is never trained on."""
    tenth: NDArray[np.bool_] = indices // SHOTS % 10 == 9
    return tenth


def batches(pictures: Pictures, size: int, rng: np.random.Generator) -> Iterator[Pictures]:
    """Endless shuffled batches."""
    while True:
        order = rng.permutation(len(pictures))
        for start in range(0, len(order) - size + 1, size):
            at = order[start : start + size]
            yield Pictures(
                pictures.pixels[at], pictures.one_of[at], pictures.any_of[at], pictures.points[at]
            )
