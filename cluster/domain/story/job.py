"""A job: one scene on its way through the sixteen steps."""

from datetime import datetime
from typing import Any, Literal, NewType, get_args

from pydantic import Field

from cluster.domain.identity.score import IdentityReport
from cluster.domain.learning.adapter import AdapterId
from cluster.domain.story.contradictions import Clash, Level
from cluster.domain.story.scene import SceneRequest, SceneState
from cluster.domain.story.world import WorldState
from cluster.domain.value import Value, now

JobId = NewType("JobId", str)
JobStatus = Literal["queued", "running", "succeeded", "rejected", "failed", "cancelled"]
TERMINAL: frozenset[JobStatus] = frozenset({"succeeded", "rejected", "failed", "cancelled"})
NEXT: dict[JobStatus, frozenset[JobStatus]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"succeeded", "rejected", "failed", "cancelled"}),
    **dict.fromkeys(sorted(TERMINAL), frozenset()),
}

STEP_NAMES = Literal[
    "context", "adapter", "prompt", "render", "validate", "repair", "analyze", "remember", "collect"
]
STEPS: tuple[str, ...] = get_args(STEP_NAMES)


class Step(Value):
    """One finished step. `attempt` counts from 1 where a step repeats."""

    name: STEP_NAMES
    attempt: int = 1
    duration_ms: float
    detail: dict[str, Any] = Field(default_factory=dict)
    at: datetime = Field(default_factory=now)


class Repair(Value):
    """What one repair did to the score. `kept` tells whether its image replaced the old one."""

    attempt: int
    idr_before: float | None
    idr_after: float | None
    kept: bool
    strength: float
    blend: Literal["feather", "poisson"] | None = None
    reason: str = ""
    artifact: str | None = None


class Contradiction(Value):
    """A request that contradicts what is known, or says what nobody has told so far.

    Against the story's state the request wins, from this scene on. Against a permanent trait
    (`field` begins with `profile.`) the trait stays, and the request is not followed in that.
    """

    field: str
    requested: str = Field(description="The request's own words.")
    state: str = Field(description="What stands against it.")
    level: Level = Field(
        "contradiction", description="question: the story knows nothing of it; new, or an error."
    )
    evidence: str = Field(
        "", description="The words that the state has it from; `profile`: the character's own."
    )
    resolve: str = Field("", description="What would make both true.")

    @classmethod
    def of(cls, clash: Clash) -> "Contradiction":
        """A clash of a reading with the story's state."""
        return cls(
            field=clash.slot,
            requested=clash.requested,
            state=clash.state,
            level=clash.level,
            evidence=clash.evidence,
            resolve=clash.resolve,
        )


class Problem(Value):
    """Why a job did not succeed: a stable code, what happened, what to do."""

    code: str
    message: str
    advice: str = ""


class Result(Value):
    """Everything a finished scene is known by. Artifacts are blob sha256 digests."""

    artifact: str | None = Field(None, description="The final image, or the best rejected one.")
    raw_artifact: str | None = Field(None, description="The image before any repair.")
    idr: float | None = None
    identity: IdentityReport | None = None
    raw_identity: IdentityReport | None = None
    repairs: tuple[Repair, ...] = ()
    prompt: str | None = None
    negative_prompt: str | None = None
    contradictions: tuple[Contradiction, ...] = ()
    adapter: AdapterId | None = None
    seed: int | None = None
    backend: str | None = None
    state_before: WorldState | None = None
    state_after: WorldState | None = None
    observed: SceneState | None = None
    golden: bool | None = None
    golden_reason: str | None = None


class Job(Value):
    id: JobId
    status: JobStatus = "queued"
    request: SceneRequest
    adapter_version: int | None = Field(
        None, description="The version it is rendered with, to its end; 0: none; null: not planned."
    )
    steps: tuple[Step, ...] = ()
    result: Result = Result()
    problem: Problem | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class JobEvent(Value):
    """One entry of a job's event log; `seq` counts from 1 within the job."""

    seq: int
    kind: Literal["status", "step", "progress"]
    data: dict[str, Any]
    at: datetime = Field(default_factory=now)
