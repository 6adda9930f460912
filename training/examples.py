"""What is learned from, read once and kept as the denoiser takes it; and what each step sees.

A step's pictures, wordings, times and noise depend on the seed and the step's number alone. So a
resumed run goes on as if it had never stopped, and N workers, of which each takes every N-th
picture of the step, learn from the same as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cluster.domain.face import Face
from cluster.domain.identity import Box
from cluster.settings import Recipe
from training.families import Denoiser, Words
from training.objectives import Objective
from training.recogniser import alignment

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Captioned:
    """Pictures (n, height, width, 3) uint8 RGB of one size, the wordings of each caption, and the
    person's face in each, None for none."""

    pictures: Pictures
    wordings: Sequence[Sequence[str]]
    faces: Sequence[Face | None] = ()


@dataclass(frozen=True)
class Batch:
    """One worker's part of a step: float32 (n, channels, h, w) on the CPU. `weights`, (n, 1, h, w),
    say how much each place of an answer counts; `crops`, (n, 2, 3), where the face is that a
    recogniser should see (`recogniser.alignment`), NaN for none."""

    noisy: torch.Tensor
    target: torch.Tensor
    times: torch.Tensor
    weights: torch.Tensor
    words: tuple[Words, ...]
    crops: torch.Tensor


class Examples:
    """Latents of captioned pictures, every wording as the denoiser takes it, how much each place
    counts, (n, 1, h, w), and where faces are, (n, 2, 3), NaN for none."""

    def __init__(self, denoiser: Denoiser, captioned: Captioned, face_weight: float = 1.0) -> None:
        pixels = torch.from_numpy(np.asarray(captioned.pictures)).permute(0, 3, 1, 2)
        self.latents = denoiser.latents(pixels.float() / 127.5 - 1)
        self.words = [denoiser.read(texts) for texts in captioned.wordings]
        faces = captioned.faces or [None] * len(self.latents)
        size = captioned.pictures.shape[1:3]
        height, width = self.latents.shape[-2:]
        boxes = [within(face.box, size) if face else None for face in faces]
        places = [place_weights(box, height, width, face_weight) for box in boxes]
        self.places = torch.from_numpy(np.stack(places))[:, None]
        nowhere = np.full((2, 3), np.nan, np.float32)
        crops = [alignment(face.landmarks) if face else nowhere for face in faces]
        self.crops = torch.from_numpy(np.stack(crops))

    def __len__(self) -> int:
        return len(self.latents)


@dataclass(frozen=True)
class _Row:
    """One picture of a step."""

    latents: torch.Tensor
    words: Words
    places: torch.Tensor
    crops: torch.Tensor


class Course:
    """The steps of a run, by number."""

    def __init__(
        self,
        own: Examples,
        others: Examples | None,
        nothing: Words,
        objective: Objective,
        recipe: Recipe,
    ) -> None:
        self._own, self._others, self._nothing = own, others, nothing
        self._objective, self._recipe = objective, recipe
        self._guests = round(recipe.batch * recipe.prior) if others else 0

    def batch(self, step: int, rank: int, workers: int) -> Batch:
        """The part of a step that worker `rank` of `workers` takes."""
        size = self._recipe.batch
        own = size - self._guests
        rows = [self._drawn(self._own, step * own + at, 0) for at in range(own)]
        if self._others:
            rows += [
                self._drawn(self._others, step * self._guests + at, 1) for at in range(self._guests)
            ]
        latents = torch.stack([row.latents for row in rows])
        dice = torch.Generator().manual_seed(self._recipe.seed * 1_000_003 + step)
        noise = torch.randn(latents.shape, generator=dice)
        times = self._objective.times(size, dice)
        blank = torch.rand(size, generator=dice) < self._recipe.empty
        noisy, target = self._objective.noised(latents, noise, times)
        words = [self._nothing if blank[at] else row.words for at, row in enumerate(rows)]
        weights = self._objective.weights(times).view(-1, 1, 1, 1)
        places = torch.stack([row.places for row in rows])
        mine = slice(rank, None, workers)
        return Batch(
            noisy=noisy[mine],
            target=target[mine],
            times=times[mine],
            weights=(weights * places)[mine],
            words=tuple(words[mine]),
            crops=torch.stack([row.crops for row in rows])[mine],
        )

    def _drawn(self, examples: Examples, number: int, kind: int) -> "_Row":
        """The `number`-th example of the run: all come up before any comes up again."""
        epoch, at = divmod(number, len(examples))
        order = np.random.default_rng([self._recipe.seed, kind, epoch]).permutation(len(examples))
        row = int(order[at])
        dice = np.random.default_rng([self._recipe.seed, kind, epoch, at, 1])
        words = examples.words[row][self._wording(dice, row, examples)]
        return _Row(examples.latents[row], words, examples.places[row], examples.crops[row])

    def _wording(self, dice: np.random.Generator, row: int, examples: Examples) -> int:
        return int(dice.integers(len(examples.words[row])))


def within(box: Box, size: tuple[int, int]) -> Box:
    """A box in px of a picture (height, width) as shares of its sides."""
    height, width = size
    x0, y0, x1, y1 = box
    return x0 / width, y0 / height, x1 / width, y1 / height


def place_weights(face: Box | None, height: int, width: int, weight: float) -> Floats:
    """(height, width), 1 on average: `weight` inside the face for 1 outside."""
    found = np.ones((height, width), np.float32)
    if face is not None:
        x0, y0, x1, y1 = face
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        found[np.ix_((y >= y0) & (y <= y1), (x >= x0) & (x <= x1))] = weight
    return np.asarray(found / found.mean(), np.float32)
