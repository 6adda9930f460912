"""How each family of diffusers models is fed in training: words, latents and the denoiser's call.

One class a family over its loaded pipeline, which itself reads the words, so that training and
painting cannot disagree about templates and padding. Latents are those the denoiser sees:
shifted, scaled, unpacked, (n, channels, height, width).
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

from training.lora.presets import Family

Words = dict[str, torch.Tensor]
"""One caption as the denoiser takes it, without a batch dimension."""
Tensor = torch.Tensor


class Denoiser(Protocol):
    """What a train step asks of a model family."""

    @property
    def pipe(self) -> DiffusionPipeline: ...

    @property
    def model(self) -> ModelMixin: ...

    def read(self, captions: Sequence[str]) -> list[Words]: ...

    def latents(self, pixels: Tensor) -> Tensor: ...

    def pixels(self, latents: Tensor) -> Tensor: ...

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        """The scheduler's target for latents at `times` in [0, 1000)."""
        ...


class _Base(ABC):
    """`device` and `dtype` are the base weights'; the adapter's own may be finer. `together` is
    how many captions are read at once: one, where they come out of different lengths."""

    together = 16

    def __init__(self, pipe: DiffusionPipeline, component: str) -> None:
        self.pipe = pipe
        self.model: ModelMixin = getattr(pipe, component)
        self.device, self.dtype = self.model.device, self.model.dtype

    @torch.no_grad()
    def read(self, captions: Sequence[str]) -> list[Words]:
        """What the pipeline's own text encoders make of the captions, on the CPU."""
        found: list[Words] = []
        for start in range(0, len(captions), self.together):
            some = list(captions[start : start + self.together])
            encoded = {name: value.cpu() for name, value in self._encode(some).items()}
            found += [
                {name: value[at] for name, value in encoded.items()} for at in range(len(some))
            ]
        return found

    @abstractmethod
    def _encode(self, captions: list[str]) -> Words:
        """The same with a batch dimension. The list is the callee's to spoil."""

    @torch.no_grad()
    def latents(self, pixels: Tensor) -> Tensor:
        """Latents of pixels (n, 3, height, width) in [-1, 1], float32 on the CPU."""
        vae = self.pipe.vae
        found = [self._encoded(vae, one[None].to(vae.device, vae.dtype)) for one in pixels]
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        scaled: Tensor = (torch.cat(found).float() - shift) * vae.config.scaling_factor
        return scaled.cpu()

    def pixels(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) of what `latents` gives, in about [-1, 1]: on the model's
        device, and differentiable."""
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

    def _stack(self, words: Sequence[Words], name: str) -> Tensor:
        return torch.stack([one[name] for one in words]).to(self.device, self.dtype)


class UNetDenoiser(_Base):
    """Stable Diffusion 1 and 2, and the embedded model."""

    def __init__(self, pipe: DiffusionPipeline, component: str) -> None:
        super().__init__(pipe, component)
        kinds = {type(one) for one in self.model.attn_processors.values()}
        if self.device.type == "cpu" and kinds == {AttnProcessor2_0}:
            # Plain matrix products: torch's fused attention is slow in its backward pass here.
            self.model.set_attn_processor(AttnProcessor())

    def _encode(self, captions: list[str]) -> Words:
        return {"states": self.pipe.encode_prompt(captions, self.device, 1, False)[0]}

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        out: Tensor = self.model(
            noisy.to(self.dtype), times, self._stack(words, "states"), return_dict=False
        )[0]
        return out


class SdxlDenoiser(UNetDenoiser):
    """SDXL: two text encoders, and the picture's size beside the words."""

    def _encode(self, captions: list[str]) -> Words:
        states, _, pooled, _ = self.pipe.encode_prompt(
            captions, device=self.device, do_classifier_free_guidance=False
        )
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        height, width = (side * self.pipe.vae_scale_factor for side in noisy.shape[-2:])
        size = torch.tensor([height, width, 0, 0, height, width], device=self.device)
        extra = {
            "text_embeds": self._stack(words, "pooled"),
            "time_ids": size.to(self.dtype).repeat(len(noisy), 1),
        }
        out: Tensor = self.model(
            noisy.to(self.dtype),
            times,
            self._stack(words, "states"),
            added_cond_kwargs=extra,
            return_dict=False,
        )[0]
        return out


class FluxDenoiser(_Base):
    """FLUX.1: packed latents; a distilled guidance input is trained at 1, as painted without."""

    def _encode(self, captions: list[str]) -> Words:
        states, pooled, _ = self.pipe.encode_prompt(captions, None, device=self.device)
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        count, channels, height, width = noisy.shape
        packed = FluxPipeline._pack_latents(noisy, count, channels, height, width)
        states = self._stack(words, "states")
        guided = self.pipe.transformer.config.guidance_embeds
        out = self.model(
            hidden_states=packed.to(self.dtype),
            timestep=times.to(self.dtype) / 1000,
            guidance=torch.ones(count, device=self.device) if guided else None,
            pooled_projections=self._stack(words, "pooled"),
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

    def _encode(self, captions: list[str]) -> Words:
        states, _, pooled, _ = self.pipe.encode_prompt(
            captions, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return {"states": states, "pooled": pooled}

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        out: Tensor = self.model(
            hidden_states=noisy.to(self.dtype),
            timestep=times.to(self.dtype),
            encoder_hidden_states=self._stack(words, "states"),
            pooled_projections=self._stack(words, "pooled"),
            return_dict=False,
        )[0]
        return out


class ZImageDenoiser(_Base):
    """Z-Image: words of any length; time runs the other way and so does its answer."""

    together = 1

    def _encode(self, captions: list[str]) -> Words:
        found, _ = self.pipe.encode_prompt(captions, self.device, False)
        return {"states": found[0][None]}

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        pictures = list(noisy.to(self.dtype).unsqueeze(2).unbind(0))
        states = [one["states"].to(self.device, self.dtype) for one in words]
        out = self.model(pictures, (1000 - times) / 1000, states, return_dict=False)[0]
        return -torch.stack(out).squeeze(2)


class QwenDenoiser(_Base):
    """Qwen-Image: words of any length, padded; a video VAE with one frame."""

    together = 1

    def _encode(self, captions: list[str]) -> Words:
        states, mask = self.pipe.encode_prompt(captions, self.device)
        return {"states": states, "mask": torch.ones(states.shape[:2]) if mask is None else mask}

    @torch.no_grad()
    def latents(self, pixels: Tensor) -> Tensor:
        vae, (mean, std) = self.pipe.vae, self._spread()
        found = [
            self._encoded(vae, one[None, :, None].to(vae.device, vae.dtype))[:, :, 0].cpu().float()
            for one in pixels
        ]
        return (torch.cat(found) - mean) / std

    def pixels(self, latents: Tensor) -> Tensor:
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

    def predict(self, noisy: Tensor, times: Tensor, words: Sequence[Words]) -> Tensor:
        count, channels, height, width = noisy.shape
        pad = torch.nn.utils.rnn.pad_sequence
        states = pad([one["states"] for one in words], batch_first=True)
        mask = pad([one["mask"] for one in words], batch_first=True)
        out = self.model(
            hidden_states=QwenImagePipeline._pack_latents(
                noisy.to(self.dtype), count, channels, height, width
            ),
            timestep=times.to(self.dtype) / 1000,
            encoder_hidden_states=states.to(self.device, self.dtype),
            encoder_hidden_states_mask=mask.to(self.device).bool(),
            img_shapes=[[(1, height // 2, width // 2)]] * count,
            return_dict=False,
        )[0]
        unpacked: Tensor = QwenImagePipeline._unpack_latents(out, 2 * height, 2 * width, 2)
        return unpacked[:, :, 0]


CLASSES: dict[Family, Callable[[DiffusionPipeline, str], Denoiser]] = {
    "unet": lambda pipe, component: UNetDenoiser(pipe, component),
    "sdxl": lambda pipe, component: SdxlDenoiser(pipe, component),
    "flux": lambda pipe, component: FluxDenoiser(pipe, component),
    "sd3": lambda pipe, component: Sd3Denoiser(pipe, component),
    "zimage": lambda pipe, component: ZImageDenoiser(pipe, component),
    "qwen": lambda pipe, component: QwenDenoiser(pipe, component),
}


def denoiser_of(family: Family, pipe: DiffusionPipeline, component: str) -> Denoiser:
    """The family's way of training what `component` of `pipe` denoises with."""
    return CLASSES[family](pipe, component)
