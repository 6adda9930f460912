"""Recipes by model family: how many steps, which layers, what rate. A base model that no preset
names gets that of its family, told by the pipeline class in its model_index.json.

Rates and ranks of SD 1.5, SDXL and the transformers follow the recipes that ship with diffusers
(examples/dreambooth and examples/text_to_image); that of the embedded model was measured here.
"""

import json
from typing import Literal

from pydantic import ValidationError

from cluster.errors import Invalid, Unsupported
from cluster.providers.diffusers.folder import STUDIO_ID, BaseFolder
from cluster.settings import Recipe, TrainingSettings

Family = Literal["unet", "sdxl", "flux", "zimage", "sd3", "qwen"]
Preset = Literal["studio", "sd15", "sdxl", "transformer"]

FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": "unet",
    "StableDiffusionXLPipeline": "sdxl",
    "FluxPipeline": "flux",
    "ZImagePipeline": "zimage",
    "StableDiffusion3Pipeline": "sd3",
    "QwenImagePipeline": "qwen",
}

PRESETS: dict[Preset, Recipe] = {
    "studio": Recipe(
        layers="all",
        rank=32,
        alpha=32,
        learning_rate=1.5e-3,
        batch_size=8,
        warmup_steps=50,
        ema_decay=0.98,
        steps=700,
        min_steps=200,
        max_minutes=7.25,
        prior_share=0.25,
        prior_pictures=48,
        identity_weight=1.0,
        detail_weight=10.0,
        probe_every=175,
        checkpoint_every=100,
    ),
    "sd15": Recipe(
        layers="feed_forward",
        rank=32,
        alpha=32,
        learning_rate=1e-4,
        batch_size=4,
        warmup_steps=50,
        steps=1500,
        min_steps=500,
        max_minutes=120,
        prior_share=0.25,
        prior_pictures=64,
        probe_every=150,
    ),
    "sdxl": Recipe(
        layers="attention",
        rank=16,
        alpha=16,
        learning_rate=1e-4,
        batch_size=4,
        warmup_steps=50,
        steps=1500,
        min_steps=500,
        max_minutes=180,
        prior_share=0.25,
        prior_pictures=64,
        probe_every=150,
        gradient_checkpointing=True,
    ),
    "transformer": Recipe(
        layers="attention",
        rank=16,
        alpha=16,
        learning_rate=1e-4,
        batch_size=2,
        warmup_steps=50,
        steps=1500,
        min_steps=500,
        max_minutes=240,
        probe_every=150,
        gradient_checkpointing=True,
    ),
}


def family_of(base: BaseFolder) -> Family:
    """How its denoiser is fed. Raises Unsupported for a pipeline that nobody taught us."""
    name = json.loads((base.folder / "model_index.json").read_text()).get("_class_name", "")
    if name not in FAMILIES:
        raise Unsupported(
            f"no adapter can be trained on {base.id}: {name or 'its pipeline'} is not known here",
            advice=f"Train on one of {', '.join(FAMILIES)}.",
        )
    return FAMILIES[name]


def preset_of(base: BaseFolder) -> Preset:
    """The preset of a base model, from its id, else from its family."""
    if base.id == STUDIO_ID:
        return "studio"
    match family_of(base):
        case "unet":
            return "sd15"
        case "sdxl":
            return "sdxl"
        case _:
            return "transformer"


def recipe_for(base: BaseFolder, settings: TrainingSettings) -> Recipe:
    """The preset's recipe with the settings' changes. Raises Invalid, Unsupported."""
    preset = preset_of(base) if settings.preset == "auto" else settings.preset
    try:
        return Recipe.model_validate(PRESETS[preset].model_dump() | settings.recipe)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"training.recipe.{first['loc'][0]}: {first['msg']}") from error
