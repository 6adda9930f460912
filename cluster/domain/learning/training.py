"""Training an adapter: what is ordered, how it goes, what comes out, and the verdict on it."""

from datetime import datetime

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.value import Value, now


class TrainingOrder(Value):
    """One training run. The same `run_id` again resumes from its last checkpoint."""

    run_id: str
    character_id: CharacterId
    version: int = Field(ge=1, description="The version that the adapter becomes.")
    manifest: str = Field(description="Blob sha256 of the training set's manifest.")
    trigger: str


class Progress(Value):
    """Where a run stands. `probe_idr` is the mean IDR of the newest probe pictures."""

    run_id: str
    step: int
    steps: int
    loss: float | None = None
    probe_idr: float | None = None
    at: datetime = Field(default_factory=now)


class TrainedAdapter(Value):
    """What a run leaves: a LoRA file among the blobs, not yet served by anyone."""

    run_id: str
    character_id: CharacterId
    version: int
    sha256: str
    manifest: str
    base_model: str
    rank: int
    alpha: float
    trigger: str
    best_step: int
    probe_idr: float | None
    train_s: float


class Measure(Value):
    """One figure of the gate: champion, challenger and the 95 % interval of their difference."""

    name: str
    champion: float | None
    challenger: float | None
    low: float | None = Field(None, description="Lower end of the paired bootstrap interval.")
    high: float | None = None
    margin: float = 0.0
    passed: bool


class GateVerdict(Value):
    """The gate's decision on a challenger. `reason` says why it was refused; empty if promoted."""

    promoted: bool
    reason: str = ""
    measures: tuple[Measure, ...] = ()
    scenes: int
    report: str | None = Field(None, description="Blob sha256 of the full report, JSON.")
    sheet: str | None = Field(None, description="Blob sha256 of the contact sheet, PNG.")
