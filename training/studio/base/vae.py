"""Stage one: the autoencoder between pictures and latents, a diffusers `AutoencoderTiny`.

Factor 4, four channels. It is convolutional, so most of its training sees 64-px crops round
the face, which is four times cheaper than whole pictures and where identity is decided; then a
face recogniser judges aligned faces (`recogniser`), first of both halves, then of the
decoder alone, which leaves the latents and all that was trained on them as they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch.nn import functional

from training.loop import Budget, Loss, TrainingLoop, TrainingStep
from training.lora.recogniser import Recogniser, align, alignment
from training.schedule import Schedule
from training.studio.device import autocast, device_of
from training.studio.stage_run import run_stage

CROP_PX, FACE_CROP_PX = 64, 96


@dataclass(frozen=True)
class IdentityPhase:
    """A phase in which a recogniser judges ``batch_size`` faces a step, and what its word counts;
    ``encoder``: whether the encoder learns too."""

    name: str
    encoder: bool
    learning_rate: float
    identity_weight: float
    feature_weight: float
    batch_size: int = 4


@dataclass(frozen=True)
class VaeRecipe:
    """``width`` channels throughout; blocks per resolution from the picture to the latents."""

    width: int = 32
    encoder_blocks: tuple[int, ...] = (0, 2, 3)
    decoder_blocks: tuple[int, ...] = (3, 3, 1)
    batch_size: int = 12
    learning_rate: float = 2e-3
    latent_noise: float = 0.03
    both: IdentityPhase = IdentityPhase(
        "vae_judged", encoder=True, learning_rate=5e-4, identity_weight=0.35, feature_weight=0.3
    )
    decoder: IdentityPhase = IdentityPhase(
        "vae_decoder", encoder=False, learning_rate=6e-4, identity_weight=1.0, feature_weight=0.5
    )


def build_vae(recipe: VaeRecipe) -> AutoencoderTiny:
    """An untrained `AutoencoderTiny`."""
    levels = len(recipe.encoder_blocks)
    vae = AutoencoderTiny(
        encoder_block_out_channels=(recipe.width,) * levels,
        decoder_block_out_channels=(recipe.width,) * levels,
        num_encoder_blocks=recipe.encoder_blocks,
        num_decoder_blocks=recipe.decoder_blocks,
        latent_channels=4,
    )
    return vae.to(memory_format=torch.channels_last)


def crops(pictures: NDArray[np.uint8], count: int, rng: np.random.Generator) -> torch.Tensor:
    """Random crops, three in four on the face: (count, 3, 64, 64) float32 in [-1, 1].

    ``pictures`` (n, side, side, 3) uint8 RGB.
    """
    side = pictures.shape[1]
    out = np.empty((count, CROP_PX, CROP_PX, 3), np.uint8)
    for place, index in enumerate(rng.integers(0, len(pictures), count)):
        x, y = rng.integers(0, side - CROP_PX + 1, 2)
        if rng.random() < 0.75:
            x, y = (int(v) for v in rng.normal((side / 4, side / 5), side / 14))
            x, y = np.clip((x, y), 0, side - CROP_PX)
        out[place] = pictures[index, y : y + CROP_PX, x : x + CROP_PX]
    return torch.from_numpy(out).permute(0, 3, 1, 2).float() / 127.5 - 1


def landmarks(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The recogniser's five landmarks (5, 2) from a render's keypoints (k >= 7, 2) in [0, 1]."""
    left_eye, right_eye, nose, chin = points[0], points[1], points[6], points[5]
    mouth, across = nose + 0.63 * (chin - nose), 0.4 * (left_eye - right_eye)
    return np.stack([right_eye, left_eye, nose, mouth - across, mouth + across])


def faces(
    pictures: NDArray[np.uint8], points: NDArray[np.float32], count: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Face crops (count, 3, 96, 96) float32 in [-1, 1], and their alignment matrices (count, 2, 3).

    ``pictures`` (n, side, side, 3) uint8 RGB; ``points`` (n, k >= 7, 2) keypoints in [0, 1].
    """
    side = pictures.shape[1]
    out, matrices = [], []
    for index in rng.integers(0, len(points), count):
        five = landmarks(points[index]) * side
        corner = np.clip(
            five.mean(0) + rng.normal(0, 4, 2) - FACE_CROP_PX / 2, 0, side - FACE_CROP_PX
        )
        x, y = (int(v) for v in corner)
        out.append(pictures[index, y : y + FACE_CROP_PX, x : x + FACE_CROP_PX])
        matrices.append(alignment((five - np.array([x, y])).astype(np.float32)))
    pixels = torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels, torch.from_numpy(np.stack(matrices))


def edges(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences between neighbours, (n, 3, h, w - 1) across and (n, 3, h - 1, w) down."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


def reconstruction_loss(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared and absolute error of pixels (n, 3, h, w), and absolute error of their edges."""
    loss = functional.mse_loss(made, true) + 0.5 * functional.l1_loss(made, true)
    for ours, theirs in zip(edges(made), edges(true), strict=True):
        loss = loss + 0.5 * functional.l1_loss(ours, theirs)
    return loss


def latent_loss(latents: torch.Tensor, weight: float) -> torch.Tensor:
    """Pulls each channel of latents (n, 4, h, w) to mean 0 and variance 1: the pipeline has a scale
    but no shift."""
    mean, variance = latents.mean((0, 2, 3)), latents.var((0, 2, 3))
    return weight * (mean.square().mean() + (variance - 1).abs().mean())


def identity_loss(
    judge: Recogniser,
    made: torch.Tensor,
    true: torch.Tensor,
    matrices: torch.Tensor,
    phase: IdentityPhase,
) -> torch.Tensor:
    """Perceptual loss: how differently the recogniser sees two batches of faces, by embedding and
    by early features. Faces (n, 3, 96, 96) in [-1, 1], ``matrices`` (n, 2, 3)."""
    with torch.no_grad():
        wanted, wanted_maps = judge(align(true * 0.5 + 0.5, matrices))
    got, got_maps = judge(align(made * 0.5 + 0.5, matrices))
    near = torch.stack(
        [
            functional.cosine_similarity(a.float(), b.float(), dim=1).mean()
            for a, b in zip(wanted_maps[:3], got_maps[:3], strict=True)
        ]
    ).mean()
    same = (wanted.float() * got.float()).sum(1).mean()
    loss: torch.Tensor = phase.identity_weight * (1 - same) + phase.feature_weight * (1 - near)
    return loss


def pass_through(
    vae: AutoencoderTiny, true: torch.Tensor, noise: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (n, 4, h/4, w/4) and reconstructions (n, 3, h, w) of pictures in [-1, 1], float32; a
    little noise on the latents makes the decoder forgiving."""
    with autocast(true.device):
        latents = vae.encoder(true).float()
        made = vae.decoder(latents + noise * torch.randn_like(latents)).float()
    return latents, made


def train_vae(
    pictures: NDArray[np.uint8], folder: Path, seconds: float, recipe: VaeRecipe
) -> AutoencoderTiny:
    """First phase, resumable: pixels and edges for ``seconds`` of wall clock; returns the VAE.

    ``pictures`` (n, side, side, 3) uint8 RGB.
    """
    device = device_of()
    vae = build_vae(recipe).to(device)

    def loss(step: TrainingStep) -> torch.Tensor:
        true = _on(device, crops(pictures, recipe.batch_size, step.rng))
        latents, made = pass_through(vae, true, recipe.latent_noise)
        return reconstruction_loss(made, true) + latent_loss(latents, 3e-3)

    optimizer = _adamw(vae.parameters(), recipe.learning_rate)
    _run_phase("vae", folder, seconds, vae, loss, optimizer)
    return vae.eval()


def train_judged(
    vae: AutoencoderTiny,
    judge: Recogniser,
    pictures: NDArray[np.uint8],
    points: NDArray[np.float32],
    folder: Path,
    seconds: float,
    noise: float,
    phase: IdentityPhase,
) -> AutoencoderTiny:
    """A later phase: as the first, with a recogniser judging faces; ``points`` (n, k >= 7, 2)."""
    device = device_of()
    vae.train()
    vae.encoder.requires_grad_(phase.encoder)
    judge = judge.to(device).eval()

    def loss(step: TrainingStep) -> torch.Tensor:
        crops_of, matrices = faces(pictures, points, phase.batch_size, step.rng)
        true = _on(device, crops_of)
        latents, made = pass_through(vae, true, noise)
        with autocast(device):
            identity = identity_loss(judge, made, true, matrices.to(device), phase)
        return reconstruction_loss(made, true) + latent_loss(latents, 2e-2) + identity

    learned = (weight for weight in vae.parameters() if weight.requires_grad)
    optimizer = _adamw(learned, phase.learning_rate)
    _run_phase(phase.name, folder, seconds, vae, loss, optimizer)
    return vae.eval()


def _on(device: torch.device, pictures: torch.Tensor) -> torch.Tensor:
    """In the memory order of the VAE's weights, channels last."""
    return pictures.to(device).contiguous(memory_format=torch.channels_last)


def _adamw(weights: Iterable[torch.nn.Parameter], learning_rate: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(weights, learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)


def _run_phase(
    name: str,
    folder: Path,
    seconds: float,
    vae: AutoencoderTiny,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
) -> None:
    loop = TrainingLoop(loss, vae, optimizer, Budget(seconds=seconds), Schedule(), seed=1)
    run_stage(name, folder, loop)


@torch.no_grad()
def encode_pictures(
    vae: AutoencoderTiny, pictures: NDArray[np.uint8], batch_size: int = 32
) -> torch.Tensor:
    """Unscaled latents (n, 4, h/4, w/4) float16 on the CPU, of pictures (n, h, w, 3) uint8 RGB."""
    device = device_of()
    made = []
    for start in range(0, len(pictures), batch_size):
        part = torch.from_numpy(np.ascontiguousarray(pictures[start : start + batch_size]))
        part = part.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        with autocast(device):
            made.append(vae.encoder(_on(device, part)).half().cpu())
    return torch.cat(made)


@torch.no_grad()
def decode_latents(
    vae: AutoencoderTiny, latents: torch.Tensor, batch_size: int = 32
) -> NDArray[np.uint8]:
    """Pictures (n, h, w, 3) uint8 RGB of unscaled latents (n, 4, h/4, w/4)."""
    device = device_of()
    made = []
    for start in range(0, len(latents), batch_size):
        with autocast(device):
            out = vae.decoder(latents[start : start + batch_size].to(device).float()).float()
        made.append(((out.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu())
    pictures: NDArray[np.uint8] = torch.cat(made).numpy()
    return pictures
