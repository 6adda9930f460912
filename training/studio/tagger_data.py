"""The tagger's pictures: rendered once into chunks on disk, made harder each time they are seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cluster.domain.vocabulary import EYE_COLOURS, FACE_PLACES, INJURY_KINDS, MARK_KINDS
from cluster.ports import Pixels
from training.studio.actor import Actor, Mark, pick, random_actor
from training.studio.render import Renderer
from training.studio.shot import Shot, random_shot
from training.studio.tagger_heads import SIGMOID, SOFTMAX, encode
from training.studio.tagger_net import KEYPOINTS

SIZE = 128
CHUNK = 500
HELD_OUT = 1_000_000
"""Chunks from this number on are never trained on."""


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


def join(parts: list[Pictures]) -> Pictures:
    """All of them in one."""
    return Pictures(
        pixels=np.concatenate([part.pixels for part in parts]),
        one_of=np.concatenate([part.one_of for part in parts]),
        any_of=np.concatenate([part.any_of for part in parts]),
        points=np.concatenate([part.points for part in parts]),
    )


def scarred(rng: np.random.Generator, actor: Actor, shot: Shot) -> tuple[Actor, Shot]:
    """The same people with more on their faces: what is rare has to be seen often to be learned.
    Calibration on the natural mix undoes the bias."""
    places = [FACE_PLACES[int(index)] for index in rng.permutation(len(FACE_PLACES))]
    marks, wounds = int(rng.integers(3)), int(rng.integers(3))
    return (
        replace(actor, marks=tuple(Mark(pick(rng, MARK_KINDS), at) for at in places[:marks])),
        replace(
            shot,
            injuries=tuple(
                Mark(pick(rng, INJURY_KINDS), at) for at in places[marks : marks + wounds]
            ),
        ),
    )


def render_chunk(renderer: Renderer, number: int) -> Pictures:
    """`CHUNK` pictures decided by the chunk's number; half of the trained-on ones are `scarred`."""
    rng = np.random.default_rng([number, 7])
    pixels, targets, points = [], [], []
    for index in range(CHUNK):
        actor, shot = random_actor(rng), random_shot(rng)
        if number < HELD_OUT and index % 2:
            actor, shot = scarred(rng, actor, shot)
        pixels.append(renderer.render(actor, shot))
        targets.append(encode(actor, shot))
        points.append(keypoints(renderer, actor, shot))
    one_of, any_of = zip(*targets, strict=True)
    return Pictures(np.stack(pixels), np.stack(one_of), np.stack(any_of), np.stack(points))


def keypoints(renderer: Renderer, actor: Actor, shot: Shot) -> NDArray[np.float32]:
    """Where `KEYPOINTS` are in the picture, (7, 2) in [0, 1]."""
    return np.full((len(KEYPOINTS), 2), np.nan, np.float32)


def load_chunk(folder: Path, number: int) -> Pictures:
    """A chunk from disk; rendered and kept there first if it is not."""
    path = folder / f"chunk_{number:07d}.npz"
    if not path.exists():
        made = render_chunk(Renderer(size_px=SIZE), number)
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npz")
        np.savez(
            partial,
            pixels=made.pixels,
            one_of=made.one_of,
            any_of=made.any_of,
            points=made.points,
        )
        partial.rename(path)
    with np.load(path) as data:
        return Pictures(data["pixels"], data["one_of"], data["any_of"], data["points"])


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
    amount = torch.rand(shape, generator=generator) ** 2 * 0.06
    return ((x + torch.randn(x.shape, generator=generator) * amount).clamp(0, 1)) * 255.0


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
