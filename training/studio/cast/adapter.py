"""Kairo's adapter: many renders of one actor, learned by the same code as every other adapter.

What differs is the set: hundreds of pictures instead of some forty, each with several wordings,
renders of other people instead of painted ones, and a time to be done by instead of looks. The
loss that recognises a face goes by the references.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from peft.utils import get_peft_model_state_dict

from cluster.identity_judge import known_face
from cluster.providers import face_encoder
from cluster.providers.calibrations import load_calibration
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import IdentitySettings, Recipe
from training.loop import Budget
from training.lora.adapter_writer import AdapterHeader, adapter_bytes
from training.lora.batch_sampler import BatchSampler
from training.lora.detail_weights import FaceDetail
from training.lora.families import UNetDenoiser
from training.lora.identity_loss import pack_identity_loss
from training.lora.latent_cache import CaptionedImages, LatentCache
from training.lora.objectives import objective_of
from training.lora.presets import PRESETS
from training.lora.trainer import LoraTrainer
from training.studio.stage_run import run_stage


@dataclass(frozen=True)
class AdapterRecipe:
    """``prior_share`` is the share of other people's pictures in a batch. A set of hundreds of
    pictures can afford to look closer at details than one of forty."""

    rank: int = 32
    learning_rate: float = 1.5e-3
    batch_size: int = 16
    prior_share: float = 0.125
    detail_weight: float = 25.0
    seed: int = 0

    def full(self) -> Recipe:
        """The embedded model's preset with this."""
        preset = PRESETS["studio"].model_dump()
        return Recipe.model_validate(preset | asdict(self) | {"alpha": self.rank})


def train_actor(
    pipeline: StableDiffusionPipeline,
    actor: CaptionedImages,
    others: CaptionedImages,
    references: Sequence[NDArray[np.uint8]],
    details: Sequence[FaceDetail],
    folder: Path,
    seconds: float,
    recipe: AdapterRecipe,
) -> None:
    """Add an adapter to the pipeline's UNet and train it for ``seconds`` of wall clock; a second
    call on the same folder goes on. ``references``, (h, w, 3) uint8 RGB each, say whose face it
    should be, ``details`` where in it to look closely."""
    full, denoiser = recipe.full(), UNetDenoiser(pipeline, "unet")
    settings = IdentitySettings()
    encoder = face_encoder(settings)
    faces = [next(iter(encoder.faces(picture)), None) for picture in actor.pixels]
    objective = objective_of(pipeline.scheduler, full.snr_gamma, tokens=0)
    sampler = BatchSampler(
        LatentCache(denoiser, replace(actor, faces=faces), details, full.detail_weight),
        LatentCache(denoiser, others),
        denoiser.encode_prompts([""])[0],
        objective,
        full,
    )
    calibration = load_calibration(settings, encoder.model, "studio")
    identity = pack_identity_loss(
        settings,
        denoiser,
        objective,
        known=known_face(references, encoder, calibration),
        calibration=calibration,
    )
    budget = Budget(seconds=seconds)
    trainer = LoraTrainer(denoiser, sampler, full, identity=identity, budget=budget)
    run_stage("adapter", folder, trainer.loop)
    trainer.ema.settle()


def save_actor_adapter(
    pipeline: StableDiffusionPipeline,
    path: Path,
    recipe: AdapterRecipe,
    base: BaseFolder,
    trigger: str,
) -> None:
    """Write the file that is served, ``char_<trigger>_v1``; the header says what it fits."""
    config = pipeline.unet.peft_config["default"]
    header = AdapterHeader(
        character_id=trigger,
        version=1,
        base_model=base.id,
        base_sha256=base.sha256,
        family="sd",
        component="unet",
        manifest="",
        trigger=trigger,
        rank=recipe.rank,
        alpha=recipe.rank,
        targets=tuple(config.target_modules),
        resolution_px=pipeline.unet.config.sample_size * pipeline.vae_scale_factor,
        best_step=0,
        idr_before=None,
        idr_after=None,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(adapter_bytes(get_peft_model_state_dict(pipeline.unet), header))
