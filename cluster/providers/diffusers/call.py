"""What each family of diffusers pipelines takes in its call, read from the pipeline itself."""

import inspect
from collections.abc import Sequence
from typing import Any

from diffusers import DiffusionPipeline


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


def longest_prompt(pipe: DiffusionPipeline) -> int | None:
    """Tokens at which the pipeline's own call cuts a prompt; None where it does not say."""
    cap = parameters(pipe).get("max_sequence_length")
    return cap.default if cap is not None and isinstance(cap.default, int) else None


def _guidance_is_embedded(pipe: DiffusionPipeline) -> bool:
    """Whether the model was distilled to take guidance as an input (FLUX.1-dev)."""
    transformer = getattr(pipe, "transformer", None)
    return transformer is not None and bool(transformer.config.get("guidance_embeds"))
