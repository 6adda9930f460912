"""Batch sampler: which images, wordings, timesteps and noise each training step sees.

All of it depends on the seed and the step's number alone. So a resumed run goes on as if it had
never stopped, and N workers, of which each takes every N-th image of the step, learn from the
same as one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from cluster.settings import Recipe
from training.lora.families import PromptEmbeds
from training.lora.latent_cache import LatentCache
from training.lora.objectives import Objective

OWN, PRIOR = 0, 1
"""Which cache an image is drawn from; part of the seed of its draw."""


@dataclass(frozen=True)
class Batch:
    """One worker's n images of a step, on the CPU.

    noisy, target: float32 (n, channels, h, w), what the denoiser sees and should predict.
    timesteps: (n,), the scheduler's.
    loss_weights: float32 (n,), 1 on average.
    prompts: n captions.
    alignments: float32 (n, 2, 3), where the actor's face is (`recogniser.alignment`), NaN for none.
    detail_weights: float32 (n, 1, h, w), how much an error counts at each place.
    """

    noisy: torch.Tensor
    target: torch.Tensor
    timesteps: torch.Tensor
    loss_weights: torch.Tensor
    prompts: tuple[PromptEmbeds, ...]
    alignments: torch.Tensor
    detail_weights: torch.Tensor


class _Example(NamedTuple):
    """One image of a step."""

    latents: torch.Tensor
    prompt: PromptEmbeds
    alignment: torch.Tensor
    detail_weights: torch.Tensor


class BatchSampler:
    """The batches of a run, by step.

    A batch holds the actor's own images and, where there is a `prior`, `Recipe.prior_share` of
    other people's (prior preservation). `empty_prompt` takes the place of captions that are
    dropped, as classifier-free guidance needs (Ho & Salimans 2022).
    """

    def __init__(
        self,
        own: LatentCache,
        prior: LatentCache | None,
        empty_prompt: PromptEmbeds,
        objective: Objective,
        recipe: Recipe,
    ) -> None:
        self._own, self._prior, self._empty_prompt = own, prior, empty_prompt
        self._objective, self._recipe = objective, recipe
        self._prior_size = round(recipe.batch_size * recipe.prior_share) if prior else 0

    def batch(self, step: int, rank: int, workers: int) -> Batch:
        """The part of a step that worker `rank` of `workers` takes."""
        size, examples = self._recipe.batch_size, self._examples(step)
        latents = torch.stack([one.latents for one in examples])
        rng = torch.Generator().manual_seed(self._recipe.seed * 1_000_003 + step)
        noise = torch.randn(latents.shape, generator=rng)
        timesteps = self._objective.sample_timesteps(size, rng)
        dropped = torch.rand(size, generator=rng) < self._recipe.caption_dropout
        noisy, target = self._objective.add_noise(latents, noise, timesteps)
        prompts = [
            self._empty_prompt if drop else one.prompt
            for drop, one in zip(dropped, examples, strict=True)
        ]
        mine = slice(rank, None, workers)
        return Batch(
            noisy=noisy[mine],
            target=target[mine],
            timesteps=timesteps[mine],
            loss_weights=self._objective.loss_weights(timesteps)[mine],
            prompts=tuple(prompts[mine]),
            alignments=torch.stack([one.alignment for one in examples])[mine],
            detail_weights=torch.stack([one.detail_weights for one in examples])[mine],
        )

    def _examples(self, step: int) -> list[_Example]:
        """All workers' images of a step: the actor's own, then other people's."""
        others = self._prior_size
        own = self._recipe.batch_size - others
        found = [self._drawn(self._own, step * own + at, OWN) for at in range(own)]
        if self._prior:
            found += [self._drawn(self._prior, step * others + at, PRIOR) for at in range(others)]
        return found

    def _drawn(self, cache: LatentCache, number: int, origin: int) -> _Example:
        """The `number`-th image of the run: all come up before any comes up again."""
        seed = self._recipe.seed
        epoch, at = divmod(number, len(cache))
        row = int(np.random.default_rng([seed, origin, epoch]).permutation(len(cache))[at])
        rng = np.random.default_rng([seed, origin, epoch, at, 1])
        wordings = cache.prompts[row]
        prompt = wordings[int(rng.integers(len(wordings)))]
        return _Example(
            cache.latents[row], prompt, cache.alignments[row], cache.detail_weights[row]
        )
