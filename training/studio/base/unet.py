"""The embedded text-to-image model: a UNet, and the small CLIP text encoder that it goes by.

v-prediction with zero terminal SNR (Lin et al. 2023), min-SNR weights (Hang et al. 2023), EMA and
caption dropout for classifier-free guidance (Ho and Salimans 2022), on cached latents. Knows
nothing of how pictures or captions are made. Flips are never used: left and right have meaning.
"""

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.studio.base.muon import Muon, is_kernel

SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
SHARD_SIZE = "13MB"


@dataclass(frozen=True)
class BaseSettings:
    """One training run; `minutes` is its budget, kept across resumes.

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
    save_every_s: float = 180.0


def build_text_encoder(tokenizer: CLIPTokenizer, settings: BaseSettings) -> CLIPTextModel:
    """A CLIP text encoder of `text_width` x `text_layers`."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.text_width,
            intermediate_size=settings.text_width * 4,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=6,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=settings.text_width,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet(settings: BaseSettings, latent_px: int = 32) -> UNet2DConditionModel:
    """A UNet that attends everywhere but at its full resolution, for the CPU's sake."""
    lower = len(settings.channels) - 1
    return UNet2DConditionModel(
        sample_size=latent_px,
        in_channels=4,
        out_channels=4,
        block_out_channels=settings.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * lower),
        up_block_types=(*("CrossAttnUpBlock2D",) * lower, "UpBlock2D"),
        cross_attention_dim=settings.text_width,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
    )


def take_over(unet: UNet2DConditionModel, start: UNet2DConditionModel) -> None:
    """Copy the weights of `start` into `unet`; blocks that only `unet` has add nothing at first."""
    unet.load_state_dict(start.state_dict(), strict=False)
    own = {name for name, _ in start.named_modules()}
    for name, module in unet.named_modules():
        if name not in own and name.endswith("proj_out"):
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)


class Trainer:
    """Owns the models, their averages and the optimiser of one run; resumable."""

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        folder: Path,
        settings: BaseSettings,
        device: str = "cpu",
        text: CLIPTextModel | None = None,
        start: UNet2DConditionModel | None = None,
    ) -> None:
        """`start`: a trained UNet to begin from; what it lacks starts without effect."""
        torch.manual_seed(settings.seed)
        self._tokenizer, self._folder, self._settings = tokenizer, folder, settings
        self._device = torch.device(device)
        self.text = (text or build_text_encoder(tokenizer, settings)).to(device)
        self.unet = build_unet(settings).to(device, memory_format=torch.channels_last)
        if start is not None:
            take_over(self.unet, start)
        if self._device.type == "cpu":
            # Plain matrix products: torch's fused attention is slow in its backward pass here.
            self.unet.set_attn_processor(AttnProcessor())
        kernels = [weight for weight in self.unet.parameters() if is_kernel(weight)]
        others = [weight for weight in self.unet.parameters() if not is_kernel(weight)]
        others += self.text.parameters()
        self._weights = [*self.unet.parameters(), *self.text.parameters()]
        self._average = [weight.detach().clone() for weight in self._weights]
        self._optimizer = Muon(kernels, others, settings.learning_rate)
        self._alphas = DDIMScheduler(**SCHEDULE, clip_sample=False).alphas_cumprod.to(device)
        self.used_s, self.step, self.seen = 0.0, 0, 0
        self._resume()

    def run(
        self,
        latents: npt.NDArray[np.float16],
        captions: list[list[str]],
        details: npt.NDArray[np.uint8],
    ) -> None:
        """Train until the minutes are used.

        Args:
            latents: (n, 4, h, w), scaled to unit variance; may be a memory map.
            captions: per picture, at least one wording of its caption.
            details: (n, h, w, kinds), 255 where marks, injuries and props show.
        """
        settings, budget_s = self._settings, self._settings.minutes * 60
        rng = np.random.default_rng(settings.seed + self.step)
        base_s, started = self.used_s, time.monotonic()
        saved, losses = started, list[float]()
        self.text.train()
        self.unet.train()
        with tqdm(total=round(budget_s), initial=round(base_s), unit="s", desc="base") as bar:
            while self.used_s < budget_s:
                coarse = self.used_s < settings.coarse_share * budget_s
                size = settings.coarse_batch_size if coarse else settings.batch_size
                rows = np.sort(rng.choice(len(latents), size, replace=False))
                batch = torch.from_numpy(np.asarray(latents[rows], dtype=np.float32))
                shown = torch.from_numpy(details[rows].max(-1).astype(np.float32))[:, None]
                weight = 1 + settings.detail_weight * shown / 255
                if coarse:
                    batch, weight = (functional.avg_pool2d(one, 2) for one in (batch, weight))
                texts = [self._wording(captions[row], rng) for row in rows]
                losses.append(
                    self._train_step(batch.to(self._device), weight.to(self._device), texts)
                )
                self.used_s = base_s + time.monotonic() - started
                if self.step % 50 == 0:
                    bar.update(round(self.used_s) - bar.n)
                    self._log(float(np.mean(losses[-50:])))
                if time.monotonic() - saved > settings.save_every_s:
                    saved = time.monotonic()
                    self.save()
        self.save()

    def pipeline(self, vae: AutoencoderTiny) -> StableDiffusionPipeline:
        """A stock pipeline of the averaged weights, float32, on the training device."""
        unet, text = build_unet(self._settings), copy.deepcopy(self.text)
        with torch.no_grad():
            for weight, mean in zip(
                (*unet.parameters(), *text.parameters()), self._average, strict=True
            ):
                weight.copy_(mean)
        return StableDiffusionPipeline(
            vae=vae,
            text_encoder=text.eval(),
            tokenizer=self._tokenizer,
            unet=unet.eval(),
            scheduler=DPMSolverMultistepScheduler(**SCHEDULE, algorithm_type="dpmsolver++"),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).to(self._device)

    def save(self) -> None:
        """Write everything a resume needs, atomically."""
        self._folder.mkdir(parents=True, exist_ok=True)
        state = {
            "text": self.text.state_dict(),
            "unet": self.unet.state_dict(),
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "used_s": self.used_s,
            "step": self.step,
            "seen": self.seen,
        }
        partial = self._folder / "state.part"
        torch.save(state, partial)
        partial.replace(self._folder / "state.pt")

    def _resume(self) -> None:
        file = self._folder / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, map_location=self._device, weights_only=True)
        self.text.load_state_dict(state["text"])
        self.unet.load_state_dict(state["unet"])
        self._average = state["average"]
        self._optimizer.load_state_dict(state["optimizer"])
        self.used_s, self.step = float(state["used_s"]), int(state["step"])
        self.seen = int(state["seen"])

    def _wording(self, wordings: list[str], rng: np.random.Generator) -> str:
        if rng.random() < self._settings.caption_dropout:
            return ""
        return wordings[int(rng.integers(len(wordings)))]

    def _train_step(self, latents: Tensor, shown: Tensor, texts: list[str]) -> float:
        settings = self._settings
        self._set_rate()
        ids = self._tokenizer(
            texts, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids.to(self._device)
        steps = torch.randint(0, len(self._alphas), (len(latents),), device=self._device)
        noise = torch.randn_like(latents)
        alpha = self._alphas[steps].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        with torch.autocast(self._device.type, torch.bfloat16):
            words = self.text(ids).last_hidden_state
            guess = self.unet(noisy, steps, words).sample
        snr = (alpha / (1 - alpha).clamp(min=1e-8)).flatten()
        weight = (snr.clamp(max=settings.snr_gamma) / (snr + 1)).clamp(min=0.05)
        error = (shown * (guess.float() - velocity).pow(2)).mean(dim=(1, 2, 3))
        loss = (weight * error).sum() / weight.sum()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        self.step += 1
        self.seen += len(latents)
        decay = min(settings.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._weights, 1 - decay)
        return float(loss.item())

    def _set_rate(self) -> None:
        done = min(self.used_s / (self._settings.minutes * 60), 1.0)
        warm = min(1.0, (self.step + 1) / self._settings.warmup_steps)
        cosine = 0.5 * (1 + float(np.cos(np.pi * done)))
        self._optimizer.set_rate(self._settings.learning_rate * warm * max(cosine, 0.02))

    def _log(self, loss: float) -> None:
        entry = {
            "step": self.step,
            "samples": self.seen,
            "used_s": round(self.used_s),
            "loss": loss,
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "losses.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def export(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write the pipeline as float16 safetensors, no file over `SHARD_SIZE`."""
    pipeline.to(torch.float16).save_pretrained(folder, max_shard_size=SHARD_SIZE)
    pipeline.to(torch.float32)
    for path in (folder / "model_index.json", *folder.glob("*/config.json")):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)  # diffusers notes from which folder it read a part
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
