"""Writes a trained adapter as the file that is served: plain PEFT keys and a header that says
what it fits, what it was made from and how good it was."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import torch
from safetensors.torch import save

from cluster.domain.value import Value
from cluster.errors import CineError
from training.lora.presets import Family

ARCHITECTURES: dict[Family, str] = {
    "unet": "stable-diffusion-v1",
    "sdxl": "stable-diffusion-xl-v1-base",
    "sd3": "stable-diffusion-v3-medium",
    "flux": "Flux.1-dev",
    "zimage": "z-image",
    "qwen": "qwen-image",
}
"""Names of the SAI model spec, v1.0.1, where it has one."""


class Label(Value):
    """The header's facts. IDR figures are means over probe pictures, None where none was judged."""

    character_id: str
    version: int
    base_model: str
    base_sha256: str
    family: Family
    component: str
    manifest: str
    trigger: str
    rank: int
    alpha: float
    targets: tuple[str, ...]
    resolution_px: int
    best_step: int
    idr_before: float | None
    idr_after: float | None

    @property
    def file_name(self) -> str:
        return f"char_{self.character_id}_v{self.version}.safetensors"


def write(factors: Mapping[str, torch.Tensor], label: Label) -> bytes:
    """The file's bytes: float16 factors in PEFT's keys under `unet.` or `transformer.`. The same
    adapter gives the same bytes on the same day. Raises CineError for values that overflowed."""
    tensors = {
        f"{label.component}.{key}": value.half().contiguous() for key, value in factors.items()
    }
    broken = [key for key, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise CineError(
            f"training diverged: {broken[0]} holds values that are not finite",
            advice="Lower training.recipe: {learning_rate: …} and train again.",
        )
    content: bytes = save(tensors, _header(label, list(tensors.values())))
    return content


def _header(label: Label, tensors: Sequence[torch.Tensor]) -> dict[str, str]:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    config = {
        "r": label.rank,
        "lora_alpha": label.alpha,
        "target_modules": sorted(label.targets),
        "lora_dropout": 0.0,
        "bias": "none",
    }
    facts = {
        "format": "pt",
        "base_model": label.base_model,
        "base_sha256": label.base_sha256,
        "manifest": label.manifest,
        "rank": str(label.rank),
        "alpha": f"{label.alpha:g}",
        "trigger": label.trigger,
        "best_step": str(label.best_step),
        "idr_before": _figure(label.idr_before),
        "idr_after": _figure(label.idr_after),
        "lora_adapter_metadata": json.dumps(
            {f"{label.component}.{name}": value for name, value in config.items()}
        ),
    }
    return facts | {f"modelspec.{name}": value for name, value in _spec(label, digest).items()}


def _spec(label: Label, digest: "hashlib._Hash") -> dict[str, str]:
    return {
        "sai_model_spec": "1.0.1",
        "architecture": f"{ARCHITECTURES[label.family]}/lora",
        "implementation": "https://github.com/huggingface/diffusers",
        "title": label.file_name.removesuffix(".safetensors"),
        "date": datetime.now(UTC).date().isoformat(),
        "resolution": f"{label.resolution_px}x{label.resolution_px}",
        "trigger_phrase": label.trigger,
        "hash_sha256": f"0x{digest.hexdigest()}",
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
