"""The autoencoder of the embedded model, trained until a recogniser knows its reconstructions.

Loss: L1 + SFace features and cosine on aligned faces + a light KL term and a pull of every latent
channel towards zero mean, because StableDiffusionPipeline scales latents but does not shift them.
Method: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models" (2022).
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training.studio.recogniser import Recogniser, align, alignment


@dataclass(frozen=True)
class VaeSettings:
    """One training run. The recogniser judges `judged` pictures of each batch."""

    minutes: float = 20.0
    batch: int = 8
    judged: int = 4
    crop_px: int = 96
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    identity_weight: float = 0.35
    feature_weight: float = 0.25
    kl_weight: float = 2e-5
    mean_weight: float = 1e-3
    ema: float = 0.995
    seed: int = 0
    save_every_s: float = 120.0


def build_vae() -> AutoencoderKL:
    """f4 with four latent channels, 2.6 M parameters, no attention."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=16,
        mid_block_add_attention=False,
        sample_size=128,
    )


class Pictures:
    """Training pictures: uint8 (n, h, w, 3) RGB; landmarks (n, 5, 2) px, NaN where no face is."""

    def __init__(self, images: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float32]) -> None:
        found = np.isfinite(landmarks).all(axis=(1, 2))
        self._images, self._landmarks = images, landmarks
        self._rows = np.flatnonzero(found)

    def batch(self, rng: np.random.Generator, size: int, crop_px: int) -> tuple[Tensor, Tensor]:
        """Face crops (size, 3, crop, crop) in [0, 1] and their alignment matrices (size, 2, 3)."""
        crops, matrices = [], []
        side = self._images.shape[1]
        for row in rng.choice(self._rows, size):
            points = self._landmarks[row]
            centre = points.mean(0) + rng.normal(0, 4, 2)
            corner = np.clip(centre - crop_px / 2, 0, side - crop_px).astype(int)
            x, y = int(corner[0]), int(corner[1])
            crops.append(self._images[row, y : y + crop_px, x : x + crop_px])
            matrices.append(alignment(points - corner.astype(np.float32)))
        pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        return pixels, torch.from_numpy(np.stack(matrices))


def vae_loss(
    vae: AutoencoderKL, judge: Recogniser, pixels: Tensor, matrices: Tensor, settings: VaeSettings
) -> tuple[Tensor, dict[str, float]]:
    """Loss of one batch and its parts; pixels (n, 3, h, w) in [0, 1]."""
    posterior = vae.encode(pixels * 2 - 1).latent_dist
    latents = posterior.sample()
    painted = (vae.decode(latents).sample.float() + 1) / 2
    l1 = (painted - pixels).abs().mean()
    some = slice(settings.judged)
    wanted, wanted_maps = judge(align(pixels[some], matrices[some]))
    got, got_maps = judge(align(painted[some], matrices[some]))
    cosine = (wanted.float() * got.float()).sum(1).mean()
    features = torch.stack(
        [
            (1 - functional.cosine_similarity(a.float(), b.float(), dim=1)).mean()
            for a, b in zip(wanted_maps[:3], got_maps[:3], strict=True)
        ]
    ).mean()
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
    drift = mean.mean(dim=(0, 2, 3)).pow(2).sum()
    loss = (
        l1
        + settings.identity_weight * (1 - cosine)
        + settings.feature_weight * features
        + settings.kl_weight * kl
        + settings.mean_weight * drift
    )
    return loss, {"loss": loss.item(), "l1": l1.item(), "cosine": cosine.item(), "kl": kl.item()}


def train_vae(
    pictures: Pictures, sface: Path, folder: Path, settings: VaeSettings, device: str = "cpu"
) -> AutoencoderKL:
    """Train, or resume from `folder/state.pt`, until the minutes are used; saves `folder/vae`."""
    torch.manual_seed(settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    vae = build_vae().to(device)
    average = build_vae().to(device).requires_grad_(False)
    average.load_state_dict(vae.state_dict())
    judge = Recogniser(sface).to(device).eval()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99))
    used_s, step = _resume(folder, vae, average, optimizer)
    rng = np.random.default_rng(settings.seed + step)
    started = saved = time.monotonic()
    budget_s = settings.minutes * 60
    with tqdm(total=round(budget_s), initial=round(used_s), unit="s", desc="vae") as bar:
        while (elapsed := used_s + time.monotonic() - started) < budget_s:
            _set_rate(optimizer, settings, step, elapsed / budget_s)
            pixels, matrices = pictures.batch(rng, settings.batch, settings.crop_px)
            with torch.autocast(device.split(":")[0], torch.bfloat16):
                loss, parts = vae_loss(vae, judge, pixels.to(device), matrices.to(device), settings)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
            optimizer.step()
            _average(average, vae, min(settings.ema, (step + 1) / (step + 10)))
            step += 1
            if step % 20 == 0:
                bar.update(round(elapsed) - bar.n)
                bar.set_postfix({name: f"{value:.3f}" for name, value in parts.items()})
                with (folder / "losses.jsonl").open("a") as log:
                    log.write(json.dumps({"step": step, "elapsed_s": elapsed, **parts}) + "\n")
            if time.monotonic() - saved > settings.save_every_s:
                saved = time.monotonic()
                _save(folder, vae, average, optimizer, elapsed, step)
    _save(folder, vae, average, optimizer, budget_s, step)
    _set_scaling(average, pictures, rng)
    average.save_pretrained(folder / "vae")
    return average


@torch.no_grad()
def _set_scaling(vae: AutoencoderKL, pictures: Pictures, rng: np.random.Generator) -> None:
    """Make scaled latents unit-variance, as the diffusion model expects them."""
    pixels, _ = pictures.batch(rng, 64, 96)
    latents = vae.encode(pixels.to(vae.device) * 2 - 1).latent_dist.mean
    vae.register_to_config(scaling_factor=float(1 / latents.std()))


@torch.no_grad()
def _average(average: AutoencoderKL, vae: AutoencoderKL, decay: float) -> None:
    for mean, value in zip(average.parameters(), vae.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def _set_rate(
    optimizer: torch.optim.Optimizer, settings: VaeSettings, step: int, done: float
) -> None:
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    cosine = 0.5 * (1 + float(np.cos(np.pi * min(done, 1.0))))
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * warm * max(cosine, 0.02)


def _save(
    folder: Path,
    vae: AutoencoderKL,
    average: AutoencoderKL,
    optimizer: torch.optim.Optimizer,
    used_s: float,
    step: int,
) -> None:
    state = {
        "vae": vae.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "used_s": used_s,
        "step": step,
    }
    partial = folder / "state.part"
    torch.save(state, partial)
    partial.replace(folder / "state.pt")


def _resume(
    folder: Path, vae: AutoencoderKL, average: AutoencoderKL, optimizer: torch.optim.Optimizer
) -> tuple[float, int]:
    file = folder / "state.pt"
    if not file.exists():
        return 0.0, 0
    state = torch.load(file, map_location=vae.device, weights_only=True)
    vae.load_state_dict(state["vae"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return float(state["used_s"]), int(state["step"])
