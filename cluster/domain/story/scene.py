"""What is asked of one scene, and what was seen in it."""

from typing import Annotated, Literal, NewType

from pydantic import Field

from cluster.domain.character import CharacterId, Outfit, Word
from cluster.domain.value import WHOLE, Value

StoryId = NewType("StoryId", str)
MediaType = Literal["image"]


class SceneRequest(Value):
    """One scene as a user asked for it, after validation at the gateway."""

    character_id: CharacterId
    prompt: str = Field(min_length=1, max_length=2000)
    story_id: StoryId
    pose: Word | None = None
    media_type: MediaType = "image"
    style: Word | None = None
    width_px: int | None = Field(None, description="null: the model's own size")
    height_px: int | None = None
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    backend: str | None = None
    adapter_version: int | None = Field(
        None, ge=0, description="null: the one that is active when it is planned; 0: none"
    )


class Injury(Value):
    """A temporary wound; `since_scene` is the scene index in which it was first there."""

    kind: Word
    place: Word
    since_scene: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] = 0

    @property
    def phrase(self) -> str:
        return f"{self.kind} on the {self.place}"


Source = Literal["seen", "planned", "corrected"]


class SceneState(Value):
    """What one scene shows. None means "not shown", () "shown to be none".

    `mended` are injuries of earlier scenes that the story says are gone by this one.
    `confidence` and `source` are keyed by field name; a field that is absent from `source` was
    neither seen nor planned.
    """

    outfit: Outfit | None = None
    injuries: tuple[Injury, ...] | None = None
    mended: tuple[Injury, ...] = ()
    props: tuple[Word, ...] | None = None
    pose: Word | None = None
    framing: Word | None = None
    expression: Word | None = None
    action: Word | None = None
    place: Word | None = None
    weather: Word | None = None
    confidence: dict[str, float] = Field(default_factory=dict)
    source: dict[str, Source] = Field(default_factory=dict)
