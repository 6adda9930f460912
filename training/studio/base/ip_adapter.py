"""The image-prompt adapter: reference pictures reach the base model as a face embedding.

IP-Adapter (Ye et al. 2023) in the FaceID form that diffusers loads: the UNet stays as it is; a
projection of the embedding and the keys and values of its tokens learn to paint a picture of an
actor from the embeddings of the actor's *other* pictures. Velocity loss and min-SNR weights as in
`base`, the face's own place weighing more. Knows nothing of how pictures are rendered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from cluster.domain.identity.face import centroid
from cluster.providers.diffusers.image_prompt import ImagePrompt, PromptShape
from training.studio.base.loop import Loop, autocast, device_of
from training.studio.base.portraits import Floats, Portraits, Rows
from training.studio.cast.adapter import BASE_MODEL, read

FOLDER, FILE = "ip_adapter", "ip_adapter.safetensors"
"""Where serving looks for it, in the pipeline's folder."""


@dataclass(frozen=True)
class PromptRecipe:
    """Dropouts are shares of a batch; `face_weight` is the loss inside the face to that outside."""

    widening: int = 3
    tokens: int = 8
    learning_rate: float = 2e-3
    batch_size: int = 16
    image_dropout: float = 0.1
    caption_dropout: float = 0.1
    face_weight: float = 5.0
    snr_gamma: float = 5.0
    seed: int = 0


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

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Latents (n, 4, h, w), words (n, tokens, width), image prompts (n, dim), weights."""
        device = device_of()
        rows = np.sort(rng.choice(self._pictures, self._recipe.batch_size))
        latents = torch.from_numpy(np.asarray(self._latents[rows], np.float32)).to(device)
        words = read(self._pipeline, self.texts(rows, rng))
        return latents, words, self.prompts(rows, rng).to(device), self.weights(rows).to(device)


def train(
    pipeline: StableDiffusionPipeline,
    latents: NDArray[np.float16],
    wordings: Sequence[Sequence[str]],
    portraits: Portraits,
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
    torch.manual_seed(recipe.seed)
    shape = PromptShape(portraits.embeddings.shape[1], recipe.widening, recipe.tokens)
    prompt = ImagePrompt(unet, shape)
    draw = Draw(pipeline, latents, wordings, portraits, recipe)
    optimiser = torch.optim.AdamW(
        prompt.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=1e-2
    )
    loop = Loop("ip_adapter", folder, seconds, {"prompt": prompt}, optimiser, recipe.learning_rate)
    loop.keep_average()
    alphas = pipeline.scheduler.alphas_cumprod.to(device)
    rng = np.random.default_rng([recipe.seed, loop.step])
    for _ in loop:
        clean, words, faces, weights = draw.batch(rng)
        with autocast(device):
            prompt.show(faces, torch.ones(len(faces)))
        loop.learn(velocity_loss(unet, alphas, clean, words, weights, recipe.snr_gamma))
        prompt.hide()
    loop.swap_average()
    take_raw(prompt, draw.mean, draw.spread)
    return prompt


def velocity_loss(
    unet: torch.nn.Module,
    alphas: Tensor,
    latents: Tensor,
    words: Tensor,
    weights: Tensor,
    snr_gamma: float,
) -> Tensor:
    """Squared error of the predicted velocity at random times, min-SNR weighted."""
    times = torch.randint(0, len(alphas), (len(latents),), device=latents.device)
    noise, alpha = torch.randn_like(latents), alphas[times].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    with autocast(latents.device):
        guess = unet(noisy, times, words).sample.float()
    errors = ((guess - velocity).square().mean(1) * weights).mean((1, 2))
    ratio = (alpha / (1 - alpha).clamp(min=1e-8)).flatten()
    weight = (ratio.clamp(max=snr_gamma) / (ratio + 1)).clamp(min=0.05)
    loss: Tensor = (weight * errors).sum() / weight.sum()
    return loss


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
