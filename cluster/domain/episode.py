"""One remembered scene: the unit of a character's memory."""

from datetime import datetime
from typing import NewType

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.scene import SceneState, StoryId
from cluster.domain.value import Value, now

EpisodeId = NewType("EpisodeId", str)


class Episode(Value):
    """A scene that passed the gate. Its id is its job's id, so one job leaves one episode.

    `scene` counts the story's episodes from 1 in commit order and is never reused, so that
    forgetting one leaves the others' numbers alone.
    """

    id: EpisodeId
    character_id: CharacterId
    story_id: StoryId
    scene: int
    prompt: str
    state: SceneState
    artifact: str
    idr: float | None = None
    corrected: bool = False
    forgotten: bool = False
    created_at: datetime = Field(default_factory=now)
