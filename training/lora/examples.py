"""What is learned from, read once and kept as the denoiser takes it; and what each step sees.

A step's pictures, wordings, times and noise depend on the seed and the step's number alone. So a
resumed run goes on as if it had never stopped, and N workers, of which each takes every N-th
picture of the step, learn from the same as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from cluster.domain.identity.face import Face
from cluster.settings import Recipe
from training.lora.families import Denoiser, Words
from training.lora.objectives import Objective
from training.lora.recogniser import alignment
from training.lora.spots import Spot, weights

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Captioned:
    """Pictures (n, height, width, 3) uint8 RGB of one size, the wordings of each caption, and the
    actor's face in each, None for none."""

    pictures: Pictures
    wordings: Sequence[Sequence[str]]
    faces: Sequence[Face | None] = ()


@dataclass(frozen=True)
class Batch:
    """One worker's part of a step: float32 (n, channels, h, w) on the CPU, and (n,) weights.
    `crops`, (n, 2, 3), is where the actor's face is (`recogniser.alignment`), NaN for none;
    `places`, (n, 1, h, w), how much an error counts there."""

    noisy: torch.Tensor
    target: torch.Tensor
    times: torch.Tensor
    weights: torch.Tensor
    words: tuple[Words, ...]
    crops: torch.Tensor
    places: torch.Tensor


class LatentCache:
    """Latents of captioned pictures, every wording as the denoiser takes it, where the faces are,
    (n, 2, 3), and how much an error counts at each place, (n, 1, h, w)."""

    def __init__(
        self,
        denoiser: Denoiser,
        captioned: Captioned,
        spots: Sequence[Spot] = (),
        detail_weight: float = 0.0,
    ) -> None:
        pixels = torch.from_numpy(np.asarray(captioned.pictures)).permute(0, 3, 1, 2)
        self.latents = denoiser.latents(pixels.float() / 127.5 - 1)
        self.words = [denoiser.read(texts) for texts in captioned.wordings]
        nowhere = np.full((2, 3), np.nan, np.float32)
        faces = captioned.faces or [None] * len(self.latents)
        crops = [alignment(face.landmarks) if face else nowhere for face in faces]
        self.crops = torch.from_numpy(np.stack(crops))
        height, width = self.latents.shape[-2:]
        cell_px = captioned.pictures.shape[1] / height
        places = [weights(crop / cell_px, (height, width), spots, detail_weight) for crop in crops]
        self.places = torch.from_numpy(np.stack(places))[:, None]

    def __len__(self) -> int:
        return len(self.latents)


class _Row(NamedTuple):
    """One picture of a step."""

    latents: torch.Tensor
    words: Words
    crops: torch.Tensor
    places: torch.Tensor


class BatchSampler:
    """The steps of a run, by number."""

    def __init__(
        self,
        own: LatentCache,
        others: LatentCache | None,
        nothing: Words,
        objective: Objective,
        recipe: Recipe,
    ) -> None:
        self._own, self._others, self._nothing = own, others, nothing
        self._objective, self._recipe = objective, recipe
        self._guests = round(recipe.batch_size * recipe.prior_share) if others else 0

    def batch(self, step: int, rank: int, workers: int) -> Batch:
        """The part of a step that worker `rank` of `workers` takes."""
        size = self._recipe.batch_size
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
        blank = torch.rand(size, generator=dice) < self._recipe.caption_dropout
        noisy, target = self._objective.noised(latents, noise, times)
        words = [self._nothing if blank[at] else row.words for at, row in enumerate(rows)]
        mine = slice(rank, None, workers)
        return Batch(
            noisy=noisy[mine],
            target=target[mine],
            times=times[mine],
            weights=self._objective.weights(times)[mine],
            words=tuple(words[mine]),
            crops=torch.stack([row.crops for row in rows])[mine],
            places=torch.stack([row.places for row in rows])[mine],
        )

    def _drawn(self, examples: LatentCache, number: int, kind: int) -> _Row:
        """The `number`-th example of the run: all come up before any comes up again."""
        epoch, at = divmod(number, len(examples))
        order = np.random.default_rng([self._recipe.seed, kind, epoch]).permutation(len(examples))
        row = int(order[at])
        dice = np.random.default_rng([self._recipe.seed, kind, epoch, at, 1])
        words = examples.words[row][self._wording(dice, row, examples)]
        return _Row(examples.latents[row], words, examples.crops[row], examples.places[row])

    def _wording(self, dice: np.random.Generator, row: int, examples: LatentCache) -> int:
        return int(dice.integers(len(examples.words[row])))
