"""Stage three: the UNet of the embedded text-to-image model, and the text encoder it goes by.

v-prediction with zero terminal SNR (Lin et al. 2023), min-SNR weights (Hang et al. 2023), EMA and
caption dropout for classifier-free guidance (Ho and Salimans 2022), on cached latents. Knows
nothing of how pictures or captions are made. Flips are never used: left and right have meaning.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from cluster.providers.diffusers.profile import PROFILE_FILE
from training.ema import Ema
from training.loop import Budget, TrainingLoop, TrainingStep
from training.lora.objectives import objective_of
from training.schedule import Schedule
from training.studio.base.denoising import CaptionedLatents, denoising_loss
from training.studio.base.muon import Muon, is_kernel
from training.studio.base.text_encoder import token_ids
from training.studio.device import autocast, device_of
from training.studio.stage_run import run_stage

NOISE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
"""Arguments of the noise scheduler, in training and in painting."""

SHARD_SIZE = "13MB"
PROFILE = {
    "name": "cineai/studio",
    "domain": "studio",
    "dialect": "grammar",
    "steps": 12,
    "guidance": 3.0,
    "guidance_start_lora": 0.2,
    "negative_prompt": "",
    "training_preset": "studio",
    "licence": "Apache-2.0",
}
"""What the folder says of itself. No negative prompt: it was trained with empty captions alone. The
start of guidance was measured: the same face in more pictures, words obeyed no less."""


@dataclass(frozen=True)
class UNetRecipe:
    """One training; `minutes` is its budget, kept across resumes.

    The first `coarse_share` of it sees latents of half the resolution, a quarter of the cost:
    enough to learn which words go with which colours, shapes and places. Where marks, injuries and
    props show, an error counts 1 + `detail_weight` times: they are few pixels, and asked for.
    """

    minutes: float = 60.0
    coarse_share: float = 0.3
    coarse_batch_size: int = 40
    batch_size: int = 16
    learning_rate: float = 5e-4
    warmup_steps: int = 150
    caption_dropout: float = 0.1
    snr_gamma: float = 5.0
    ema_decay: float = 0.998
    detail_weight: float = 1.5
    channels: tuple[int, ...] = (32, 96, 192)
    text_width: int = 192
    text_layers: int = 3
    seed: int = 0


class TextToImage(NamedTuple):
    """The networks that are trained together."""

    tokenizer: CLIPTokenizer
    text: CLIPTextModel
    unet: UNet2DConditionModel


def build_unet(recipe: UNetRecipe, latent_px: int = 32) -> UNet2DConditionModel:
    """A UNet that attends everywhere but at its full resolution, for the CPU's sake."""
    lower = len(recipe.channels) - 1
    return UNet2DConditionModel(
        sample_size=latent_px,
        in_channels=4,
        out_channels=4,
        block_out_channels=recipe.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * lower),
        up_block_types=(*("CrossAttnUpBlock2D",) * lower, "UpBlock2D"),
        cross_attention_dim=recipe.text_width,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
    )


def take_over(unet: UNet2DConditionModel, start: UNet2DConditionModel) -> None:
    """Copy the weights of `start` into `unet`; blocks that only `unet` has add nothing at first."""
    unet.load_state_dict(start.state_dict(), strict=False)
    own = {name for name, _ in start.named_modules()}
    for name, module in unet.named_modules():
        if name not in own and name.endswith("proj_out"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)


class UNetTask:
    """The loss of a step: a random batch, coarse at first, with captions."""

    def __init__(self, model: TextToImage, data: CaptionedLatents, recipe: UNetRecipe) -> None:
        self._model, self._data, self._recipe = model, data, recipe
        scheduler = DDIMScheduler(**NOISE, clip_sample=False)
        self._objective = objective_of(scheduler, recipe.snr_gamma, tokens=0)

    def loss(self, step: TrainingStep) -> Tensor:
        """The denoising loss of the step's batch, a scalar."""
        recipe, device = self._recipe, device_of()
        coarse = step.progress < recipe.coarse_share
        size = recipe.coarse_batch_size if coarse else recipe.batch_size
        rows = np.sort(step.rng.choice(len(self._data.latents), size, replace=False))
        latents, places = self._data.rows(rows), self._places(rows)
        if coarse:
            latents, places = (functional.avg_pool2d(one, 2) for one in (latents, places))
        texts = self._data.texts(rows, recipe.caption_dropout, step.rng)
        ids = token_ids(self._model.tokenizer, texts).to(device)
        with autocast(device):
            words = self._model.text(ids).last_hidden_state
        return denoising_loss(
            self._model.unet, self._objective, latents.to(device), words, places.to(device)
        )

    def _places(self, rows: NDArray[np.int64]) -> Tensor:
        """How much an error counts at each place, (rows, 1, h, w), 1 where no detail shows."""
        shown = torch.from_numpy(self._data.details[rows].max(-1).astype(np.float32))[:, None]
        return 1 + self._recipe.detail_weight * shown / 255


def train_unet(
    tokenizer: CLIPTokenizer,
    text: CLIPTextModel,
    data: CaptionedLatents,
    folder: Path,
    recipe: UNetRecipe,
    start: UNet2DConditionModel | None = None,
) -> TextToImage:
    """Train UNet and text encoder until the minutes are used; returns them with averaged weights.

    A second call on the same folder goes on. ``start``: a trained UNet to begin from.
    """
    device = device_of()
    torch.manual_seed(recipe.seed)
    unet = build_unet(recipe)
    if start is not None:
        take_over(unet, start)
    if device.type == "cpu":
        # Plain matrix products: torch's fused attention is slow in its backward pass here.
        unet.set_attn_processor(AttnProcessor())
    networks = nn.ModuleDict({"unet": unet, "text": text}).to(device).train()
    unet.to(memory_format=torch.channels_last)
    kernels = [weight for weight in unet.parameters() if is_kernel(weight)]
    others = [weight for weight in unet.parameters() if not is_kernel(weight)]
    model, ema = TextToImage(tokenizer, text, unet), Ema([*networks.parameters()], recipe.ema_decay)
    loop = TrainingLoop(
        UNetTask(model, data, recipe).loss,
        networks,
        Muon(kernels, [*others, *text.parameters()], recipe.learning_rate),
        Budget(seconds=recipe.minutes * 60),
        Schedule(recipe.warmup_steps, floor=0.02),
        ema=ema,
        seed=recipe.seed,
    )
    run_stage("unet", folder, loop)
    ema.settle()
    return model


def pipeline_of(
    model: TextToImage, vae: AutoencoderTiny, recipe: UNetRecipe
) -> StableDiffusionPipeline:
    """A stock pipeline of the trained networks, float32, on the training device."""
    unet = build_unet(recipe)  # with the attention that painting is quickest with
    unet.load_state_dict(model.unet.state_dict())
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=model.text.eval(),
        tokenizer=model.tokenizer,
        unet=unet.eval(),
        scheduler=DPMSolverMultistepScheduler(**NOISE, algorithm_type="dpmsolver++"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(device_of())


def save_pipeline(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write the pipeline as float16 safetensors, no file over `SHARD_SIZE`, and its profile."""
    pipeline.to(torch.float16).save_pretrained(folder, max_shard_size=SHARD_SIZE)
    pipeline.to(torch.float32)
    for path in (folder / "model_index.json", *folder.glob("*/config.json")):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)  # diffusers notes from which folder it read a part
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / PROFILE_FILE).write_text(json.dumps(PROFILE, indent=2) + "\n")
