"""A training image: a scene that was good enough to learn from; and the training set's state."""

from datetime import datetime

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.story.scene import SceneState
from cluster.domain.value import Value, now


class GoldenImage(Value):
    """A candidate for a character's training set, keyed by its job; a refused one says why.

    `reason` is empty for an accepted one, else `<guard>: <what it found>`, where the guard is one
    of idr, quality, reference, duplicate, variety.
    """

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

    @property
    def guard(self) -> str:
        """The guard that refused it; empty for an accepted one."""
        return "" if self.accepted else self.reason.partition(":")[0]


class Snapshot(Value):
    """One immutable state of a character's training set, named by its manifest's digest.

    `inputs` is the digest of what it was built from, so that a restart can tell whether it is
    still the newest.
    """

    character_id: CharacterId
    manifest: str = Field(description="Blob sha256 of the manifest, JSON.")
    inputs: str
    samples: int
    dropped: int
    created_at: datetime = Field(default_factory=now)


class DatasetStatus(Value):
    """Where a character's training set stands. References count as golden from the start."""

    character_id: CharacterId
    references: int
    accepted: int
    refused: dict[str, int] = Field(default_factory=dict, description="Refusals by guard.")
    snapshot: Snapshot | None = None
    pending: bool = Field(False, description="A newer snapshot is waiting or being built.")
    problem: str | None = Field(None, description="Why the last build failed; it is tried again.")
