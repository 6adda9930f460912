"""Training objectives: what a denoiser is asked to predict, and how much each answer counts.

Read from the model's own scheduler:
- diffusion, predicting epsilon (Ho et al. 2020, whose alpha-bar is used throughout) or velocity
  (Salimans & Ho 2022), with min-SNR loss weights (Hang et al. 2023);
- flow matching (Lipman et al. 2023): timesteps from a logit-normal (Esser et al. 2024), moved by
  the scheduler's own shift, all weighing the same.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from diffusers import SchedulerMixin
from torch import Tensor

from cluster.errors import Unsupported

MIN_LOSS_WEIGHT = 0.05
"""No timestep weighs less, before the mean is made 1: min-SNR of a schedule that ends in pure noise
would drop the noisiest ones, and they decide where things are in the picture."""


class Objective(Protocol):
    """Timesteps are the scheduler's, (n,) in [0, 1000): integers or float32. Latents, noise and
    what the denoiser answers are float32 (n, channels, h, w); latents and noise have unit
    variance."""

    def sample_timesteps(self, count: int, rng: torch.Generator) -> Tensor:
        """Random timesteps (count,), on the CPU."""
        ...

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """(noisy latents, prediction target), both (n, channels, h, w)."""
        ...

    def predict_clean(self, noisy: Tensor, prediction: Tensor, timesteps: Tensor) -> Tensor:
        """The clean latents ("x0") that a prediction amounts to, (n, channels, h, w)."""
        ...

    def alpha_bar(self, timesteps: Tensor) -> Tensor:
        """The picture's share of a noisy latent's variance, float32 (n,) in [0, 1] on the CPU: 1
        without noise."""
        ...

    def loss_weights(self, timesteps: Tensor) -> Tensor:
        """Weights of the squared errors, float32 (n,) on the CPU, 1 on average."""
        ...


class DiffusionObjective:
    """Epsilon or velocity prediction over the scheduler's betas, weighted by min-SNR: the
    signal-to-noise ratio counts up to `snr_gamma`."""

    def __init__(self, scheduler: SchedulerMixin, snr_gamma: float) -> None:
        self._predicts_velocity = scheduler.config.prediction_type == "v_prediction"
        self._alpha_bars = scheduler.alphas_cumprod.float().cpu()
        snr = self._alpha_bars / (1 - self._alpha_bars).clamp(min=1e-8)
        capped = snr.clamp(max=snr_gamma)
        raw = capped / (snr + 1) if self._predicts_velocity else capped / snr.clamp(min=1e-8)
        raw = raw.clamp(min=MIN_LOSS_WEIGHT)
        self._loss_weights = raw / raw.mean()

    def sample_timesteps(self, count: int, rng: torch.Generator) -> Tensor:
        """Uniform integers, int64 (count,)."""
        return torch.randint(0, len(self._alpha_bars), (count,), generator=rng)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(alpha_bar) latents + sqrt(1 - alpha_bar) noise, and the noise or the velocity, both
        (n, channels, h, w)."""
        signal, sigma = self._scales(timesteps, latents.device)
        target = signal * noise - sigma * latents if self._predicts_velocity else noise
        return signal * latents + sigma * noise, target

    def predict_clean(self, noisy: Tensor, prediction: Tensor, timesteps: Tensor) -> Tensor:
        """`add_noise` solved for the latents, (n, channels, h, w)."""
        signal, sigma = self._scales(timesteps, noisy.device)
        if self._predicts_velocity:
            return signal * noisy - sigma * prediction
        # With betas rescaled to zero terminal SNR the last alpha_bar is 0.
        return (noisy - sigma * prediction) / signal.clamp(min=1e-4)

    def alpha_bar(self, timesteps: Tensor) -> Tensor:
        """The scheduler's `alphas_cumprod` at the timesteps, float32 (n,)."""
        found: Tensor = self._alpha_bars[timesteps.cpu().long()]
        return found

    def _scales(self, timesteps: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """What latents and noise are multiplied by, (n, 1, 1, 1) each."""
        alpha_bar = self.alpha_bar(timesteps).view(-1, 1, 1, 1).to(device)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def loss_weights(self, timesteps: Tensor) -> Tensor:
        """Min-SNR weights, float32 (n,)."""
        found: Tensor = self._loss_weights[timesteps.cpu().long()]
        return found


class FlowMatchingObjective:
    """Straight paths from picture to noise; predicted is the velocity, noise less latents."""

    def __init__(self, scheduler: SchedulerMixin, tokens: int) -> None:
        self._shift = _shift(scheduler.config, tokens)

    def sample_timesteps(self, count: int, rng: torch.Generator) -> Tensor:
        """Logit-normal and shifted, float32 (count,)."""
        sigma = torch.sigmoid(torch.randn(count, generator=rng))
        return 1000 * self._shift * sigma / (1 + (self._shift - 1) * sigma)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """(1 - sigma) latents + sigma noise, and the velocity, both (n, channels, h, w)."""
        sigma = (timesteps / 1000).view(-1, 1, 1, 1).to(latents.device)
        return (1 - sigma) * latents + sigma * noise, noise - latents

    def predict_clean(self, noisy: Tensor, prediction: Tensor, timesteps: Tensor) -> Tensor:
        """The start of the straight path, (n, channels, h, w)."""
        return noisy - (timesteps / 1000).view(-1, 1, 1, 1).to(noisy.device) * prediction

    def alpha_bar(self, timesteps: Tensor) -> Tensor:
        """The variance share (1 - sigma)^2 / ((1 - sigma)^2 + sigma^2), float32 (n,): what
        alpha-bar is where signal and noise scales are not normalised."""
        sigma = timesteps.cpu() / 1000
        return (1 - sigma).square() / ((1 - sigma).square() + sigma.square())

    def loss_weights(self, timesteps: Tensor) -> Tensor:
        """Ones, float32 (n,)."""
        return torch.ones(len(timesteps))


def objective_of(scheduler: SchedulerMixin, snr_gamma: float, tokens: int) -> Objective:
    """What `scheduler` was made for; `tokens` is how many patches the latents give. Raises
    Unsupported."""
    if hasattr(scheduler, "alphas_cumprod"):
        if scheduler.config.prediction_type in ("epsilon", "v_prediction"):
            return DiffusionObjective(scheduler, snr_gamma)
    elif "FlowMatch" in type(scheduler).__name__:
        return FlowMatchingObjective(scheduler, tokens)
    raise Unsupported(
        f"{type(scheduler).__name__} asks for a prediction that no adapter can be trained for",
        advice="Train on a model of epsilon, v_prediction or flow matching.",
    )


def _shift(config: Mapping[str, Any], tokens: int) -> float:
    """The factor by which painting favours noisy timesteps at this size; defaults are those of
    diffusers' FlowMatchEulerDiscreteScheduler."""
    if not config.get("use_dynamic_shifting"):
        return float(config.get("shift") or 1.0)
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    slope = (config.get("max_shift", 1.15) - config.get("base_shift", 0.5)) / (high - low)
    exponent = config.get("base_shift", 0.5) + slope * (tokens - low)
    return float(exponent) if config.get("time_shift_type") == "linear" else math.exp(exponent)
