"""Recipes by model family: how many steps, which layers, what learning rate.

Which one a base model gets is said by its profile. Rates and ranks of SD 1.5, SDXL and the
transformers follow the recipes that ship with diffusers (examples/dreambooth and
examples/text_to_image); that of the embedded model was measured here.
"""

from cluster.domain.model_families import PIPELINES
from cluster.domain.model_profile import Family, Preset
from cluster.errors import Unsupported
from cluster.providers.diffusers.folder import BaseFolder
from cluster.providers.diffusers.profile import pipeline_class
from cluster.settings import Recipe, TrainingSettings

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
    family = base.profile.profile.family
    if family == "other":
        raise _untrainable(base)
    return family


def preset_of(base: BaseFolder, settings: TrainingSettings) -> Preset:
    """The preset that settings name, else that of the model's profile. Raises Unsupported."""
    preset = base.profile.profile.training_preset
    if preset is None:
        raise _untrainable(base)
    return preset if settings.preset == "auto" else settings.preset


def recipe_for(base: BaseFolder, settings: TrainingSettings) -> Recipe:
    """The preset's recipe with the settings' changes. Raises Unsupported."""
    preset = PRESETS[preset_of(base, settings)]
    changes = settings.recipe.model_dump(exclude_none=True)
    return Recipe.model_validate(preset.model_dump() | changes)


def _untrainable(base: BaseFolder) -> Unsupported:
    if base.profile.profile.family != "other":
        return Unsupported(
            f"no adapter can be trained on {base.folder}: its profile names no training preset",
            advice="Set training_preset in its cineai.json, or train on another model.",
        )
    name = pipeline_class(base.folder) or "its pipeline"
    return Unsupported(
        f"no adapter can be trained on {base.folder}: {name} is not known here",
        advice=f"Train on one of {', '.join(PIPELINES)}.",
    )
