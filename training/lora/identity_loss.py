"""Identity loss: a face recogniser's embedding of the predicted picture should be the actor's.

The latents that a prediction amounts to are decoded, the face is cut out where the training image
has it, and the service's own recogniser embeds it, all of it differentiable. Where little but noise
is left it says nothing: what is guessed then shows nobody yet (Peng et al., PortraitBooth, CVPR
2024).
"""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from cluster.domain.identity.score import Calibration
from cluster.ports import Vector
from cluster.settings import IdentitySettings
from training.lora.batch_sampler import Batch
from training.lora.families import Denoiser
from training.lora.objectives import Objective
from training.lora.recogniser import Recogniser, align, recogniser_of

MIN_ALPHA_BAR = 0.13
"""The least `Objective.alpha_bar` at which a face can be told: 60 % of the way to noise."""


class IdentityLoss:
    """``known`` float32 (dim,) is the actor's unit embedding and ``centre`` float32 (dim,) the
    domain's mean one, taken off every embedding first; empty: none. As `IdentityJudge` compares
    them."""

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

    def __call__(self, batch: Batch, prediction: torch.Tensor) -> torch.Tensor:
        """One minus the cosine between the face in each image and the actor's, summed over the
        images of a batch that have a face and little enough noise: a scalar, 0 or more.

        Args:
            prediction: float32 (n, channels, h, w), the denoiser's for the batch's n images.
        """
        clear = self._objective.alpha_bar(batch.timesteps) >= MIN_ALPHA_BAR
        judged = torch.nonzero(clear & batch.alignments.isfinite().all((1, 2)))[:, 0]
        if not len(judged):
            return prediction.new_zeros(())
        device = prediction.device
        latents = self._objective.predict_clean(
            batch.noisy[judged].to(device), prediction[judged.to(device)], batch.timesteps[judged]
        )
        pictures = (self._denoiser.decode_latents(latents).float() / 2 + 0.5).clamp(0, 1)
        faces, _ = self._recogniser(align(pictures, batch.alignments[judged].to(device)))
        faces = faces.float()
        if len(self._centre):
            faces = functional.normalize(faces - self._centre.to(device))
        cosines: torch.Tensor = faces @ self._known.to(device)
        return (1 - cosines).sum()


def pack_identity_loss(
    settings: IdentitySettings,
    denoiser: Denoiser,
    objective: Objective,
    *,
    known: Vector,
    calibration: Calibration,
) -> IdentityLoss:
    """The loss by the face pack's own recogniser, on the denoiser's device; ``known`` is float32
    (dim,) as `identity_judge.known_face` finds it. Raises ProviderMissing, Unsupported."""
    recogniser = recogniser_of(settings).to(denoiser.model.device)
    return IdentityLoss(denoiser, objective, recogniser, known=known, centre=calibration.centre)
