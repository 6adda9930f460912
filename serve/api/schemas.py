"""HTTP schemas: bodies of requests and replies that are not domain values themselves.

Bodies are read strictly (`parsing.py`), so that the published schema and what is accepted agree.
"""

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.domain.character import Character, CharacterId, Outfit, Profile, Slug, Word
from cluster.domain.consent import Consent
from cluster.domain.learning.adapter import AdapterSwitch, AdapterVersion
from cluster.domain.learning.golden import GoldenImage
from cluster.domain.learning.runs import TrainingRun
from cluster.domain.render import MIN_SIDE_PX
from cluster.domain.story.episode import Episode
from cluster.domain.story.job import Contradiction, Job
from cluster.domain.story.reading import SceneReading
from cluster.domain.story.scene import Injury, MediaType, SceneState, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.value import WHOLE
from cluster.errors import NotFound

Text = Annotated[
    str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]
Side = Annotated[int, Field(ge=MIN_SIDE_PX, multiple_of=8), WHOLE]
Count = Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE]
Cast = Annotated[tuple[Slug, ...], Field(min_length=1, max_length=16)]
MAX_SCENE = 2**31 - 1


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class SceneOrder(Body):
    """One scene to render. Name the character by `character_id`, or by a `cast` of one."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["character_id"]}, {"required": ["cast"]}]}
    )

    character_id: Slug | SkipJsonSchema[None] = Field(None, json_schema_extra=_without_default)
    cast: Cast | SkipJsonSchema[None] = Field(None, json_schema_extra=_without_default)
    prompt: Text = Field(description="What happens, in plain words.")
    pose: Word | None = None
    media_type: MediaType = "image"
    story_id: Slug | None = Field(None, description="null: the character's own story.")
    style: Word | None = None
    width_px: Side | None = Field(None, description="null: the model's own size.")
    height_px: Side | None = None
    seed: Count | None = Field(None, description="null: any.")
    backend: Word | None = Field(None, description="null: this installation's own.")
    adapter_version: Count | None = Field(
        None, description="null: the one that is active when the scene is planned; 0: none."
    )

    @model_validator(mode="after")
    def _one_way_to_name_the_cast(self) -> Self:
        if (self.character_id is None) == (self.cast is None):
            raise ValueError("give either `character_id` or `cast`")
        if {"character_id", "cast"} <= self.model_fields_set:
            raise ValueError("give `character_id` or `cast`, not both")
        return self

    @property
    def actors(self) -> tuple[CharacterId, ...]:
        named = self.cast or ((self.character_id,) if self.character_id else ())
        return tuple(CharacterId(one) for one in named)


class ScenePlan(Body):
    """What a scene would become, and what of the story it contradicts."""

    story_id: StoryId
    reading: SceneReading = Field(description="The request, understood.")
    state_before: StoryState
    state_after: StoryState
    contradictions: tuple[Contradiction, ...]
    scene: SceneState = Field(description="What the picture would be asked to show.")
    prompt: str
    negative_prompt: str
    left_out: tuple[str, ...] = Field(description="What the token budget could not hold.")


class NewCharacter(Body):
    """The `character` part of the form that makes a character."""

    id: Slug | None = Field(None, description="null: made from the name.")
    name: Word
    profile: Profile = Profile()
    consent: Consent = Consent()
    domain: Literal["photo", "studio"] = Field(
        "photo", description="How the references were made: photographs, or the studio model."
    )


class CharacterChange(Body):
    """What takes the place of a character's name, profile and consent."""

    name: Word
    profile: Profile
    consent: Consent


class Correction(Body):
    """What a scene really shows. Fields left out stay; null means "not shown"."""

    outfit: Outfit | None = None
    injuries: tuple[Injury, ...] | None = Field(None, max_length=16)
    props: tuple[Word, ...] | None = Field(None, max_length=16)
    pose: Word | None = None
    expression: Word | None = None
    action: Word | None = None
    place: Word | None = None
    weather: Word | None = None

    def of(self, state: SceneState) -> SceneState:
        """`state` with the given fields, marked as corrected."""
        given = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        confidence = {name: p for name, p in state.confidence.items() if name not in given}
        source = state.source | dict.fromkeys(given, "corrected")
        return state.model_copy(update={**given, "confidence": confidence, "source": source})


class AdapterDetail(Body):
    """A version with all that is known of it. `report` is the gate's own; links are paths."""

    adapter: AdapterVersion
    report: dict[str, Any] | None
    links: "AdapterLinks"


class AdapterLinks(Body):
    file: str
    report: str | None = None
    sheet: str | None = Field(None, description="Champion above challenger, PNG.")


class SwitchPage(Body):
    """Oldest first."""

    items: tuple[AdapterSwitch, ...]
    next: int | None = Field(None, description="`after` of the next page; null on the last.")


class Served(Body):
    """What was served at a moment. `version` null: the base model alone."""

    character_id: CharacterId
    at: datetime
    version: int | None
    since: datetime | None = Field(description="null: nothing had ever been promoted.")
    adapter: AdapterVersion | None = Field(description="null, too, when it was deleted for good.")


class JobAdapter(Body):
    """The version that a job is rendered with, to its end. 0: none; null: not planned yet."""

    job_id: str
    character_id: CharacterId
    version: int | None
    pinned: bool = Field(description="Whether the scene's order named it.")
    adapter: AdapterVersion | None = Field(description="null, too, when it was deleted for good.")


class Captions(RootModel[tuple[Text, ...]]):
    """What each of the uploaded images shows, in order."""

    model_config = ConfigDict(frozen=True)


class GoldenList(Body):
    items: tuple[GoldenImage, ...]


class RunList(Body):
    items: tuple[TrainingRun, ...]


class JobPage(Body):
    items: tuple[Job, ...]
    next: str | None = Field(None, description="Cursor of the next page; null on the last.")


class CharacterPage(Body):
    items: tuple[Character, ...]
    next: str | None = Field(None, description="Cursor of the next page; null on the last.")


class EpisodePage(Body):
    items: tuple[Episode, ...]
    next: str | None = Field(None, description="Cursor of the next page; null on the last.")


class Found(Body):
    """An episode and how near it is to what was asked, 1 being the same."""

    episode: Episode
    score: float


class FoundList(Body):
    items: tuple[Found, ...]


class Check(Body):
    ok: bool
    detail: str = ""


class Readiness(Body):
    """Whether requests can be served, and what stands in the way."""

    ready: bool
    checks: dict[str, Check]


class Health(Body):
    status: Literal["ok"] = "ok"


def cursor_of(*parts: str) -> str:
    """An opaque page cursor."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(text: str, count: int) -> list[str]:
    """What `cursor_of` was made of. Raises NotFound for anything else."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise NotFound("page", id=text) from error
    if not (isinstance(parts, list) and len(parts) == count):
        raise NotFound("page", id=text)
    if not all(isinstance(part, str) for part in parts):
        raise NotFound("page", id=text)
    return parts


def job_cursor(job: Job) -> str:
    return cursor_of(job.created_at.isoformat(), job.id)


def job_position(text: str) -> tuple[datetime, str]:
    """Where a page of jobs starts. Raises NotFound."""
    moment, job_id = parts_of(text, 2)
    try:
        created_at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise NotFound("page", id=text) from error
    if created_at.tzinfo is None:
        raise NotFound("page", id=text)
    return created_at, job_id


def episode_cursor(episode: Episode) -> str:
    return cursor_of(episode.story_id, str(episode.scene))


def episode_position(text: str) -> tuple[StoryId, int]:
    """Where a page of episodes starts. Raises NotFound."""
    story, scene = parts_of(text, 2)
    if not (scene.isascii() and scene.isdigit() and int(scene) <= MAX_SCENE):
        raise NotFound("page", id=text)
    return StoryId(story), int(scene)


def story_of(order: SceneOrder) -> StoryId:
    """The story of an order: the character's own unless it names one."""
    return StoryId(order.story_id or order.actors[0])
