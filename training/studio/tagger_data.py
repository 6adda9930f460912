"""The tagger's pictures: the studio's renders, made harder each time they are seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cluster.domain.vocabulary import EYE_COLOURS, INJURY_KINDS, MARK_KINDS
from cluster.ports import Pixels
from training.studio.dataset import SHOTS, RenderSet
from training.studio.tagger_heads import SIGMOID, SOFTMAX, encode
from training.studio.tagger_net import KEYPOINTS
from training.studio.tagger_points import Landmarks
from training.studio.vae import VaeRecipe, build, decode
from training.studio.vae import encode as encode_latents

SIZE = 128


@dataclass(frozen=True)
class Pictures:
    """n pictures: ``pixels`` uint8 (n, 128, 128, 3); targets as in `tagger_heads.Truth`;
    ``points`` float32 (n, 7, 2), x and y of `KEYPOINTS` in [0, 1], NaN where unknown."""

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
    """Keypoints of the first ``count`` pictures, (count, 7, 2); those on disk are not redone."""
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
    targets = [encode(*renders.example(int(index))) for index in indices]
    one_of, any_of = zip(*targets, strict=True)
    return Pictures(
        pixels=renders.pictures()[indices],
        one_of=np.stack(one_of),
        any_of=np.stack(any_of),
        points=keep_points(renders, head_cache, int(indices[-1]) + 1)[indices],
    )


def twins_path(renders: RenderSet) -> Path:
    """Where `keep_twins` puts what the autoencoder makes of a set's first pictures."""
    return renders.pictures_path.with_suffix(".twins.npy")


def keep_twins(renders: RenderSet, vae_state: Path, count: int, noise: float = 0.1) -> None:
    """Pass the first ``count`` pictures through the autoencoder, with noise on the latents: near
    enough to what the diffusion model paints, and the truth is known."""
    vae = build(VaeRecipe())
    vae.load_state_dict(torch.load(vae_state, weights_only=True)["models"]["vae"])
    latents = encode_latents(vae.eval(), renders.pictures()[:count]).float()
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(latents.shape, generator=generator) * noise * latents.std()
    np.save(twins_path(renders), decode(vae, latents + spread))


def load_twins(renders: RenderSet, head_cache: Path) -> Pictures | None:
    """The twins with their originals' truth, without those kept for calibration."""
    if not twins_path(renders).exists():
        return None
    pixels = np.load(twins_path(renders))
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


def compress(pixels: Pixels, quality: int) -> Pixels:
    """What JPEG leaves of a picture."""
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def cover(picture: Pictures, index: int, rng: np.random.Generator) -> None:
    """Paint over one keypoint, in place; what is under the paint becomes invisible."""
    points = picture.points[index] * SIZE
    centre = points[int(rng.integers(len(points)))]
    if np.isnan(centre).any():
        return
    radius = float(rng.uniform(7, 13))
    canvas = picture.pixels[index]
    colour = canvas[int(rng.integers(SIZE)), int(rng.integers(SIZE))].tolist()
    cv2.circle(canvas, (round(centre[0]), round(centre[1])), round(radius), colour, -1)
    for number, name in enumerate(KEYPOINTS):
        if np.hypot(*(points[number] - centre)) < radius * 0.6:
            forget(picture, index, name)


def forget(picture: Pictures, index: int, keypoint: str) -> None:
    """Take from the targets what shows only at this keypoint."""
    if keypoint.endswith(" eye"):
        side = keypoint.removesuffix(" eye")
        picture.one_of[index, list(SOFTMAX).index(f"{side}_eye")] = len(EYE_COLOURS)
        gone = {("cyber", side)}
    else:
        gone = {
            (head, f"{kind} on the {keypoint}")
            for head, kinds in (("marks", MARK_KINDS), ("injuries", INJURY_KINDS))
            for kind in kinds
        }
    columns = [(head, label) for head, labels in SIGMOID.items() for label in labels]
    picture.any_of[index, [columns.index(one) for one in gone]] = 0.0


def spoil(batch: Pictures, rng: np.random.Generator) -> None:
    """Cover things and compress, in place. Never mirrored: left and right matter."""
    for index in range(len(batch)):
        if rng.random() < 0.10:
            cover(batch, index, rng)
        if rng.random() < 0.25:
            batch.pixels[index] = compress(batch.pixels[index], int(rng.integers(35, 92)))


def affine(count: int, rng: np.random.Generator) -> Tensor:
    """Random slight turns, scalings and shifts, (count, 2, 3) in `affine_grid`'s sense."""
    angle = np.deg2rad(rng.normal(0, 2.5, count))
    scale = rng.uniform(0.95, 1.05, count)
    matrix = np.zeros((count, 2, 3), np.float32)
    matrix[:, 0, 0] = matrix[:, 1, 1] = np.cos(angle) * scale
    matrix[:, 0, 1], matrix[:, 1, 0] = -np.sin(angle) * scale, np.sin(angle) * scale
    matrix[:, :, 2] = rng.uniform(-0.08, 0.08, (count, 2))
    return torch.from_numpy(matrix)


def moved(points: Tensor, matrix: Tensor) -> Tensor:
    """Keypoints in [0, 1] after `affine_grid` sampled the picture through `matrix`."""
    source = points * 2 - 1
    inverse = torch.linalg.inv(matrix[:, :, :2])
    turned: Tensor = (source - matrix[:, None, :, 2]) @ inverse.transpose(1, 2)
    return (turned + 1) / 2


def soften(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """A quarter of a batch loses detail to a smaller size."""
    count = len(pixels) // 4
    size = int(rng.integers(56, 112))
    small = functional.interpolate(pixels[:count], size=size, mode="bilinear", antialias=True)
    back = functional.interpolate(small, size=SIZE, mode="bilinear", align_corners=False)
    return torch.cat([back, pixels[count:]])


def recolour(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Slight gamma, contrast, brightness, saturation and white balance, then noise."""
    shape = (len(pixels), 1, 1, 1)

    def spread(amount: float, channels: int = 1) -> Tensor:
        return torch.randn((len(pixels), channels, 1, 1), generator=generator) * amount

    x = (pixels / 255.0).clamp(1e-4, 1) ** torch.exp(spread(0.12))
    x = (x - 0.5) * torch.exp(spread(0.08)) + 0.5 + spread(0.03)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.exp(spread(0.10))
    x = x * torch.exp(spread(0.03, 3))
    amount = torch.rand(shape, generator=generator) ** 2 * 0.2
    return ((x + (torch.rand(x.shape, generator=generator) - 0.5) * amount).clamp(0, 1)) * 255.0


def harder(
    batch: Pictures, rng: np.random.Generator, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A batch as the network meets it: pixels float (n, 3, 128, 128) in [0, 255], and the
    keypoints where the picture was moved to. Changes the batch's own arrays."""
    spoil(batch, rng)
    pixels = torch.from_numpy(batch.pixels).permute(0, 3, 1, 2).float()
    matrix = affine(len(batch), rng)
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    pixels = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    pixels = recolour(soften(pixels, rng), generator)
    return pixels, moved(torch.from_numpy(batch.points), matrix)
