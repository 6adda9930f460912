"""What a LoRA file must be before anyone serves it. Reads safetensors; knows nothing of torch.

Accepted are PEFT keys, `<component>.<module>.lora_A.weight` and `.lora_B.weight`, throughout:
loaders look at the first key only and drop keys of another style without an error. Text-encoder
parts and DoRA are refused, because a shared model cannot be rid of them between two jobs.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cluster.codecs.tensor_file import Content, Raw, Shape, read_tensors
from cluster.domain.learning.adapter_scale import scales
from cluster.domain.value import Value
from cluster.errors import BadAdapter

MAX_BYTES = 512 * 2**20
COMPONENTS = ("unet", "transformer")
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
# Ways of starting a LoRA that leave the base model's own weights alone.
PLAIN_STARTS = (True, False, "gaussian", None)
# Of each float dtype the unsigned and signed integers of its width, and the bits of infinity.
FLOATS = {
    "F32": (np.uint32, np.int32, 0x7F80_0000),
    "F16": (np.uint16, np.int16, 0x7C00),
    "BF16": (np.uint16, np.int16, 0x7F80),
}


class BaseLayers(Value):
    """The layers of a base model that an adapter may change: weight shapes by module name.

    Linear weights are (out, in), convolutions (out, in, height, width). `known_as` are all names
    under which adapters know the model, its id among them.
    """

    model: str
    known_as: frozenset[str] = frozenset()
    component: str
    shapes: dict[str, Shape]


class FactorShapes(NamedTuple):
    """The two factors' shapes: down (rank, in, ...) and up (out, rank, ...)."""

    down: Shape
    up: Shape


@dataclass(frozen=True)
class AdapterFile:
    """What a well-formed adapter file holds and says about itself; `rank` is its largest.

    `scales` are the factors of the modules' low-rank products; `manifest` is the digest of the
    training set it was made from, `idr_before` and `idr_after` are what its training measured
    without and with it.
    """

    component: str
    modules: dict[str, FactorShapes]
    scales: dict[str, float]
    rank: int
    alpha: float
    base_model: str | None = None
    base_sha256: str | None = None
    trigger: str | None = None
    manifest: str | None = None
    idr_before: float | None = None
    idr_after: float | None = None


def read_adapter(content: Content) -> AdapterFile:
    """What the adapter in `content` is. Raises what `open_adapter` raises."""
    return open_adapter(content)[0]


def open_adapter(content: Content) -> tuple[AdapterFile, dict[str, Raw]]:
    """The adapter in `content`, checked in itself: keys, pairs, ranks, finite values, header; and
    its tensors by key, views of `content`.

    Raises BadAdapter, naming the key and what is wrong with it.
    """
    if len(content) > MAX_BYTES:
        raise BadAdapter(f"the file has {len(content)} bytes, more than the {MAX_BYTES} allowed")
    tensors, data, metadata = read_tensors(content)
    component = _component(tensors)
    modules = _pairs(component, {key: raw.shape for key, raw in tensors.items()})
    _check_finite(tensors, data)
    alpha = _alpha(metadata, component, modules)
    file = AdapterFile(
        component=component,
        modules=modules,
        scales=scales(
            _config(metadata, component), {name: pair.down[0] for name, pair in modules.items()}
        ),
        rank=max(pair.down[0] for pair in modules.values()),
        alpha=alpha,
        base_model=metadata.get("base_model") or None,
        base_sha256=metadata.get("base_sha256") or None,
        trigger=metadata.get("trigger") or None,
        manifest=metadata.get("manifest") or None,
        idr_before=_figure(metadata, "idr_before"),
        idr_after=_figure(metadata, "idr_after"),
    )
    return file, tensors


def check_fits(
    adapter: AdapterFile,
    base: BaseLayers,
    base_sha256: Callable[[], str],
    max_rank: int | None = None,
) -> None:
    """Refuse an adapter that does not belong on `base`: BadAdapter with the key and why.

    `base_sha256` is called only when the file names the weights it was trained on: hashing a large
    model takes a while. `max_rank` is the largest rank that is served.
    """
    if max_rank is not None and adapter.rank > max_rank:
        raise BadAdapter(
            f"its rank is {adapter.rank}; ranks up to {max_rank} are served",
            advice="Raise generator.adapter_max_rank, or train an adapter of a lower rank.",
        )
    if adapter.base_sha256 is not None:
        if adapter.base_sha256 != base_sha256():
            raise BadAdapter(f"it was trained on other weights than those of {base.model}")
    elif adapter.base_model not in {None, base.model, *base.known_as}:
        raise BadAdapter(f"it was trained on {adapter.base_model}; {base.model} is being served")
    if adapter.component != base.component:
        raise BadAdapter(f"it adapts a {adapter.component}; {base.model} has a {base.component}")
    for module, pair in adapter.modules.items():
        _check_shapes(f"{adapter.component}.{module}", pair, base.shapes.get(module), base.model)


def _figure(metadata: dict[str, str], name: str) -> float | None:
    text = metadata.get(name)
    try:
        value = float(text) if text else None
    except ValueError as error:
        raise BadAdapter(f"{name}: {text!r} is not a number") from error
    if value is not None and not 0 <= value <= 1:
        raise BadAdapter(f"{name}: {text} is not between 0 and 1")
    return value


def _component(keys: Iterable[str]) -> str:
    found = set()
    for key in keys:
        component = key.split(".", 1)[0]
        if component not in COMPONENTS or not key.endswith((DOWN, UP)):
            raise BadAdapter(
                f"{key}: not a PEFT key of a unet or transformer",
                advice="Save get_peft_model_state_dict(unet) as it is, without a text encoder, "
                "DoRA or a conversion to another key style.",
            )
        found.add(component)
    if len(found) != 1:
        raise BadAdapter(f"adapters for {sorted(found) or 'nothing'}: exactly one part is expected")
    return found.pop()


def _pairs(component: str, shapes: dict[str, Shape]) -> dict[str, FactorShapes]:
    prefix = f"{component}."
    modules = sorted({key.removesuffix(DOWN).removesuffix(UP) for key in shapes})
    pairs = {}
    for module in modules:
        for half in (DOWN, UP):
            if module + half not in shapes:
                raise BadAdapter(f"{module + half}: missing, though its other half is there")
        down, up = shapes[module + DOWN], shapes[module + UP]
        if len(down) not in (2, 4) or len(up) != len(down):
            raise BadAdapter(f"{module}{DOWN}: shape {down} with {up} is no low-rank pair")
        if not 0 < down[0] == up[1]:
            raise BadAdapter(f"{module}{UP}: rank {up[1]}, but {DOWN[1:]} has rank {down[0]}")
        pairs[module.removeprefix(prefix)] = FactorShapes(down=down, up=up)
    return pairs


def _check_finite(tensors: dict[str, Raw], data: memoryview) -> None:
    """All at once where all have one dtype, as is the rule: a thousand times less to do."""
    for key, raw in tensors.items():
        if raw.dtype not in FLOATS:
            raise BadAdapter(f"{key}: dtype {raw.dtype}; use F32, F16 or BF16")
    dtypes = {raw.dtype for raw in tensors.values()}
    if len(dtypes) == 1 and _finite(dtypes.pop(), data):
        return
    for key, raw in tensors.items():
        if not _finite(raw.dtype, raw.data):
            raise BadAdapter(f"{key}: holds NaN or infinite values")


def _finite(dtype: str, data: memoryview) -> bool:
    """Of IEEE floats the bits of infinity are the largest finite ones plus one, and NaN lies above
    (IEEE 754-2019, 3.4): two maxima, of the positive and of the negative numbers, say it all."""
    unsigned, signed, infinity = FLOATS[dtype]
    bits = np.frombuffer(data, unsigned)
    sign = 1 << (8 * bits.itemsize - 1)
    positive, negative = bits.view(signed).max(initial=0), bits.max(initial=0)
    return bool(positive < infinity and negative < sign + infinity)


def _alpha(metadata: dict[str, str], component: str, modules: dict[str, FactorShapes]) -> float:
    """The alpha that loaders will apply: from `lora_adapter_metadata`, else the rank."""
    own = _config(metadata, component)
    try:
        ranks = {pair.down[0] for pair in modules.values()}
        rank = float(own.get("r", max(ranks)))
        alpha = float(own.get("lora_alpha", max(ranks)))
        claimed = float(metadata.get("alpha", alpha))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadAdapter(f"__metadata__: cannot be read: {error}") from error
    _check_config(own)
    if not own.get("rank_pattern") and "r" in own and ranks != {rank}:
        raise BadAdapter(f"lora_adapter_metadata: says rank {rank:g}, the tensors {ranks}")
    if not (np.isfinite(alpha) and alpha > 0):
        raise BadAdapter(f"lora_adapter_metadata: alpha {alpha} is not a positive number")
    if claimed != alpha:
        raise BadAdapter(
            f"alpha: the header says {claimed:g}, but loaders will apply {alpha:g}",
            advice="Save the LoRA config as lora_adapter_metadata, as save_lora_weights does.",
        )
    return alpha


def _config(metadata: dict[str, str], component: str) -> dict[str, Any]:
    try:
        config = json.loads(metadata.get("lora_adapter_metadata") or "{}")
        return {k.removeprefix(f"{component}."): v for k, v in config.items()}
    except (ValueError, AttributeError) as error:
        raise BadAdapter(f"__metadata__: cannot be read: {error}") from error


def _check_config(own: dict[str, Any]) -> None:
    if own.get("use_dora") or own.get("lora_bias") or own.get("bias", "none") != "none":
        raise BadAdapter("lora_adapter_metadata: neither DoRA nor biases can be served")
    if own.get("init_lora_weights") not in PLAIN_STARTS:
        raise BadAdapter(
            f"lora_adapter_metadata: {own['init_lora_weights']!r} changes the base model's weights"
        )


def _check_shapes(module: str, pair: FactorShapes, weight: Shape | None, model: str) -> None:
    if weight is None:
        raise BadAdapter(f"{module}: {model} has no such layer")
    if len(weight) != len(pair.down):
        raise BadAdapter(f"{module}{DOWN}: shape {pair.down} on a layer of shape {weight}")
    if pair.down[1:] != weight[1:]:
        raise BadAdapter(f"{module}{DOWN}: shape {pair.down}; the layer takes {weight[1:]}")
    if pair.up[0] != weight[0] or any(side != 1 for side in pair.up[2:]):
        raise BadAdapter(f"{module}{UP}: shape {pair.up}; the layer gives {weight[0]}")
