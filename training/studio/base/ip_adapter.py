"""The image-prompt adapter: reference pictures reach the base model as a face embedding.

IP-Adapter (Ye et al. 2023) in the FaceID form that diffusers loads: the UNet stays as it is; a
projection of the embedding and the keys and values of its tokens learn to paint a picture of an
actor from the embeddings of the actor's *other* pictures. The loss is the UNet's own (`denoising`),
the face's place weighing more. Knows nothing of how pictures are rendered.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from cluster.domain.identity.face import centroid
from cluster.providers.diffusers.folder import BaseFolder
from cluster.providers.diffusers.image_prompt import ImagePrompt, PromptShape
from training.ema import Ema
from training.loop import Budget, TrainingLoop, TrainingStep
from training.lora.objectives import objective_of
from training.schedule import Schedule
from training.studio.base.denoising import CaptionedLatents, denoising_loss
from training.studio.base.portraits import Portraits
from training.studio.base.text_encoder import token_ids
from training.studio.device import autocast, device_of
from training.studio.stage_run import run_stage

FOLDER, FILE = "ip_adapter", "ip_adapter.safetensors"
"""Where serving looks for it, in the pipeline's folder."""


@dataclass(frozen=True)
class ImagePromptRecipe:
    """Dropouts are shares of a batch; `face_weight` is the loss inside the face to that outside."""

    widening: int = 3
    tokens: int = 8
    learning_rate: float = 2e-3
    batch_size: int = 16
    image_dropout: float = 0.1
    caption_dropout: float = 0.1
    face_weight: float = 5.0
    snr_gamma: float = 5.0
    ema_decay: float = 0.9985
    seed: int = 0


class PromptBatches:
    """Random batches: what is to be painted, and after which other pictures of the same actor."""

    def __init__(
        self, data: CaptionedLatents, portraits: Portraits, recipe: ImagePromptRecipe
    ) -> None:
        self._data, self._portraits, self._recipe = data, portraits, recipe
        self._others = portraits.others()
        self._pictures = np.array(sorted(self._others), np.int64)
        known = portraits.embeddings[portraits.known]
        self.mean, self.spread = known.mean(0), float(known.std(0).mean())

    def rows(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Pictures of one batch, (n,), ascending."""
        return np.sort(rng.choice(self._pictures, self._recipe.batch_size))

    def prompts(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """Standardised centroids (n, dim) float32 of one to all of the actor's other pictures."""
        made = np.zeros((len(rows), self._portraits.embeddings.shape[1]), np.float32)
        for place, row in enumerate(rows):
            if rng.random() >= self._recipe.image_dropout:
                others = self._others[int(row)]
                some = rng.choice(others, rng.integers(1, len(others) + 1), replace=False)
                made[place] = centroid(self._portraits.embeddings[some])
        return torch.from_numpy((made - self.mean) / self.spread)

    def places(self, rows: NDArray[np.int64]) -> Tensor:
        """How much an error counts at each place, (n, 1, h, w) float32 with mean 1."""
        height, width = self._data.latents.shape[-2:]
        y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        x0, y0, x1, y1 = (side[:, None] for side in self._portraits.boxes[rows].T)
        inside = ((y >= y0) & (y <= y1))[:, :, None] & ((x >= x0) & (x <= x1))[:, None, :]
        weight = np.where(inside, self._recipe.face_weight, 1.0).astype(np.float32)
        return torch.from_numpy(weight / weight.mean((1, 2), keepdims=True))[:, None]


def train_image_prompt(
    pipeline: StableDiffusionPipeline,
    data: CaptionedLatents,
    portraits: Portraits,
    folder: Path,
    seconds: float,
    recipe: ImagePromptRecipe,
) -> ImagePrompt:
    """Install an image prompt in the pipeline's UNet and train it for ``seconds`` of wall clock.

    ``folder`` keeps the state; a second call goes on where the first was cut off. The adapter that
    is returned takes unit embeddings (n, dim) as the face encoder gives them.
    """
    device, unet = device_of(), pipeline.unet
    unet.requires_grad_(False)
    torch.manual_seed(recipe.seed)
    shape = PromptShape(portraits.embeddings.shape[1], recipe.widening, recipe.tokens)
    prompt, batches = ImagePrompt(unet, shape), PromptBatches(data, portraits, recipe)
    objective = objective_of(pipeline.scheduler, recipe.snr_gamma, tokens=0)

    def loss(step: TrainingStep) -> Tensor:
        rows = batches.rows(step.rng)
        texts = data.texts(rows, recipe.caption_dropout, step.rng)
        with torch.no_grad():
            words = pipeline.text_encoder(token_ids(pipeline.tokenizer, texts).to(device))[0]
        faces = batches.prompts(rows, step.rng).to(device)
        with autocast(device):
            prompt.show(faces, torch.ones(len(faces)))
        latents, places = data.rows(rows).to(device), batches.places(rows).to(device)
        found = denoising_loss(unet, objective, latents, words.float(), places)
        prompt.hide()
        return found

    optimizer = torch.optim.AdamW(
        prompt.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=1e-2
    )
    ema = Ema([*prompt.parameters()], recipe.ema_decay)
    budget = Budget(seconds=seconds)
    loop = TrainingLoop(loss, prompt, optimizer, budget, Schedule(), ema=ema, seed=recipe.seed)
    run_stage("ip_adapter", folder, loop)
    ema.settle()
    take_raw(prompt, batches.mean, batches.spread)
    return prompt


@torch.no_grad()
def take_raw(prompt: ImagePrompt, mean: NDArray[np.float32], spread: float) -> None:
    """Fold the standardisation of the embeddings by ``mean`` (dim,) and ``spread`` into the first
    layer.

    Rendered strangers resemble one another: without it, what tells them apart would be a small
    part of what the layer sees.
    """
    first = prompt.projection.ff.net[0].proj
    first.weight /= spread
    first.bias -= first.weight @ torch.from_numpy(mean).to(first.weight)


def save_image_prompt(prompt: ImagePrompt, base: BaseFolder, face_model: str) -> Path:
    """Write the adapter beside the base model, float16; returns its file.

    `load_ip_adapter(folder, subfolder="ip_adapter", weight_name=..., image_encoder_folder=None)` of
    diffusers reads it. The header says whose embeddings it takes and what it was trained on.
    """
    path = base.folder / FOLDER / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: value.detach().half().contiguous().cpu() for key, value in prompt.tensors().items()
    }
    metadata = {
        "format": "pt",
        "face_model": face_model,
        "base_model": base.id,
        "base_sha256": base.sha256,
    }
    save_file(tensors, path, metadata)
    return path
