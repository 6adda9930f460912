"""What each family of diffusers pipelines takes in its call, read from the pipeline itself."""

import inspect
from collections.abc import Sequence
from typing import Any

from diffusers import DiffusionPipeline

from cluster.providers.diffusers.folder import BaseFolder

FALLBACK_SIDE_PX = 1024
FALLBACK_TOKENS = 512
UNLIMITED_TOKENS = 1_000_000  # tokenizers without a limit report some 10**30


def parameters(pipe: DiffusionPipeline) -> dict[str, inspect.Parameter]:
    """The named arguments of a pipeline's call."""
    return dict(inspect.signature(type(pipe).__call__).parameters)


def prompt_arguments(
    pipe: DiffusionPipeline,
    *,
    prompts: Sequence[str],
    negative_prompts: Sequence[str],
    guidance: float,
) -> dict[str, Any]:
    """Prompts, negative prompts and guidance of a batch as this pipeline takes them.

    The lists are fresh in every call: Z-Image writes its chat template into the caller's list
    (diffusers 0.42.1).
    """
    takes = parameters(pipe)
    found: dict[str, Any] = {"prompt": list(prompts)}
    if _guidance_is_embedded(pipe):
        found["guidance_scale"] = guidance
    elif "true_cfg_scale" in takes:
        # These families guide only when there is a negative prompt, and an empty one is none.
        negatives = [negative or " " for negative in negative_prompts]
        found |= {"true_cfg_scale": guidance, "negative_prompt": negatives}
    else:
        found |= {"guidance_scale": guidance, "negative_prompt": list(negative_prompts)}
    return {name: value for name, value in found.items() if name in takes}


def side_multiple(pipe: DiffusionPipeline, base: BaseFolder) -> int:
    """Sides in px must be a multiple of this; transformers take latents in patches of 2."""
    scale = int(getattr(pipe, "vae_scale_factor", 8))
    return scale if base.component == "unet" else 2 * scale


def own_size(pipe: DiffusionPipeline, base: BaseFolder) -> tuple[int, int]:
    """(width, height) in px that the model was made for."""
    scale = int(getattr(pipe, "vae_scale_factor", 8))
    denoiser = getattr(pipe, base.component)
    sample = denoiser.config.get("sample_size") or getattr(pipe, "default_sample_size", None)
    if sample is None:
        return FALLBACK_SIDE_PX, FALLBACK_SIDE_PX
    height, width = (sample, sample) if isinstance(sample, int) else sample
    return width * scale, height * scale


def token_budget(pipe: DiffusionPipeline) -> int:
    """Tokens of a prompt that reach the model: of its longest-reading text encoder."""
    tokenizers = (part for name, part in pipe.components.items() if name.startswith("tokenizer"))
    limits = [int(part.model_max_length) for part in tokenizers if part is not None]
    longest = max(limits, default=FALLBACK_TOKENS)
    cap = parameters(pipe).get("max_sequence_length")
    if cap is not None and isinstance(cap.default, int):
        return min(longest, cap.default)
    return longest if longest < UNLIMITED_TOKENS else FALLBACK_TOKENS


def _guidance_is_embedded(pipe: DiffusionPipeline) -> bool:
    """Whether the model was distilled to take guidance as an input (FLUX.1-dev)."""
    transformer = getattr(pipe, "transformer", None)
    return transformer is not None and bool(transformer.config.get("guidance_embeds"))
