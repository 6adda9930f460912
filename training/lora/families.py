"""Denoisers by model family: how each is fed in training - prompts, latents, the network's call.

One class a family over its loaded pipeline, which itself encodes the prompts, so that training and
painting cannot disagree about templates and padding. Latents are those the denoiser sees:
shifted, scaled to about unit variance, unpacked, float32 (n, channels, height, width).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from diffusers import (
    DiffusionPipeline,
    FluxPipeline,
    ModelMixin,
    QwenImagePipeline,
)
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch import Tensor

from cluster.domain.model_profile import Family

PromptEmbeds = dict[str, Tensor]
"""What the text encoders make of one caption, as the denoiser takes it: the token states and what
else the family needs, without a batch dimension."""


class Denoiser(Protocol):
    """What training asks of a model family."""

    @property
    def pipe(self) -> DiffusionPipeline: ...

    @property
    def model(self) -> ModelMixin:
        """The network that is trained: the pipeline's UNet or transformer."""
        ...

    def encode_prompts(self, captions: Sequence[str]) -> list[PromptEmbeds]:
        """What the pipeline's own text encoders make of each caption, on the CPU."""
        ...

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Latents, float32 (n, channels, h, w) on the CPU, of float32 pixels
        (n, 3, height, width) in [-1, 1]."""
        ...

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) in about [-1, 1] of latents (n, channels, h, w): on the
        model's device, and differentiable."""
        ...

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """What the scheduler is asked for, (n, channels, h, w), of as large noisy latents at
        `timesteps` (n,) in [0, 1000), with one prompt each."""
        ...


class _Base(ABC):
    """`device` and `dtype` are the base weights'; the adapter's own may be finer.
    `prompts_at_once` is how many captions are encoded together: one, where they come out of
    different lengths."""

    prompts_at_once = 16

    def __init__(self, pipe: DiffusionPipeline, component: str) -> None:
        self.pipe = pipe
        self.model: ModelMixin = getattr(pipe, component)
        self.device, self.dtype = self.model.device, self.model.dtype

    @torch.no_grad()
    def encode_prompts(self, captions: Sequence[str]) -> list[PromptEmbeds]:
        found: list[PromptEmbeds] = []
        for start in range(0, len(captions), self.prompts_at_once):
            some = list(captions[start : start + self.prompts_at_once])
            encoded = {name: value.cpu() for name, value in self._encode(some).items()}
            found += [
                {name: value[at] for name, value in encoded.items()} for at in range(len(some))
            ]
        return found

    @abstractmethod
    def _encode(self, captions: list[str]) -> PromptEmbeds:
        """The same with a batch dimension. The list is the callee's to spoil."""

    @torch.no_grad()
    def encode_images(self, pixels: Tensor) -> Tensor:
        """Float32 (n, channels, h, w) on the CPU, of pixels (n, 3, height, width) in [-1, 1]: the
        mode of the VAE's distribution, one picture at a time."""
        vae = self.pipe.vae
        found = [self._encoded(vae, one[None].to(vae.device, vae.dtype)) for one in pixels]
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        scaled: Tensor = (torch.cat(found).float() - shift) * vae.config.scaling_factor
        return scaled.cpu()

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) in about [-1, 1] of latents (n, channels, h, w)."""
        vae = self.pipe.vae
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        raw = latents / vae.config.scaling_factor + shift
        decoded: Tensor = vae.decode(raw.to(vae.dtype), return_dict=False)[0]
        return decoded

    @staticmethod
    def _encoded(vae: ModelMixin, pixels: Tensor) -> Tensor:
        out = vae.encode(pixels)
        latents: Tensor = out.latents if hasattr(out, "latents") else out.latent_dist.mode()
        return latents

    def _stack(self, prompts: Sequence[PromptEmbeds], name: str) -> Tensor:
        """One tensor of each prompt, (n, ...), as the network takes it."""
        return torch.stack([one[name] for one in prompts]).to(self.device, self.dtype)


class UNetDenoiser(_Base):
    """Stable Diffusion 1 and 2, and the embedded model."""

    def __init__(self, pipe: DiffusionPipeline, component: str) -> None:
        super().__init__(pipe, component)
        kinds = {type(one) for one in self.model.attn_processors.values()}
        if self.device.type == "cpu" and kinds == {AttnProcessor2_0}:
            # Plain matrix products: torch's fused attention is slow in its backward pass here.
            self.model.set_attn_processor(AttnProcessor())

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        return {"states": self.pipe.encode_prompt(captions, self.device, 1, False)[0]}

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        out: Tensor = self.model(
            noisy.to(self.dtype), timesteps, self._stack(prompts, "states"), return_dict=False
        )[0]
        return out


class SdxlDenoiser(UNetDenoiser):
    """SDXL: two text encoders, and the picture's size beside the prompt."""

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        states, _, pooled, _ = self.pipe.encode_prompt(
            captions, device=self.device, do_classifier_free_guidance=False
        )
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        height, width = (side * self.pipe.vae_scale_factor for side in noisy.shape[-2:])
        size = torch.tensor([height, width, 0, 0, height, width], device=self.device)
        extra = {
            "text_embeds": self._stack(prompts, "pooled"),
            "time_ids": size.to(self.dtype).repeat(len(noisy), 1),
        }
        out: Tensor = self.model(
            noisy.to(self.dtype),
            timesteps,
            self._stack(prompts, "states"),
            added_cond_kwargs=extra,
            return_dict=False,
        )[0]
        return out


class FluxDenoiser(_Base):
    """FLUX.1: packed latents; a distilled guidance input is trained at 1, as painted without."""

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        states, pooled, _ = self.pipe.encode_prompt(captions, None, device=self.device)
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        count, channels, height, width = noisy.shape
        packed = FluxPipeline._pack_latents(noisy, count, channels, height, width)
        states = self._stack(prompts, "states")
        guided = self.pipe.transformer.config.guidance_embeds
        out = self.model(
            hidden_states=packed.to(self.dtype),
            timestep=timesteps.to(self.dtype) / 1000,
            guidance=torch.ones(count, device=self.device) if guided else None,
            pooled_projections=self._stack(prompts, "pooled"),
            encoder_hidden_states=states,
            txt_ids=torch.zeros(states.shape[1], 3, device=self.device, dtype=self.dtype),
            img_ids=FluxPipeline._prepare_latent_image_ids(
                count, height // 2, width // 2, self.device, self.dtype
            ),
            return_dict=False,
        )[0]
        unpacked: Tensor = FluxPipeline._unpack_latents(out, 2 * height, 2 * width, 2)
        return unpacked


class Sd3Denoiser(_Base):
    """Stable Diffusion 3 and 3.5."""

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        states, _, pooled, _ = self.pipe.encode_prompt(
            captions, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        out: Tensor = self.model(
            hidden_states=noisy.to(self.dtype),
            timestep=timesteps.to(self.dtype),
            encoder_hidden_states=self._stack(prompts, "states"),
            pooled_projections=self._stack(prompts, "pooled"),
            return_dict=False,
        )[0]
        return out


class ZImageDenoiser(_Base):
    """Z-Image: prompts of any length; time runs the other way, and so does what is predicted."""

    prompts_at_once = 1

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        found, _ = self.pipe.encode_prompt(captions, self.device, False)
        return {"states": found[0][None]}

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        pictures = list(noisy.to(self.dtype).unsqueeze(2).unbind(0))
        states = [one["states"].to(self.device, self.dtype) for one in prompts]
        out = self.model(pictures, (1000 - timesteps) / 1000, states, return_dict=False)[0]
        return -torch.stack(out).squeeze(2)


class QwenDenoiser(_Base):
    """Qwen-Image: prompts of any length, padded; a video VAE with one frame."""

    prompts_at_once = 1

    def _encode(self, captions: list[str]) -> PromptEmbeds:
        states, mask = self.pipe.encode_prompt(captions, self.device)
        return {"states": states, "mask": torch.ones(states.shape[:2]) if mask is None else mask}

    @torch.no_grad()
    def encode_images(self, pixels: Tensor) -> Tensor:
        """Float32 (n, channels, h, w) on the CPU, of pixels (n, 3, height, width) in [-1, 1]."""
        vae, (mean, std) = self.pipe.vae, self._spread()
        found = [
            self._encoded(vae, one[None, :, None].to(vae.device, vae.dtype))[:, :, 0].cpu().float()
            for one in pixels
        ]
        return (torch.cat(found) - mean) / std

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) in about [-1, 1] of latents (n, channels, h, w)."""
        vae = self.pipe.vae
        mean, std = (one.to(latents.device) for one in self._spread())
        raw = (latents * std + mean)[:, :, None]
        decoded: Tensor = vae.decode(raw.to(vae.dtype), return_dict=False)[0]
        return decoded[:, :, 0]

    def _spread(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the VAE's latents, (1, channels, 1, 1)."""
        config = self.pipe.vae.config
        mean, std = torch.tensor(config.latents_mean), torch.tensor(config.latents_std)
        return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def predict(self, noisy: Tensor, timesteps: Tensor, prompts: Sequence[PromptEmbeds]) -> Tensor:
        """As `Denoiser.predict`: (n, channels, h, w) of as large noisy latents."""
        count, channels, height, width = noisy.shape
        pad = torch.nn.utils.rnn.pad_sequence
        states = pad([one["states"] for one in prompts], batch_first=True)
        mask = pad([one["mask"] for one in prompts], batch_first=True)
        out = self.model(
            hidden_states=QwenImagePipeline._pack_latents(
                noisy.to(self.dtype), count, channels, height, width
            ),
            timestep=timesteps.to(self.dtype) / 1000,
            encoder_hidden_states=states.to(self.device, self.dtype),
            encoder_hidden_states_mask=mask.to(self.device).bool(),
            img_shapes=[[(1, height // 2, width // 2)]] * count,
            return_dict=False,
        )[0]
        unpacked: Tensor = QwenImagePipeline._unpack_latents(out, 2 * height, 2 * width, 2)
        return unpacked[:, :, 0]


CLASSES: dict[Family, Callable[[DiffusionPipeline, str], Denoiser]] = {
    "sd": lambda pipe, component: UNetDenoiser(pipe, component),
    "sdxl": lambda pipe, component: SdxlDenoiser(pipe, component),
    "flux": lambda pipe, component: FluxDenoiser(pipe, component),
    "sd3": lambda pipe, component: Sd3Denoiser(pipe, component),
    "zimage": lambda pipe, component: ZImageDenoiser(pipe, component),
    "qwen": lambda pipe, component: QwenDenoiser(pipe, component),
}


def denoiser_of(family: Family, pipe: DiffusionPipeline, component: str) -> Denoiser:
    """The family's way of training what `component` of `pipe` denoises with."""
    return CLASSES[family](pipe, component)
