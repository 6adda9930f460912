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

from cluster.settings import Recipe
from training.families import Denoiser, Words
from training.objectives import Objective

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Captioned:
    """Pictures (n, height, width, 3) uint8 RGB of one size, and the wordings of each caption."""

    pictures: Pictures
    wordings: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Batch:
    """One worker's part of a step: float32 (n, channels, h, w) on the CPU, and (n,) weights."""

    noisy: torch.Tensor
    target: torch.Tensor
    times: torch.Tensor
    weights: torch.Tensor
    words: tuple[Words, ...]


class Examples:
    """Latents of captioned pictures, and every wording as the denoiser takes it."""

    def __init__(self, denoiser: Denoiser, captioned: Captioned) -> None:
        pixels = torch.from_numpy(np.asarray(captioned.pictures)).permute(0, 3, 1, 2)
        self.latents = denoiser.latents(pixels.float() / 127.5 - 1)
        self.words = [denoiser.read(texts) for texts in captioned.wordings]

    def __len__(self) -> int:
        return len(self.latents)


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
        latents = torch.stack([latent for latent, _ in rows])
        dice = torch.Generator().manual_seed(self._recipe.seed * 1_000_003 + step)
        noise = torch.randn(latents.shape, generator=dice)
        times = self._objective.times(size, dice)
        blank = torch.rand(size, generator=dice) < self._recipe.empty
        noisy, target = self._objective.noised(latents, noise, times)
        words = [self._nothing if blank[at] else rows[at][1] for at in range(size)]
        mine = slice(rank, None, workers)
        return Batch(
            noisy=noisy[mine],
            target=target[mine],
            times=times[mine],
            weights=self._objective.weights(times)[mine],
            words=tuple(words[mine]),
        )

    def _drawn(self, examples: Examples, number: int, kind: int) -> tuple[torch.Tensor, Words]:
        """The `number`-th example of the run: all come up before any comes up again."""
        epoch, at = divmod(number, len(examples))
        order = np.random.default_rng([self._recipe.seed, kind, epoch]).permutation(len(examples))
        row = int(order[at])
        dice = np.random.default_rng([self._recipe.seed, kind, epoch, at, 1])
        return examples.latents[row], examples.words[row][self._wording(dice, row, examples)]

    def _wording(self, dice: np.random.Generator, row: int, examples: Examples) -> int:
        return int(dice.integers(len(examples.words[row])))
