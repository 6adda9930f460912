"""The image-prompt adapter: reference pictures reach the base model as a face embedding.

IP-Adapter (Ye et al. 2023) in the FaceID form that diffusers loads: the UNet stays as it is; a
projection of the embedding and the keys and values of its tokens learn to paint a picture of an
actor from the embeddings of the actor's *other* pictures. Velocity loss and min-SNR weights as in
`base`, the face's own place weighing more, and the recogniser's own loss (`identity_loss`), without
which the face is too small a part of a picture to be learned in hours. Knows nothing of how
pictures are rendered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from cluster.domain.face import centroid
from cluster.domain.identity import off_centre
from cluster.providers.diffusers_image_prompt import ImagePrompt, PromptShape
from training.identity_loss import CLEAR, strangeness
from training.recogniser import Recogniser, alignment
from training.studio.adapter import BASE_MODEL, read
from training.studio.loop import Loop, autocast, device_of
from training.studio.portraits import Floats, Portraits, Rows

FOLDER, FILE = "ip_adapter", "ip_adapter.safetensors"
"""Where serving looks for it, in the pipeline's folder."""


@dataclass(frozen=True)
class PromptRecipe:
    """Dropouts are shares of a batch; `face_weight` is the loss inside the face to that outside."""

    widening: int = 3
    tokens: int = 8
    rate: float = 2e-3
    batch: int = 16
    image_dropout: float = 0.1
    caption_dropout: float = 0.1
    face_weight: float = 5.0
    identity_weight: float = 1.0
    gamma: float = 5.0
    seed: int = 0


class Batch(NamedTuple):
    """Latents (n, 4, h, w), words (n, tokens, width), image prompts (n, dim), weights (n, h, w);
    the pictures' own faces seen from the mean one, (n, dim), and where they are, (n, 2, 3)."""

    latents: Tensor
    words: Tensor
    prompts: Tensor
    weights: Tensor
    faces: Tensor
    crops: Tensor


class Draw:
    """Random batches: what is to be painted, and after which other pictures."""

    def __init__(
        self,
        pipeline: StableDiffusionPipeline,
        latents: NDArray[np.float16],
        wordings: Sequence[Sequence[str]],
        portraits: Portraits,
        recipe: PromptRecipe,
    ) -> None:
        self._pipeline, self._latents, self._wordings = pipeline, latents, wordings
        self._portraits, self._recipe = portraits, recipe
        self._others = portraits.others()
        self._pictures = np.array(sorted(self._others), np.int64)
        known = portraits.embeddings[portraits.known]
        self.mean, self.spread = known.mean(0), float(known.std(0).mean())

    def prompts(self, rows: Rows, rng: np.random.Generator) -> Tensor:
        """Standardised centroids (n, dim) of one to all of the actor's other pictures."""
        made = np.zeros((len(rows), self._portraits.embeddings.shape[1]), np.float32)
        for place, row in enumerate(rows):
            if rng.random() >= self._recipe.image_dropout:
                others = self._others[int(row)]
                some = rng.choice(others, rng.integers(1, len(others) + 1), replace=False)
                made[place] = centroid(self._portraits.embeddings[some])
        return torch.from_numpy((made - self.mean) / self.spread)

    def texts(self, rows: Rows, rng: np.random.Generator) -> list[str]:
        """One wording of each caption, or none."""
        said = [self._wordings[row] for row in rows]
        kept = rng.random(len(rows)) >= self._recipe.caption_dropout
        return [
            one[int(rng.integers(len(one)))] if keep else ""
            for one, keep in zip(said, kept, strict=True)
        ]

    def weights(self, rows: Rows) -> Tensor:
        """How much each place counts, (n, h, w) with mean 1."""
        height, width = self._latents.shape[-2:]
        y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        x0, y0, x1, y1 = (side[:, None] for side in self._portraits.boxes[rows].T)
        inside = ((y >= y0) & (y <= y1))[:, :, None] & ((x >= x0) & (x <= x1))[:, None, :]
        weight = np.where(inside, self._recipe.face_weight, 1.0).astype(np.float32)
        return torch.from_numpy(weight / weight.mean((1, 2), keepdims=True))

    def crops(self, rows: Rows) -> Tensor:
        """Where the recogniser finds the faces in the decoded pictures, (n, 2, 3)."""
        side_px = self._latents.shape[-1] * self._pipeline.vae_scale_factor
        five = self._portraits.landmarks[rows] * np.float32(side_px)
        return torch.from_numpy(np.stack([alignment(one) for one in five]))

    def batch(self, rng: np.random.Generator) -> "Batch":
        """As many random pictures as the recipe says."""
        device = device_of()
        rows = np.sort(rng.choice(self._pictures, self._recipe.batch))
        latents = torch.from_numpy(np.asarray(self._latents[rows], np.float32)).to(device)
        return Batch(
            latents=latents,
            words=read(self._pipeline, self.texts(rows, rng)),
            prompts=self.prompts(rows, rng).to(device),
            weights=self.weights(rows).to(device),
            faces=torch.from_numpy(off_centre(self._portraits.embeddings[rows], self.mean)).to(
                device
            ),
            crops=self.crops(rows).to(device),
        )


def train(
    pipeline: StableDiffusionPipeline,
    latents: NDArray[np.float16],
    wordings: Sequence[Sequence[str]],
    portraits: Portraits,
    recogniser: Recogniser,
    folder: Path,
    seconds: float,
    recipe: PromptRecipe,
) -> ImagePrompt:
    """Install an image prompt in the pipeline's UNet and train it for ``seconds`` of wall clock.

    Args:
        latents: (n, 4, h, w), scaled to unit variance; may be a memory map.
        wordings: per picture, at least one wording of its caption.
        folder: keeps the state; a second call goes on where the first was cut off.

    Returns:
        The adapter, which takes unit embeddings as the face encoder gives them.
    """
    device, unet = device_of(), pipeline.unet
    unet.requires_grad_(False)
    pipeline.vae.requires_grad_(False)
    recogniser.to(device).eval()
    torch.manual_seed(recipe.seed)
    shape = PromptShape(portraits.embeddings.shape[1], recipe.widening, recipe.tokens)
    prompt = ImagePrompt(unet, shape)
    draw = Draw(pipeline, latents, wordings, portraits, recipe)
    optimiser = torch.optim.AdamW(
        prompt.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=1e-2
    )
    loop = Loop("ip_adapter", folder, seconds, {"prompt": prompt}, optimiser, recipe.rate)
    loop.keep_average()
    alphas = pipeline.scheduler.alphas_cumprod.to(device)
    rng = np.random.default_rng([recipe.seed, loop.step])
    centre = torch.from_numpy(draw.mean).to(device)
    for _ in loop:
        batch = draw.batch(rng)
        with autocast(device):
            prompt.show(batch.prompts, torch.ones(len(batch.prompts)))
        loss, clean, clarity = velocity_loss(unet, alphas, batch, recipe.gamma)
        strange = identity_loss(pipeline, recogniser, clean, clarity, batch, centre)
        loop.learn(loss + recipe.identity_weight * strange)
        prompt.hide()
    loop.swap_average()
    take_raw(prompt, draw.mean, draw.spread)
    return prompt


def velocity_loss(
    unet: torch.nn.Module, alphas: Tensor, batch: Batch, gamma: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Squared error of the predicted velocity at random times, min-SNR weighted; the latents that
    were guessed, and how much of them could be seen, (n,)."""
    latents = batch.latents
    times = torch.randint(0, len(alphas), (len(latents),), device=latents.device)
    noise, alpha = torch.randn_like(latents), alphas[times].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    with autocast(latents.device):
        guess = unet(noisy, times, batch.words).sample.float()
    errors = ((guess - velocity).square().mean(1) * batch.weights).mean((1, 2))
    ratio = (alpha / (1 - alpha).clamp(min=1e-8)).flatten()
    weight = (ratio.clamp(max=gamma) / (ratio + 1)).clamp(min=0.05)
    loss: Tensor = (weight * errors).sum() / weight.sum()
    return loss, alpha.sqrt() * noisy - (1 - alpha).sqrt() * guess, alpha.flatten()


def identity_loss(
    pipeline: StableDiffusionPipeline,
    recogniser: Recogniser,
    guessed: Tensor,
    clarity: Tensor,
    batch: Batch,
    centre: Tensor,
) -> Tensor:
    """How little the guessed pictures show the actors' faces, mean over the batch."""
    told = torch.nonzero(clarity >= CLEAR)[:, 0]
    if not len(told):
        return guessed.new_zeros(())
    with autocast(guessed.device):
        raw = guessed[told] / pipeline.vae.config.scaling_factor
        decoded = pipeline.vae.decode(raw, return_dict=False)[0]
        pictures = (decoded.float() / 2 + 0.5).clamp(0, 1)
        each = strangeness(recogniser, pictures, batch.crops[told], batch.faces[told], centre)
    return each.sum() / len(guessed)


@torch.no_grad()
def take_raw(prompt: ImagePrompt, mean: Floats, spread: float) -> None:
    """Fold the standardisation of the embeddings into the first layer.

    Rendered strangers resemble one another: without it, what tells them apart would be a small
    part of what the layer sees.
    """
    first = prompt.projection.ff.net[0].proj
    first.weight /= spread
    first.bias -= first.weight @ torch.from_numpy(mean).to(first.weight)


def save(prompt: ImagePrompt, folder: Path, face_model: str, base_sha256: str) -> Path:
    """Write the adapter beside the base model, float16; returns its file.

    `load_ip_adapter(folder, subfolder="ip_adapter", weight_name=..., image_encoder_folder=None)` of
    diffusers reads it. The header says whose embeddings it takes and what it was trained on.
    """
    path = folder / FOLDER / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: value.detach().half().contiguous().cpu() for key, value in prompt.tensors().items()
    }
    metadata = {
        "format": "pt",
        "face_model": face_model,
        "base_model": BASE_MODEL,
        "base_sha256": base_sha256,
    }
    save_file(tensors, path, metadata)
    return path
