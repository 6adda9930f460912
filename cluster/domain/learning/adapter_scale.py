"""How strongly each layer's low-rank pair counts: alpha over rank, as PEFT reads a LoRA config.

Source: `LoraConfig` of PEFT 0.21, whose `rank_pattern` and `alpha_pattern` name layers by the end
of their path, and whose `use_rslora` divides by the root of the rank (Kalajdzievski 2023,
arXiv:2312.03732).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from cluster.errors import BadAdapter

PLAIN = re.compile(r"\^?[\w.]+")


def scales(config: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, float]:
    """The factor of every module in `ranks`; 1 where the config says nothing of it.

    Raises BadAdapter for a config that speaks of other ranks than the tensors have: loaders build
    the layers that it asks for, and the tensors would not fit them.
    """
    rank_pattern, alpha_pattern = (
        _pattern(config, name) for name in ("rank_pattern", "alpha_pattern")
    )
    found = {}
    for module, rank in ranks.items():
        said = _of(module, rank_pattern, config.get("r", rank))
        if said != rank:
            raise BadAdapter(
                f"{module}: lora_adapter_metadata says rank {said:g}, its tensors have {rank}"
            )
        alpha = _of(module, alpha_pattern, config.get("lora_alpha", rank))
        scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
        if not (math.isfinite(scale) and scale > 0):
            raise BadAdapter(f"{module}: alpha {alpha} is not a positive number")
        found[module] = scale
    return found


def _pattern(config: Mapping[str, Any], name: str) -> dict[str, float]:
    try:
        pattern = {str(key): float(value) for key, value in (config.get(name) or {}).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise BadAdapter(f"lora_adapter_metadata: {name} cannot be read: {error}") from error
    for key in pattern:
        if not PLAIN.fullmatch(key):  # a stranger's regular expression may never end
            raise BadAdapter(f"lora_adapter_metadata: {name} {key!r} is not the name of a layer")
    return pattern


def _of(module: str, pattern: Mapping[str, float], otherwise: float) -> float:
    for key, value in pattern.items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return float(otherwise)
