"""Model profile: how one text-to-image model is prompted, sampled and trained.

It is a property of the model, never of what the model is called: it is put together from layers,
of which a later one wins field by field. From weakest to strongest: what the model's family has
published, what its folder's own configuration says, its `cineai.json`, and the user's settings.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from cluster.domain.identity.score import Domain
from cluster.domain.value import Value

Dialect = Literal["grammar", "prose"]
Family = Literal["sd", "sdxl", "sd3", "flux", "qwen", "zimage", "other"]
Preset = Literal["studio", "sd15", "sdxl", "transformer"]
FieldSource = Literal["family", "folder", "cineai.json", "setting"]

MIN_SIDE_PX = 64


class ModelProfile(Value):
    """Everything that depends on which model is used. Sizes are in px, of the picture."""

    name: str = Field(min_length=1, description="For people: the model's, or its family's.")
    family: Family = Field(description="How its denoiser is called; other: nobody taught us.")
    domain: Domain = Field(
        description="What its pictures are like, for whatever measures them: studio, or photo."
    )
    dialect: Dialect = Field(
        description="grammar: the embedded model's caption grammar; prose: free text."
    )
    token_budget: int = Field(
        ge=8, description="Tokens of a prompt that reach it, begin and end marks included."
    )
    width_px: int = Field(ge=MIN_SIDE_PX, description="The width it was made for.")
    height_px: int = Field(ge=MIN_SIDE_PX, description="The height it was made for.")
    side_multiple_px: int = Field(ge=1, description="Sides must be a multiple of this.")
    scheduler: str = Field(description="Class of the sampler, as the folder says.")
    steps: int = Field(ge=1, le=200, description="Denoising steps of a picture.")
    guidance: float = Field(ge=0, le=30, description="Classifier-free guidance scale.")
    guidance_start_lora: float = Field(
        ge=0,
        le=1,
        description="Share of the noise gone before pictures with an adapter are guided.",
    )
    negative_prompt: str = Field(description="What to keep out of every picture; empty: nothing.")
    training_resolution_px: int = Field(ge=MIN_SIDE_PX, description="Side of training pictures.")
    training_preset: Preset | None = Field(description="Recipe; null: it cannot be trained here.")
    lora: bool | None = Field(description="Takes LoRA adapters; null: told when it is loaded.")
    references: bool = Field(description="Follows reference images: it has an image prompt.")
    inpaint: bool | None = Field(description="Repaints a part; null: told when it is loaded.")
    licence: str | None = Field(description="As the folder says; null: it says nothing.")


class SourcedProfile(Value):
    """A profile and, for every field, where its value comes from."""

    profile: ModelProfile
    sources: dict[str, FieldSource]

    def overridden(self, source: FieldSource, values: Mapping[str, object]) -> "SourcedProfile":
        """With `values` in the place of what was there. Raises pydantic's ValidationError."""
        return SourcedProfile(
            profile=ModelProfile.model_validate(
                {**self.profile.model_dump(), **values}, strict=True
            ),
            sources={**self.sources, **dict.fromkeys(values, source)},
        )
