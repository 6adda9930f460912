"""Preflight check: whether the settings, the model's profile and the recipe go together.

Everything is looked at together when the service starts, and by `cineai doctor`, so that nobody
finds out an hour later, when the first character has images enough to be trained.
"""

from collections.abc import Iterator

from cluster.domain.model_profile import ModelProfile
from cluster.domain.value import Value
from cluster.errors import CineError, Invalid, Unsupported
from cluster.providers.diffusers.folder import base_folder
from cluster.providers.diffusers.profile import in_force
from cluster.settings import Recipe, Settings
from training.lora.presets import preset_of, recipe_for


class Fault(Value):
    """What does not go together, the setting to change, and what to do about it."""

    setting: str
    what: str
    advice: str


def check(settings: Settings) -> None:
    """Raises Invalid, with one line a fault, for settings that the service cannot start with."""
    found = list(faults(settings))
    if found:
        lines = [f"{one.setting}: {one.what}. {one.advice}" for one in found]
        raise Invalid(
            "these settings do not go together:\n" + "\n".join(lines),
            advice="`cineai doctor` shows the profile of the model, and where each value is from.",
        )


def faults(settings: Settings) -> Iterator[Fault]:
    """Every fault there is; a model that cannot be read is the only one, for all hangs on it."""
    try:
        base = base_folder(settings.generator.model)
        profile = in_force(base.profile, settings.generator, settings.learner).profile
    except CineError as error:
        yield Fault(setting="generator.model", what=error.message, advice=error.advice)
        return
    yield from _size_faults(settings, base.profile.profile)
    try:
        recipe = recipe_for(base, settings.training)
    except (
        Unsupported
    ) as error:  # it can be painted with; only a preset by name speaks for training
        if settings.training.preset != "auto":
            yield Fault(setting="training.preset", what=error.message, advice=error.advice)
        return
    yield from _recipe_faults(settings, recipe, preset_of(base, settings.training), profile)


def _size_faults(settings: Settings, own: ModelProfile) -> Iterator[Fault]:
    side_px, most_px = settings.learner.resolution_px, max(own.width_px, own.height_px)
    if side_px is not None and side_px % own.side_multiple_px:
        yield Fault(
            setting="learner.resolution_px",
            what=f"{side_px} is no multiple of {own.side_multiple_px}, which {own.name} needs",
            advice=f"Leave it out: the model's own is {own.training_resolution_px}.",
        )
    elif side_px is not None and side_px > most_px:
        yield Fault(
            setting="learner.resolution_px",
            what=f"{side_px} px is more than the {most_px} px that {own.name} was made for",
            advice="Lower it or leave it out; if the model can do more, say so in its cineai.json.",
        )
    if settings.generator.max_side_px < min(own.width_px, own.height_px):
        yield Fault(
            setting="generator.max_side_px",
            what=f"{settings.generator.max_side_px} is less than {own.name}'s own "
            f"{own.width_px} × {own.height_px} px",
            advice="Raise it, or use a smaller model.",
        )


def _recipe_faults(
    settings: Settings, recipe: Recipe, preset: str, profile: ModelProfile
) -> Iterator[Fault]:
    given = settings.training.recipe.model_fields_set
    if recipe.rank > settings.generator.adapter_max_rank:
        yield Fault(
            setting=_where("rank", given, preset),
            what=f"rank {recipe.rank}, but only ranks up to generator.adapter_max_rank = "
            f"{settings.generator.adapter_max_rank} are served",
            advice="Lower training.recipe.rank, or raise generator.adapter_max_rank.",
        )
    if recipe.min_steps > recipe.steps:
        yield Fault(
            setting=_where("steps", given, preset),
            what=f"{recipe.steps} steps, but with fewer than min_steps = {recipe.min_steps} an "
            "adapter is worth nothing",
            advice="Raise training.recipe.steps, or lower training.recipe.min_steps.",
        )
    if recipe.batch_size < settings.training.workers:
        yield Fault(
            setting="training.workers",
            what=f"{settings.training.workers} workers share {recipe.batch_size} pictures a step",
            advice="Lower training.workers, or raise training.recipe.batch_size.",
        )
    if profile.lora is False and settings.learner.automatic:
        yield Fault(
            setting="learner.automatic",
            what=f"{profile.name} takes no adapters, so that training one is in vain",
            advice="Set learner.automatic to false.",
        )


def _where(field: str, given: set[str], preset: str) -> str:
    return f"training.recipe.{field}" if field in given else f"training.preset {preset!r}: {field}"
