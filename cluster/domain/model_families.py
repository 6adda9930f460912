"""What model families have published about themselves, and how a folder shows which it is."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cluster.domain.model_profile import Family, Preset

Config = Mapping[str, Any]
"""A part's configuration, as diffusers writes it."""

FLAWS = (
    "blurry, low quality, deformed face, asymmetric pupils, extra fingers, extra limbs, "
    "watermark, text"
)

PIPELINES: dict[str, Family] = {
    "StableDiffusionPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusion3Pipeline": "sd3",
    "FluxPipeline": "flux",
    "QwenImagePipeline": "qwen",
    "ZImagePipeline": "zimage",
}
"""Families by the pipeline class in model_index.json."""

PRESETS: dict[Family, Preset | None] = {
    "sd": "sd15",
    "sdxl": "sdxl",
    "sd3": "transformer",
    "flux": "transformer",
    "qwen": "transformer",
    "zimage": "transformer",
    "other": None,
}


class Variant(NamedTuple):
    """One published model of a family. `longest_prompt` caps what its tokenizers would take."""

    name: str
    steps: int
    guidance: float
    negative_prompt: str = ""
    longest_prompt: int = 512


SD1 = Variant("sd1", 50, 7.5, FLAWS)
"""runwayml/stable-diffusion-v1-5 and diffusers' StableDiffusionPipeline: 50 steps, 7.5."""
SD2 = Variant("sd2", 50, 7.5, FLAWS)
"""stabilityai/stable-diffusion-2-1: the same call; its text encoder is 1024 wide, not 768."""
SD_TURBO = Variant("sd-turbo", 4, 0.0)
"""stabilityai/sd-turbo: one to four steps, `guidance_scale=0.0`, no negative prompt."""
SDXL = Variant("sdxl", 50, 5.0, FLAWS)
"""stabilityai/stable-diffusion-xl-base-1.0 and StableDiffusionXLPipeline: 50 steps, 5.0."""
SDXL_TURBO = Variant("sdxl-turbo", 4, 0.0)
"""stabilityai/sdxl-turbo: one to four steps, `guidance_scale=0.0`, no negative prompt."""
SD3 = Variant("sd3", 28, 7.0, FLAWS, 256)
"""stabilityai/stable-diffusion-3-medium-diffusers: 28 steps, 7.0."""
SD35_MEDIUM = Variant("sd3.5-medium", 40, 4.5, FLAWS, 256)
"""stabilityai/stable-diffusion-3.5-medium: 40 steps, 4.5."""
SD35_LARGE = Variant("sd3.5-large", 28, 3.5, FLAWS, 256)
"""stabilityai/stable-diffusion-3.5-large: 28 steps, 3.5. Its turbo (4 steps, 0.0) has the same
configuration, so that only a `cineai.json` can tell it apart."""
FLUX_DEV = Variant("flux-dev", 50, 3.5)
"""black-forest-labs/FLUX.1-dev: 50 steps; guidance 3.5 is an input of the model, which knows no
negative prompt."""
FLUX_SCHNELL = Variant("flux-schnell", 4, 0.0, longest_prompt=256)
"""black-forest-labs/FLUX.1-schnell: 4 steps, 0.0, prompts of 256 tokens."""
QWEN_IMAGE = Variant("qwen-image", 50, 4.0)
"""Qwen/Qwen-Image: 50 steps, `true_cfg_scale=4.0`, an empty negative prompt."""
Z_IMAGE = Variant("z-image", 50, 4.0, FLAWS)
"""Tongyi-MAI/Z-Image: 28 to 50 steps, 3.0 to 5.0."""
Z_IMAGE_TURBO = Variant("z-image-turbo", 8, 0.0)
"""Tongyi-MAI/Z-Image-Turbo: 8 evaluations, 0.0. Its card asks for 9 steps, of which diffusers
wasted the last one until its pull request 13730."""
OTHER = Variant("unknown", 50, 5.0, FLAWS)
"""A pipeline without figures here: what most pipelines of diffusers take when called plainly."""

SD2_TEXT_WIDTH = 1024
SD35_LARGE_LAYERS = 38
Z_IMAGE_TURBO_SHIFT = 3.0
"""Of the scheduler; Z-Image itself has 6.0."""


def variant_of(family: Family, denoiser: Config, scheduler: Config) -> Variant:
    """Which published model a folder holds, by its denoiser's and its scheduler's configuration."""
    match family:
        case "sd":
            is_sd2 = denoiser.get("cross_attention_dim") == SD2_TEXT_WIDTH
            few_steps = scheduler.get("timestep_spacing") == "trailing"
            if is_sd2 and few_steps and scheduler.get("_class_name") == "EulerDiscreteScheduler":
                return SD_TURBO
            return SD2 if is_sd2 else SD1
        case "sdxl":
            ancestral = scheduler.get("_class_name") == "EulerAncestralDiscreteScheduler"
            few_steps = scheduler.get("timestep_spacing") == "trailing"
            return SDXL_TURBO if ancestral and few_steps else SDXL
        case "sd3":
            if not denoiser.get("qk_norm"):
                return SD3
            large = denoiser.get("num_layers") == SD35_LARGE_LAYERS
            return SD35_LARGE if large else SD35_MEDIUM
        case "flux":
            return FLUX_DEV if denoiser.get("guidance_embeds") else FLUX_SCHNELL
        case "qwen":
            return QWEN_IMAGE
        case "zimage":
            return Z_IMAGE_TURBO if scheduler.get("shift") == Z_IMAGE_TURBO_SHIFT else Z_IMAGE
        case _:
            return OTHER
