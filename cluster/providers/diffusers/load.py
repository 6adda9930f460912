"""Brings a diffusers pipeline into memory: device, dtype, and what it must be able to do."""

import copy
import logging

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline
from torch import nn

from cluster.errors import ProviderMissing, Unsupported
from cluster.providers.diffusers.call import parameters
from cluster.providers.diffusers.folder import BaseFolder

NEEDED = frozenset({"prompt", "height", "width", "num_inference_steps", "generator", "output_type"})


def pick_device(name: str) -> torch.device:
    """The device that `generator.device` names; `auto` is CUDA, else Apple's GPU, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ProviderMissing(
            f"generator.device = {name!r} cannot be used: {str(error).splitlines()[0]}",
            advice="Use `auto` or `cpu`, or install the torch build for this device.",
        ) from error
    return device


def pick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA that has it, float16 on other GPUs, float32 on the CPU."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32 if device.type == "cpu" else torch.float16


def load_pipeline(base: BaseFolder, device: torch.device) -> DiffusionPipeline:
    """The text-to-image pipeline in `base`. Raises ProviderMissing or Unsupported, with advice."""
    _quieten()
    try:
        pipe = DiffusionPipeline.from_pretrained(
            base.folder,
            dtype=pick_dtype(device),
            variant=base.variant,
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise ProviderMissing(
            f"{base.folder} cannot be loaded as a diffusers pipeline: {error}",
            advice="Save it again with save_pretrained of the installed diffusers version.",
        ) from error
    takes = parameters(pipe)
    image = takes.get("image")
    if NEEDED - takes.keys() or "num_frames" in takes or (image and image.default is image.empty):
        raise Unsupported(f"{type(pipe).__name__} does not paint one picture from text")
    return _ready(pipe.to(device))


def inpainting_twin(pipe: DiffusionPipeline) -> DiffusionPipeline | None:
    """An inpainting pipeline on the same weights, or None where diffusers has none for it."""
    try:
        # A scheduler of its own: inpainting starts in mid schedule and leaves its mark there.
        twin = diffusers.AutoPipelineForInpainting.from_pipe(
            pipe, scheduler=copy.deepcopy(pipe.scheduler)
        )
    except ValueError:
        return None
    return _ready(twin) if "strength" in parameters(twin) else None


def compile_blocks(denoiser: nn.Module) -> None:
    """Compile the blocks that a denoiser repeats; they are compiled when first used.

    Raises Unsupported where diffusers does not know them.
    """
    if not getattr(denoiser, "_repeated_blocks", None):
        raise Unsupported(
            f"{type(denoiser).__name__} cannot be compiled block by block",
            advice="Set generator.compile to false for this model.",
        )
    denoiser.compile_repeated_blocks()  # type: ignore[operator]


def _ready(pipe: DiffusionPipeline) -> DiffusionPipeline:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _quieten() -> None:
    """Their advice for interactive use is noise in a server's log; failures raise anyway."""
    for library in (diffusers.utils.logging, transformers.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    logging.getLogger("peft").setLevel(logging.ERROR)
