"""Kairo's adapter: many renders of one actor, learned by the same code as every other adapter.

What differs is the set: hundreds of pictures instead of some forty, each with several wordings,
renders of other people instead of painted ones, and a time to be done by instead of looks. The
loss that recognises a face goes by the references.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from peft.utils import get_peft_model_state_dict
from tqdm.auto import tqdm

from cluster.domain.identity.face import centroid
from cluster.ports import FaceEncoder
from cluster.providers import face_encoder
from cluster.providers.calibrations import load_calibration
from cluster.providers.diffusers.folder import STUDIO_ID
from cluster.settings import IdentitySettings, Recipe
from training.lora.adapter_writer import AdapterHeader, adapter_bytes
from training.lora.batch_sampler import BatchSampler
from training.lora.detail_weights import FaceDetail
from training.lora.families import UNetDenoiser
from training.lora.identity_loss import IdentityLoss
from training.lora.latent_cache import CaptionedImages, LatentCache
from training.lora.objectives import Objective, objective_of
from training.lora.presets import PRESETS
from training.lora.probe import PictureScore, ProbeScore
from training.lora.recogniser import recogniser_of
from training.lora.run import Run, State
from training.lora.trainer import LoraTrainer
from training.studio.base.loop import device_of

BASE_MODEL = STUDIO_ID
UNLIMITED = 1_000_000

Captioned = tuple[NDArray[np.uint8], Sequence[Sequence[str]]]
"""Pictures (N, H, W, 3) and the wordings of each one's caption."""


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

    def full(self, seconds: float) -> Recipe:
        """The embedded model's preset with this, for as many steps as ``seconds`` hold."""
        changes = asdict(self) | {
            "alpha": self.rank,
            "steps": UNLIMITED,
            "min_steps": 1,
            "max_minutes": seconds / 60,
            "probes": 0,
        }
        return Recipe.model_validate(PRESETS["studio"].model_dump() | changes)


class FolderHooks:
    """Checkpoints in a folder and a progress bar; one worker, no looks."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "adapter.pt"
        self._bar = tqdm(desc="adapter", mininterval=5.0)

    def scores(self) -> list[PictureScore]:
        return []

    def agree(self, total: int) -> int:
        return total

    def save(self, state: State) -> None:
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)

    def tell(self, step: int, total: int, loss: float, probe: ProbeScore | None) -> bool:  # noqa: ARG002
        self._bar.total = None if total == UNLIMITED else total
        self._bar.update(step - self._bar.n)
        return True


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
    references: Sequence[NDArray[np.uint8]],
    details: Sequence[FaceDetail],
    folder: Path,
    seconds: float,
    recipe: AdapterRecipe,
) -> None:
    """Add an adapter to the pipeline's UNet and train it for ``seconds`` of wall clock; a second
    call on the same folder goes on. ``references``, (H, W, 3) each, say whose face it should be,
    ``details`` where in it to look closely."""
    began, full = time.monotonic(), recipe.full(seconds)
    denoiser = UNetDenoiser(pipeline, "unet")
    encoder = face_encoder(IdentitySettings())
    faces = [next(iter(encoder.faces(picture)), None) for picture in actor[0]]
    objective = objective_of(pipeline.scheduler, full.snr_gamma, tokens=0)
    sampler = BatchSampler(
        LatentCache(denoiser, CaptionedImages(*actor, faces), details, full.detail_weight),
        LatentCache(denoiser, CaptionedImages(*others)),
        denoiser.encode_prompts([""])[0],
        objective,
        full,
    )
    identity = _identity_loss(denoiser, objective, encoder, references)
    trainer = LoraTrainer(denoiser, sampler, full, identity=identity)
    folder.mkdir(parents=True, exist_ok=True)
    hooks = FolderHooks(folder)
    run = Run(trainer, full, hooks, started=began)
    if hooks.path.exists():
        run.restore(torch.load(hooks.path, weights_only=True))
    run.go()
    trainer.settle()


def _identity_loss(
    denoiser: UNetDenoiser,
    objective: Objective,
    encoder: FaceEncoder,
    references: Sequence[NDArray[np.uint8]],
) -> IdentityLoss:
    settings = IdentitySettings()
    calibration = load_calibration(settings, encoder.model, "studio")
    seen = [faces[0].embedding for faces in map(encoder.faces, references) if faces]
    return IdentityLoss(
        denoiser,
        objective,
        recogniser_of(settings).to(device_of()),
        known=centroid(calibration.centred(np.stack(seen))),
        centre=calibration.centre,
    )


def save(
    pipeline: StableDiffusionPipeline,
    path: Path,
    recipe: AdapterRecipe,
    base_sha256: str,
    trigger: str,
) -> None:
    """Write the file that is served, ``char_<trigger>_v1``; the header says what it fits."""
    config = pipeline.unet.peft_config["default"]
    header = AdapterHeader(
        character_id=trigger,
        version=1,
        base_model=BASE_MODEL,
        base_sha256=base_sha256,
        family="unet",
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
