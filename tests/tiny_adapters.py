"""LoRA files with random weights for any base folder, written as training would write them."""

import json
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from cluster.codecs.adapter_file import DOWN, UP, BaseLayers
from cluster.providers.diffusers.folder import BaseFolder

ATTENTION = (".to_q", ".to_k", ".to_v", ".to_out.0")

Tensors = dict[str, npt.NDArray[np.float32]]


def tensors(layers: BaseLayers, *, rank: int = 4, seed: int = 0, scale: float = 0.3) -> Tensors:
    """Random low-rank pairs for every attention projection of `layers`."""
    modules = [module for module in sorted(layers.shapes) if module.endswith(ATTENTION)]
    return pairs_on(layers, modules, rank=rank, seed=seed, scale=scale)


def pairs_on(
    layers: BaseLayers,
    modules: Iterable[str],
    *,
    rank: int = 4,
    seed: int = 0,
    scale: float = 0.3,
) -> Tensors:
    """Random low-rank pairs for these linear layers and convolutions."""
    noise = np.random.default_rng(seed)
    found: Tensors = {}
    for module in modules:
        out, *into = layers.shapes[module]
        key = f"{layers.component}.{module}"
        found[key + DOWN] = noise.normal(0, scale, (rank, *into)).astype(np.float32)
        shape = (out, rank, 1, 1) if len(into) == 3 else (out, rank)
        found[key + UP] = noise.normal(0, scale, shape).astype(np.float32)
    return found


def lora(base: BaseFolder, *, rank: int = 4, seed: int = 0, **metadata: str) -> bytes:
    """A valid adapter file for `base`, with the header that this project writes."""
    content: bytes = save(
        tensors(base.layers, rank=rank, seed=seed),
        {"base_model": base.id, "rank": str(rank), "alpha": str(rank), **metadata},
    )
    return content


def with_alpha(
    base: BaseFolder, *, rank: int, alpha: float, seed: int = 0, **more: object
) -> bytes:
    """A valid adapter file whose alpha is not its rank, declared where loaders look for it."""
    config = {
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": ["to_q", "to_k", "to_v", "to_out.0"],
        **more,
    }
    declared = {f"{base.layers.component}.{name}": value for name, value in config.items()}
    content: bytes = save(
        tensors(base.layers, rank=rank, seed=seed),
        {"lora_adapter_metadata": json.dumps(declared), "alpha": str(alpha)},
    )
    return content
