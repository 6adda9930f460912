"""A LoRA adapter for one rendered actor, in the format the product imports.

DreamBooth-style (Ruiz et al. 2023): captions name the actor with a trigger word, and pictures of
other people, captioned without it, keep the word from meaning everyone. Low-rank factors
(Hu et al. 2021) on the UNet's attention and convolutions; min-SNR weights as in `base`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from training.studio.loop import Loop, autocast, device_of
from training.studio.vae import encode

BASE_MODEL = "cineai/studio"
TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2",
    "conv1", "conv2", "conv_shortcut", "time_emb_proj", "conv", "conv_in", "conv_out",
)  # fmt: skip
"""Every linear layer and convolution of the UNet's blocks."""

Captioned = tuple[NDArray[np.uint8], Sequence[Sequence[str]]]
"""Pictures (N, H, W, 3) and the wordings of each one's caption."""


@dataclass(frozen=True)
class AdapterRecipe:
    """``prior`` is the share of other people's pictures in a batch."""

    rank: int = 32
    rate: float = 1.5e-3
    batch: int = 16
    prior: float = 0.125
    dropout: float = 0.05
    gamma: float = 5.0
    seed: int = 0


class Examples:
    """Latents of captioned pictures and the text encoder's reading of each wording."""

    def __init__(self, pipeline: StableDiffusionPipeline, captioned: Captioned) -> None:
        pictures, wordings = captioned
        scale = pipeline.vae.config.scaling_factor
        self.latents = encode(pipeline.vae, pictures).float() * scale
        self.words = [read(pipeline, list(texts)) for texts in wordings]

    def draw(self, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (count, 4, h, w) and text (count, tokens, width) of random examples."""
        rows = rng.integers(0, len(self.latents), count)
        words = [self.words[row][int(rng.integers(len(self.words[row])))] for row in rows]
        return self.latents[rows], torch.stack(words)


@torch.no_grad()
def read(pipeline: StableDiffusionPipeline, texts: list[str]) -> torch.Tensor:
    """The text encoder's hidden states, (N, tokens, width) float32."""
    ids = pipeline.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
    states: torch.Tensor = pipeline.text_encoder(ids.input_ids.to(device_of()))[0].float()
    return states


def train(
    pipeline: StableDiffusionPipeline,
    actor: Captioned,
    others: Captioned,
    folder: Path,
    seconds: float,
    recipe: AdapterRecipe,
) -> None:
    """Add an adapter to the pipeline's UNet and train it for ``seconds`` of wall clock."""
    device = device_of()
    own, prior = Examples(pipeline, actor), Examples(pipeline, others)
    nothing = read(pipeline, [""])[0]
    unet = pipeline.unet
    unet.requires_grad_(False)
    torch.manual_seed(recipe.seed)
    unet.add_adapter(
        LoraConfig(r=recipe.rank, lora_alpha=recipe.rank, target_modules=list(TARGETS))
    )
    weights = [weight for weight in unet.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, recipe.rate, betas=(0.9, 0.98), weight_decay=1e-2)
    held = torch.nn.ParameterList(weights)
    loop = Loop("adapter", folder, seconds, {"adapter": held}, optimiser, recipe.rate)
    alphas = pipeline.scheduler.alphas_cumprod.to(device)
    rng = np.random.default_rng(recipe.seed + loop.step)
    unet.train()
    guests = max(1, round(recipe.batch * recipe.prior))
    for _ in loop:
        mine, theirs = own.draw(recipe.batch - guests, rng), prior.draw(guests, rng)
        latents = torch.cat([mine[0], theirs[0]]).to(device)
        words = torch.cat([mine[1], theirs[1]]).to(device)
        words[torch.from_numpy(rng.random(len(words)) < recipe.dropout)] = nothing
        loop.learn(velocity_loss(unet, alphas, latents, words, recipe.gamma))
    unet.eval()


def velocity_loss(
    unet: UNet2DConditionModel,
    alphas: torch.Tensor,
    latents: torch.Tensor,
    words: torch.Tensor,
    gamma: float,
) -> torch.Tensor:
    """Squared error of the predicted velocity, min-SNR weighted, at random times."""
    times = torch.randint(0, len(alphas), (len(latents),), device=latents.device)
    noise, alpha = torch.randn_like(latents), alphas[times].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    with autocast(latents.device):
        guess = unet(noisy, times, words).sample.float()
    ratio = (alpha / (1 - alpha).clamp(min=1e-8)).flatten()
    weight = (ratio.clamp(max=gamma) / (ratio + 1)).clamp(min=0.05)
    loss: torch.Tensor = (weight * (guess - velocity).square().mean((1, 2, 3))).sum() / weight.sum()
    return loss


def save(
    pipeline: StableDiffusionPipeline,
    path: Path,
    recipe: AdapterRecipe,
    base_sha256: str,
    trigger: str,
) -> None:
    """Write plain PEFT keys under ``unet.`` as float16; the header says what it fits."""
    state = get_peft_model_state_dict(pipeline.unet)
    tensors = {f"unet.{key}": value.half().contiguous().cpu() for key, value in state.items()}
    config = {
        "r": recipe.rank,
        "lora_alpha": recipe.rank,
        "target_modules": sorted(TARGETS),
        "lora_dropout": 0.0,
        "bias": "none",
    }
    metadata = {
        "format": "pt",
        "base_model": BASE_MODEL,
        "base_sha256": base_sha256,
        "rank": str(recipe.rank),
        "alpha": str(recipe.rank),
        "trigger": trigger,
        "lora_adapter_metadata": json.dumps({f"unet.{k}": v for k, v in config.items()}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
