"""Latent cache: training images and captions, encoded once as the denoiser takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cluster.domain.identity.face import Face
from training.lora.detail_weights import FaceDetail, detail_weights
from training.lora.families import Denoiser
from training.lora.recogniser import alignment


@dataclass(frozen=True)
class CaptionedImages:
    """Images of one size, what they are captioned with, and whom they show.

    pixels: uint8 RGB (n, height, width, 3).
    wordings: per image, at least one wording of its caption.
    faces: per image the actor's face, None for none; empty: nobody has looked.
    """

    pixels: npt.NDArray[np.uint8]
    wordings: Sequence[Sequence[str]]
    faces: Sequence[Face | None] = ()


class LatentCache:
    """A training set of n images, encoded, on the CPU.

    latents: float32 (n, channels, h, w) at unit variance.
    prompts: per image, every wording as the denoiser takes it.
    alignments: float32 (n, 2, 3), from the aligned face crop to pixels; NaN without a face.
    detail_weights: float32 (n, 1, h, w), how much an error counts at each place.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        images: CaptionedImages,
        details: Sequence[FaceDetail] = (),
        detail_weight: float = 0.0,
    ) -> None:
        pixels = torch.from_numpy(np.asarray(images.pixels)).permute(0, 3, 1, 2)
        self.latents = denoiser.encode_images(pixels.float() / 127.5 - 1)
        self.prompts = [denoiser.encode_prompts(wordings) for wordings in images.wordings]
        no_face = np.full((2, 3), np.nan, np.float32)
        faces = images.faces or [None] * len(self)
        aligned = [alignment(face.landmarks) if face else no_face for face in faces]
        self.alignments = torch.from_numpy(np.stack(aligned))
        height, width = self.latents.shape[-2:]
        cell_px = images.pixels.shape[1] / height
        weights = [
            detail_weights(one / cell_px, (height, width), details, detail_weight)
            for one in aligned
        ]
        self.detail_weights = torch.from_numpy(np.stack(weights))[:, None]

    def __len__(self) -> int:
        return len(self.latents)
