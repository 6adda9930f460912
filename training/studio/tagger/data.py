"""The tagger's pictures: renders with their truth, their reconstructions, and what is painted."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray

from cluster.ports import Pixels
from training.studio.base.renders import SHOTS, RenderSet
from training.studio.base.vae import decode_latents, encode_pictures
from training.studio.tagger.heads import Targets, targets_of
from training.studio.tagger.keypoints import KEYPOINTS, Landmarks
from training.studio.tagger.painted import painted_path, strengths, what_is_left
from training.studio.tagger.visibility import visibility_of

SIZE, ORDER_SEED = 128, 0

RECONSTRUCTION_NOISE = 0.2
"""Most noise on a reconstruction's latents, as a share of their spread."""


@dataclass(frozen=True)
class LabelledPictures:
    """n pictures with their targets.

    pixels: (n, 128, 128, 3) uint8 RGB.
    one_of, any_of: as in `heads.Targets`.
    points: (n, 11, 2) float32, x and y of `KEYPOINTS` in [0, 1], NaN where unknown.
    """

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
    """Keypoints of the first ``count`` pictures, (count, 11, 2) float32 in [0, 1]; what is on disk
    is not redone."""
    path = points_path(renders)
    known = np.load(path) if path.exists() else np.zeros((0, len(KEYPOINTS), 2), np.float32)
    if len(known) < count:
        landmarks = Landmarks(head_cache)
        more = [landmarks.of(*renders.example(index)) for index in range(len(known), count)]
        known = np.concatenate([known, np.stack(more)])
        np.save(path, known)
    return np.asarray(known[:count], np.float32)


def load_pictures(
    renders: RenderSet, head_cache: Path, indices: NDArray[np.int64]
) -> LabelledPictures:
    """Pictures of a set with their targets, copied to memory. ``indices`` (n,) ascend."""
    points = keep_points(renders, head_cache, int(indices[-1]) + 1)[indices]
    one_of, any_of = [], []
    for index, at, details in zip(indices, points, renders.details()[indices], strict=True):
        actor, shot = renders.example(int(index))
        exclusive, independent = targets_of(actor, shot, visibility_of(actor, shot, at, details))
        one_of.append(exclusive)
        any_of.append(independent)
    return LabelledPictures(renders.pictures()[indices], np.stack(one_of), np.stack(any_of), points)


def reconstructions_path(renders: RenderSet) -> Path:
    """Where `keep_reconstructions` puts what the autoencoder makes of a set's first pictures."""
    return renders.pictures_path.with_suffix(".reconstructions.npy")


def keep_reconstructions(renders: RenderSet, vae_folder: Path, count: int) -> None:
    """Pass the first ``count`` pictures through the autoencoder, with noise on the latents: near
    enough to what the diffusion model paints, and the truth is known."""
    vae = AutoencoderTiny.from_pretrained(vae_folder, torch_dtype=torch.float32).eval()
    latents = encode_pictures(vae, renders.pictures()[:count]).float()
    generator = torch.Generator().manual_seed(0)
    amount = (
        torch.rand(len(latents), 1, 1, 1, generator=generator)
        * RECONSTRUCTION_NOISE
        * latents.std()
    )
    noise = torch.randn(latents.shape, generator=generator) * amount
    partial = reconstructions_path(renders).with_suffix(".part.npy")
    np.save(partial, decode_latents(vae, latents + noise))
    partial.rename(reconstructions_path(renders))


def picture_count(path: Path) -> int:
    """How many pictures lie there."""
    return len(np.load(path, mmap_mode="r")) if path.exists() else 0


def load_reconstructions(renders: RenderSet, head_cache: Path) -> LabelledPictures | None:
    """The reconstructions (n, 128, 128, 3) with their originals' targets, without those kept for
    calibration."""
    return _instead(renders, head_cache, reconstructions_path(renders))


def load_painted(renders: RenderSet, head_cache: Path) -> LabelledPictures | None:
    """What the model painted over the first pictures, (n, 128, 128, 3), with what is left of their
    targets, without those kept for calibration."""
    found = _instead(renders, head_cache, painted_path(renders))
    if found is None:
        return None
    strength = strengths(picture_count(painted_path(renders)))
    strength = strength[~is_for_calibration(np.arange(len(strength)))]
    left = what_is_left(Targets(found.one_of, found.any_of), strength)
    return replace(found, one_of=left.one_of, any_of=left.any_of)


def _instead(renders: RenderSet, head_cache: Path, path: Path) -> LabelledPictures | None:
    """The pictures at ``path`` with the targets of the renders they were made from, without the
    actors on whom the tagger is calibrated."""
    if not path.exists():
        return None
    pixels = np.load(path)
    indices = np.arange(len(pixels))
    indices = indices[~is_for_calibration(indices)]
    return replace(load_pictures(renders, head_cache, indices), pixels=pixels[indices])


def join(first: LabelledPictures, second: LabelledPictures | None) -> LabelledPictures:
    """Both in one, (n + m, ...), the first ones first."""
    if second is None:
        return first
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in vars(first)}
    return LabelledPictures(**{name: np.concatenate(pair) for name, pair in pairs.items()})


def is_for_calibration(indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pictures (n,) show the actors kept for calibration: every tenth is never trained on."""
    tenth: NDArray[np.bool_] = indices // SHOTS % 10 == 9
    return tenth


def batch_of(pictures: LabelledPictures, step: int, size: int) -> LabelledPictures:
    """The batch of a step, a copy (size, ...) of some pictures. Every epoch has its own order, and
    shows each picture once at most."""
    epoch, at = divmod(step, max(1, len(pictures) // size))
    order = np.random.default_rng([ORDER_SEED, epoch]).permutation(len(pictures))
    rows = order[at * size : (at + 1) * size]
    return LabelledPictures(
        pictures.pixels[rows], pictures.one_of[rows], pictures.any_of[rows], pictures.points[rows]
    )
