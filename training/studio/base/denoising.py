"""The denoiser's loss on cached latents: the UNet's own, and that of its image-prompt adapter.

What is predicted and how much each noise level counts is said in `training.lora.objectives`, for
every adapter is trained on the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.lora.objectives import Objective
from training.studio.device import autocast


@dataclass(frozen=True)
class CaptionedLatents:
    """What the denoiser learns from, n pictures.

    latents: (n, 4, h, w) float16, scaled to unit variance; may be a memory map.
    wordings: per picture, at least one wording of its caption.
    details: (n, h, w, kinds) uint8, 255 where marks, injuries and props show.
    """

    latents: NDArray[np.float16]
    wordings: Sequence[Sequence[str]]
    details: NDArray[np.uint8]

    def rows(self, rows: NDArray[np.int64]) -> Tensor:
        """Some of the latents, (rows, 4, h, w) float32; ``rows`` (rows,) ascend."""
        return torch.from_numpy(np.asarray(self.latents[rows], np.float32))

    def texts(self, rows: NDArray[np.int64], dropout: float, rng: np.random.Generator) -> list[str]:
        """One wording of the caption of each of ``rows`` (n,), or none: classifier-free guidance
        learns from those."""
        return [
            "" if rng.random() < dropout else self.wordings[row][self._any(row, rng)]
            for row in rows
        ]

    def _any(self, row: int, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self.wordings[row])))


def denoising_loss(
    unet: nn.Module, objective: Objective, latents: Tensor, words: Tensor, detail_weights: Tensor
) -> Tensor:
    """Weighted squared error at random noise levels, a scalar.

    Args:
        latents: (n, 4, h, w) float32 at unit variance.
        words: (n, tokens, width), the text encoder's hidden states.
        detail_weights: (n, 1, h, w), how much an error counts there.
    """
    device = latents.device
    timesteps = objective.sample_timesteps(len(latents), torch.default_generator)
    noise = torch.randn(latents.shape).to(device)
    noisy, target = objective.add_noise(latents, noise, timesteps)
    with autocast(device):
        guess = unet(noisy, timesteps.to(device), words).sample.float()
    errors = (detail_weights * (guess - target).square()).mean((1, 2, 3))
    weights = objective.loss_weights(timesteps).to(device)
    loss: Tensor = (weights * errors).sum() / weights.sum()
    return loss
