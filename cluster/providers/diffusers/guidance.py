"""Guidance that begins later for pictures with an adapter than for those from words alone.

Guidance draws an adapter's actor towards what the base model takes for a face, most of all while
there is little but noise; words are hardly obeyed less without it there (Kynkäänniemi et al.,
Applying Guidance in a Limited Interval, NeurIPS 2024).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel


class Guidance:
    """Classifier-free guidance of a pipeline with a UNet, later for pictures with an adapter.

    Pipelines know one guidance g for all: what they paint is u + g (t - u), of the answers u to no
    prompt and t to the prompt. Putting t in the place of u, picture by picture, guides nothing.
    Other families are guided as their pipelines do.

    Args:
        start: Share of the noise that is gone before pictures with an adapter are guided.
    """

    def __init__(self, pipe: DiffusionPipeline, start: float) -> None:
        self._start = (1 - start) * len(pipe.scheduler)
        self._adapted: list[bool] = []
        if isinstance(getattr(pipe, "unet", None), UNet2DConditionModel):
            pipe.unet.register_forward_hook(self._hold_back)

    @contextmanager
    def of(self, adapted: Sequence[bool]) -> Iterator[None]:
        """The n-th picture of every batch painted herein has an adapter, or has none."""
        self._adapted = list(adapted)
        try:
            yield
        finally:
            self._adapted = []

    def _hold_back(
        self, _: torch.nn.Module, asked: tuple[Any, ...], answer: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        """`asked` is (noisy latents, time), `answer` (rows, ...): first all u, then all t."""
        if not any(self._adapted) or len(answer[0]) != 2 * len(self._adapted):
            return answer
        unguided, prompted = answer[0].chunk(2)
        early = torch.as_tensor(asked[1], device=prompted.device) > self._start
        adapted = torch.tensor(self._adapted, device=prompted.device)
        waits = (adapted & early).view(-1, *[1] * (prompted.ndim - 1))
        unguided = torch.where(waits, prompted, unguided)
        return (torch.cat([unguided, prompted]), *answer[1:])
