"""A loss that recognises: what the denoiser takes the picture for should show the actor's face.

The latents that a step's answer amounts to are decoded, the face is cut out where the training
picture has it, and the service's own recogniser embeds it, all of it differentiable. Where little
but noise is left it says nothing: what is guessed then shows nobody yet (Peng et al.,
PortraitBooth, CVPR 2024).
"""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.lora.examples import Batch
from training.lora.families import Denoiser
from training.lora.objectives import Objective
from training.lora.recogniser import Recogniser, align

CLEAR = 0.13
"""The least clarity (`Objective.clarity`) at which a face can be told: 60 % of the way to noise."""


class IdentityLoss:
    """``known`` (dim,) is the actor's face and ``centre`` (dim,) the domain's mean one, taken off
    every embedding first; empty: none. As `IdentityJudge` compares them."""

    def __init__(
        self,
        denoiser: Denoiser,
        objective: Objective,
        recogniser: Recogniser,
        *,
        known: npt.ArrayLike,
        centre: npt.ArrayLike,
    ) -> None:
        denoiser.pipe.vae.requires_grad_(False)
        self._denoiser, self._objective = denoiser, objective
        self._recogniser = recogniser.eval()
        # A step is a tenth faster so, on a CPU.
        self._recogniser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._known = torch.from_numpy(np.asarray(known, np.float32))
        self._centre = torch.from_numpy(np.asarray(centre, np.float32))

    def __call__(self, batch: Batch, answer: torch.Tensor) -> torch.Tensor:
        """One minus the cosine between the face in each picture and the actor's, summed over the
        pictures of a batch that have one; ``answer`` is the denoiser's, (n, channels, h, w)."""
        clear = self._objective.clarity(batch.times) >= CLEAR
        told = torch.nonzero(clear & batch.crops.isfinite().all((1, 2)))[:, 0]
        if not len(told):
            return answer.new_zeros(())
        device = answer.device
        latents = self._objective.clean(
            batch.noisy[told].to(device), answer[told.to(device)], batch.times[told]
        )
        pictures = (self._denoiser.pixels(latents).float() / 2 + 0.5).clamp(0, 1)
        faces, _ = self._recogniser(align(pictures, batch.crops[told].to(device)))
        faces = faces.float()
        if len(self._centre):
            faces = functional.normalize(faces - self._centre.to(device))
        cosines: torch.Tensor = faces @ self._known.to(device)
        return (1 - cosines).sum()
