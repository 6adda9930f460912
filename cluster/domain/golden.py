"""A training image: a scene that was good enough to learn from."""

from datetime import datetime

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.scene import SceneState
from cluster.domain.value import Value, now


class GoldenImage(Value):
    """A candidate for a character's training set, keyed by its job; a refused one says why."""

    character_id: CharacterId
    job_id: str
    sha256: str
    idr: float
    state: SceneState
    caption: str
    phash: str = Field(description="64-bit perceptual hash, hex")
    accepted: bool
    reason: str = ""
    created_at: datetime = Field(default_factory=now)
