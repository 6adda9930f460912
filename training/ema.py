"""The exponential moving average (EMA) of the weights in training: what is judged and kept.

The arithmetic is torch's (`torch.optim.swa_utils`). Its `AveragedModel` is not used: it copies the
whole model, of which an adapter is a thousandth, and its decay is the same from the first step on,
so that a short run would keep its random start.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """The average of some weights, kept beside them; `decay` is what the average keeps a step."""

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self._weights, self._decay = list(weights), decay
        self.average = [weight.detach().clone() for weight in self._weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step `step`; the decay rises to its value over the first ones.

        (1 + n) / (10 + n), as TensorFlow's `ExponentialMovingAverage` and diffusers' `EMAModel`.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(self.average, [weight.data for weight in self._weights], step)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside the block; nothing is copied."""
        held = [weight.data for weight in self._weights]
        for weight, mean in zip(self._weights, self.average, strict=True):
            weight.data = mean
        try:
            yield
        finally:
            for weight, kept in zip(self._weights, held, strict=True):
                weight.data = kept

    def settle(self) -> None:
        """Leave the averaged weights in the model for good."""
        for weight, mean in zip(self._weights, self.average, strict=True):
            weight.data.copy_(mean)

    def restore(self, average: Sequence[Tensor]) -> None:
        """Go on from what `average` was: one tensor a weight, of its shape."""
        for mean, kept in zip(self.average, average, strict=True):
            mean.copy_(kept)
