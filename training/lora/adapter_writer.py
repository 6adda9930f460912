"""Writes a trained adapter as the file that is served: plain PEFT keys and a header that says
what it fits, what it was made from and how good it was."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import torch
from safetensors.torch import save

from cluster.domain.model_profile import Family
from cluster.domain.value import Value
from cluster.errors import CineError

ARCHITECTURES: dict[Family, str] = {
    "sd": "stable-diffusion-v1",
    "sdxl": "stable-diffusion-xl-v1-base",
    "sd3": "stable-diffusion-v3-medium",
    "flux": "Flux.1-dev",
    "zimage": "z-image",
    "qwen": "qwen-image",
}
"""Names of the SAI model spec, v1.0.1, where it has one."""


class AdapterHeader(Value):
    """The facts of the file's header. IDR figures are means over probe pictures, None where none
    was judged."""

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


def adapter_bytes(factors: Mapping[str, torch.Tensor], header: AdapterHeader) -> bytes:
    """The safetensors file of an adapter: float16 factors in PEFT's keys under `unet.` or
    `transformer.`. The same adapter gives the same bytes on the same day. Raises CineError for
    values that overflowed.

    Args:
        factors: PEFT's state dict: `....lora_A.weight` (rank, inputs) and `....lora_B.weight`
            (outputs, rank), with kernel sides behind them for convolutions; any float type.
    """
    tensors = {
        f"{header.component}.{key}": value.half().contiguous() for key, value in factors.items()
    }
    broken = [key for key, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise CineError(
            f"training diverged: {broken[0]} holds values that are not finite",
            advice="Lower training.recipe: {learning_rate: …} and train again.",
        )
    content: bytes = save(tensors, _header(header, list(tensors.values())))
    return content


def _header(header: AdapterHeader, tensors: Sequence[torch.Tensor]) -> dict[str, str]:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    config = {
        "r": header.rank,
        "lora_alpha": header.alpha,
        "target_modules": sorted(header.targets),
        "lora_dropout": 0.0,
        "bias": "none",
    }
    facts = {
        "format": "pt",
        "base_model": header.base_model,
        "base_sha256": header.base_sha256,
        "manifest": header.manifest,
        "rank": str(header.rank),
        "alpha": f"{header.alpha:g}",
        "trigger": header.trigger,
        "best_step": str(header.best_step),
        "idr_before": _figure(header.idr_before),
        "idr_after": _figure(header.idr_after),
        "lora_adapter_metadata": json.dumps(
            {f"{header.component}.{name}": value for name, value in config.items()}
        ),
    }
    return facts | {f"modelspec.{name}": value for name, value in _spec(header, digest).items()}


def _spec(header: AdapterHeader, digest: "hashlib._Hash") -> dict[str, str]:
    return {
        "sai_model_spec": "1.0.1",
        "architecture": f"{ARCHITECTURES[header.family]}/lora",
        "implementation": "https://github.com/huggingface/diffusers",
        "title": header.file_name.removesuffix(".safetensors"),
        "date": datetime.now(UTC).date().isoformat(),
        "resolution": f"{header.resolution_px}x{header.resolution_px}",
        "trigger_phrase": header.trigger,
        "hash_sha256": f"0x{digest.hexdigest()}",
    }


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
