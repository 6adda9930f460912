"""What a denoiser is asked to predict, and how much each answer counts, as its scheduler says.

- epsilon and velocity (Ho et al. 2020; Salimans and Ho 2022), min-SNR weights (Hang et al. 2023);
- flow matching (Lipman et al. 2023): times from a logit-normal (Esser et al. 2024), moved by the
  scheduler's own shift, all weighing the same.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from diffusers import SchedulerMixin

from cluster.errors import Unsupported

FEWEST = 0.05
"""No time weighs less: the noisiest ones decide where things are."""


class Objective(Protocol):
    """`times` are the scheduler's, in [0, 1000)."""

    def times(self, count: int, dice: torch.Generator) -> torch.Tensor: ...

    def noised(
        self, latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(what the denoiser sees, what it should answer), both (n, channels, h, w)."""
        ...

    def clean(self, noisy: torch.Tensor, answer: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """The latents that the answer amounts to, (n, channels, h, w)."""
        ...

    def clarity(self, times: torch.Tensor) -> torch.Tensor:
        """(n,): the picture's share of a noisy latent's variance, 1 without noise."""
        ...

    def weights(self, times: torch.Tensor) -> torch.Tensor:
        """(n,): 1 on average."""
        ...


class Diffusion:
    """Epsilon or velocity over the scheduler's betas."""

    def __init__(self, scheduler: SchedulerMixin, gamma: float) -> None:
        self._velocity = scheduler.config.prediction_type == "v_prediction"
        self._alphas = scheduler.alphas_cumprod.float().cpu()
        ratio = self._alphas / (1 - self._alphas).clamp(min=1e-8)
        capped = ratio.clamp(max=gamma)
        raw = capped / (ratio + 1) if self._velocity else capped / ratio.clamp(min=1e-8)
        raw = raw.clamp(min=FEWEST)
        self._weights = raw / raw.mean()

    def times(self, count: int, dice: torch.Generator) -> torch.Tensor:
        return torch.randint(0, len(self._alphas), (count,), generator=dice)

    def noised(
        self, latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        kept, lost = self._shares(times, latents.device)
        target = kept * noise - lost * latents if self._velocity else noise
        return kept * latents + lost * noise, target

    def clean(self, noisy: torch.Tensor, answer: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        kept, lost = self._shares(times, noisy.device)
        if self._velocity:
            return kept * noisy - lost * answer
        return (noisy - lost * answer) / kept.clamp(min=1e-4)

    def clarity(self, times: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self._alphas[times.cpu().long()]
        return found

    def _shares(
        self, times: torch.Tensor, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is kept of the picture and what the noise is multiplied by, (n, 1, 1, 1)."""
        alpha = self.clarity(times).view(-1, 1, 1, 1).to(device)
        return alpha.sqrt(), (1 - alpha).sqrt()

    def weights(self, times: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self._weights[times.cpu().long()]
        return found


class Flow:
    """Straight paths from picture to noise; the answer is the direction, noise less latents."""

    def __init__(self, scheduler: SchedulerMixin, tokens: int) -> None:
        self._shift = _shift(scheduler.config, tokens)

    def times(self, count: int, dice: torch.Generator) -> torch.Tensor:
        drawn = torch.sigmoid(torch.randn(count, generator=dice))
        return 1000 * self._shift * drawn / (1 + (self._shift - 1) * drawn)

    def noised(
        self, latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        share = (times / 1000).view(-1, 1, 1, 1).to(latents.device)
        return (1 - share) * latents + share * noise, noise - latents

    def clean(self, noisy: torch.Tensor, answer: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        return noisy - (times / 1000).view(-1, 1, 1, 1).to(noisy.device) * answer

    def clarity(self, times: torch.Tensor) -> torch.Tensor:
        share = times.cpu() / 1000
        return (1 - share).square() / ((1 - share).square() + share.square())

    def weights(self, times: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(times))


def objective_of(scheduler: SchedulerMixin, gamma: float, tokens: int) -> Objective:
    """What `scheduler` was made for; `tokens` is how many patches the latents give. Raises
    Unsupported."""
    if hasattr(scheduler, "alphas_cumprod"):
        if scheduler.config.prediction_type in ("epsilon", "v_prediction"):
            return Diffusion(scheduler, gamma)
    elif "FlowMatch" in type(scheduler).__name__:
        return Flow(scheduler, tokens)
    raise Unsupported(
        f"{type(scheduler).__name__} asks for a prediction that no adapter can be trained for",
        advice="Train on a model of epsilon, v_prediction or flow matching.",
    )


def _shift(config: Mapping[str, Any], tokens: int) -> float:
    """The factor by which painting favours noisy times at this size."""
    if not config.get("use_dynamic_shifting"):
        return float(config.get("shift") or 1.0)
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    slope = (config.get("max_shift", 1.15) - config.get("base_shift", 0.5)) / (high - low)
    exponent = config.get("base_shift", 0.5) + slope * (tokens - low)
    return float(exponent) if config.get("time_shift_type") == "linear" else math.exp(exponent)
