"""Guidance that each picture of a batch has of its own, and that begins late.

An adapter's actor is drawn towards what the base model takes for a face, the more the stronger the
guidance, and most of all while there is little but noise; words are as well obeyed without it
there (Kynkäänniemi et al., Applying Guidance in a Limited Interval, NeurIPS 2024). Pictures from
words alone need all of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel

from cluster.providers.diffusers_folder import STUDIO
from cluster.settings import GeneratorSettings

AS_WORDS = (1.0, 0.0)
MEASURED = {STUDIO: (0.6, 0.3)}
"""Of models whose best was measured, the share of the guidance that pictures with an adapter have,
and the share of the noise that is gone before they have it."""


class Guidance:
    """Of a pipeline with a UNet, by what the settings say of pictures with an adapter.

    Pipelines know one guidance g for all: what they paint is u + g (t - u), of the answers u to no
    prompt and t to the prompt. Putting t - k (t - u) in the place of u makes it 1 + k (g - 1).
    Other families are guided as their pipelines do.
    """

    def __init__(self, pipe: DiffusionPipeline, settings: GeneratorSettings) -> None:
        share, start = MEASURED.get(settings.model, AS_WORDS)
        if settings.guidance_share_lora is not None:
            share = settings.guidance_share_lora
        if settings.guidance_start_lora is not None:
            start = settings.guidance_start_lora
        self._share, self._start = share, (1 - start) * len(pipe.scheduler)
        self._adapted: list[bool] = []
        if isinstance(getattr(pipe, "unet", None), UNet2DConditionModel):
            pipe.unet.register_forward_hook(self._bend)

    @contextmanager
    def of(self, adapted: Sequence[bool]) -> Iterator[None]:
        """The n-th picture of every batch painted herein has an adapter, or has none."""
        self._adapted = list(adapted)
        try:
            yield
        finally:
            self._adapted = []

    def _bend(
        self, _: torch.nn.Module, asked: tuple[Any, ...], answer: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        """`asked` is (noisy latents, time), `answer` (rows, ...): first all u, then all t."""
        if not any(self._adapted) or len(answer[0]) != 2 * len(self._adapted):
            return answer
        unguided, prompted = answer[0].chunk(2)
        begun = torch.as_tensor(asked[1], device=prompted.device) <= self._start
        adapted = torch.tensor(self._adapted, device=prompted.device)
        shares = torch.where(adapted, begun * self._share, 1.0).to(prompted.dtype)
        bent = prompted.lerp(unguided, shares.view(-1, *[1] * (prompted.ndim - 1)))
        return (torch.cat([bent, prompted]), *answer[1:])
