"""Data augmentation for the tagger: moved, recoloured, blurred, covered, anew each time.

Mild on purpose: skin tones, framings and what shows at the lower edge are a few levels and a few
pixels apart. One picture takes 0.3 ms.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cluster.domain.vocabulary import EYE_COLOURS, INJURY_KINDS, MARK_KINDS
from cluster.ports import Pixels
from training.studio.tagger.data import SIZE, LabelledPictures
from training.studio.tagger.heads import SIGMOID, SOFTMAX
from training.studio.tagger.keypoints import KEYPOINTS

NOISE = np.random.default_rng(0).normal(0, 1, (32, SIZE, SIZE, 3)).astype(np.float32)
"""A stock of noise: making it anew would take longer than all else."""

LEVELS = np.linspace(1e-4, 1, 256)


def forget(batch: LabelledPictures, index: int, keypoint: str) -> None:
    """Take from the targets (n, heads) of picture ``index`` what shows only at this
    keypoint."""
    if keypoint.endswith(" eye"):
        side = keypoint.removesuffix(" eye")
        batch.one_of[index, list(SOFTMAX).index(f"{side}_eye")] = len(EYE_COLOURS)
        gone = {("cyber", side)}
    else:
        gone = {
            (head, f"{kind} on the {keypoint}")
            for head, kinds in (("marks", MARK_KINDS), ("injuries", INJURY_KINDS))
            for kind in kinds
        }
    columns = [(head, label) for head, labels in SIGMOID.items() for label in labels]
    batch.any_of[index, [columns.index(one) for one in gone]] = 0.0


def cover(batch: LabelledPictures, index: int, rng: np.random.Generator) -> None:
    """Occlusion: paint over an eye or a place of picture (128, 128, 3) ``index``, in place; the
    targets under the paint go as well."""
    coverable = KEYPOINTS[: KEYPOINTS.index("mouth")]
    points = batch.points[index, : len(coverable)] * SIZE
    centre = points[int(rng.integers(len(points)))]
    if np.isnan(centre).any():
        return
    radius = float(rng.uniform(7, 13))
    canvas = batch.pixels[index]
    colour = canvas[int(rng.integers(SIZE)), int(rng.integers(SIZE))].tolist()
    cv2.circle(canvas, (round(centre[0]), round(centre[1])), round(radius), colour, -1)
    for number, name in enumerate(coverable):
        if np.hypot(*(points[number] - centre)) < radius * 0.6:
            forget(batch, index, name)


def compress(pixels: Pixels, quality: int) -> Pixels:
    """What JPEG leaves of a picture (h, w, 3) uint8; ``quality`` 0 to 100."""
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def downsample(pixels: Pixels, size: int) -> Pixels:
    """A picture (128, 128, 3) uint8, made smaller to ``size`` px and back: its detail is lost."""
    small = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)


def affine(rng: np.random.Generator) -> NDArray[np.float32]:
    """A slight turn, scaling and shift: an affine matrix (2, 3) float32 from old to new pixels."""
    scale = float(rng.uniform(0.98, 1.02))
    matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), float(rng.normal(0, 1.5)), scale)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * (5, 2)
    return np.asarray(matrix, np.float32)


def moved(points: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keypoints (k, 2) in [0, 1] after a picture was moved by an affine ``matrix`` (2, 3)."""
    turned = (points * SIZE - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return np.asarray(turned / SIZE, np.float32)


def recolour(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Colour jitter of (128, 128, 3) uint8: gamma, contrast, brightness and white balance by one
    table, then saturation."""
    gamma, contrast, saturation = np.exp(rng.normal(0, (0.10, 0.07, 0.08)))
    curve = (LEVELS**gamma - 0.5) * contrast + 0.5 + rng.normal(0, 0.025)
    table = curve[None, :, None] * np.exp(rng.normal(0, 0.025, 3))
    mapped = cv2.LUT(pixels, (table * 255).clip(0, 255).astype(np.uint8))
    grey = cv2.cvtColor(cv2.cvtColor(mapped, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(mapped, saturation, grey, 1 - saturation, 0), np.uint8)


def degrade(pixels: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """Recolour, at times blur and compress, then noise: (128, 128, 3), uint8 to float32 in
    [0, 255]."""
    pixels = recolour(pixels, rng)
    if rng.random() < 0.2:
        pixels = downsample(pixels, int(rng.integers(64, 116)))
    if rng.random() < 0.15:
        pixels = compress(pixels, int(rng.integers(40, 92)))
    amount = rng.random() ** 3 * 14
    noisy = pixels + NOISE[int(rng.integers(len(NOISE)))] * np.float32(amount)
    return np.asarray(noisy.clip(0, 255), np.float32)


def augment(batch: LabelledPictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch as the network meets it: pixels (n, 3, 128, 128) float32 in [0, 255], channels last,
    and the keypoints (n, 11, 2) where the picture was moved to. Changes the batch's own arrays.
    Never mirrored: left and right matter."""
    pixels = np.empty(batch.pixels.shape, np.float32)
    points = np.empty_like(batch.points)
    for index in range(len(batch)):
        if rng.random() < 0.08:
            cover(batch, index, rng)
        matrix = affine(rng)
        picture = cv2.warpAffine(
            batch.pixels[index], matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT_101
        )
        pixels[index] = degrade(np.asarray(picture, np.uint8), rng)
        points[index] = moved(batch.points[index], matrix)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(points)
