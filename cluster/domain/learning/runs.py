"""The learning loop's own values: training runs, and when a character is due for the next one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.learning.training import GateVerdict, Progress, TrainedAdapter, TrainingOrder
from cluster.domain.story.job import Problem
from cluster.domain.value import Value, now
from cluster.settings import LearnerSettings

RunStatus = Literal["queued", "training", "judging", "promoted", "refused", "failed", "cancelled"]
OVER: frozenset[RunStatus] = frozenset({"promoted", "refused", "failed", "cancelled"})
DOUBLINGS = 6
"""The back-off after refusals doubles this often at most."""


class TrainingRun(Value):
    """One training of one character, from the queue to the gate's decision.

    Each stage leaves its result here before the next one begins, so that a run that was cut off
    goes on where it was: `order` when training begins, `adapter` when it is done, `verdict` when
    the gate has decided.
    """

    id: str
    character_id: CharacterId
    status: RunStatus = "queued"
    asked: bool = Field(False, description="A person asked for it, whatever the threshold says.")
    images: int = Field(description="Accepted images, references included, when it was queued.")
    attempts: int = Field(0, description="Failures so far; each is tried again, later each time.")
    order: TrainingOrder | None = None
    progress: Progress | None = None
    judged: int = Field(0, description="Pictures that the gate has painted and scored.")
    to_judge: int = 0
    adapter: TrainedAdapter | None = None
    verdict: GateVerdict | None = None
    champion: str | None = Field(None, description="Whom it was judged against; null: no adapter.")
    problem: Problem | None = Field(None, description="Why it failed, or the last attempt did.")
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


class TrainingEvent(Value):
    """One entry of a character's training log; `seq` rises, with gaps."""

    seq: int
    run_id: str
    kind: Literal["status", "progress", "judging"]
    data: dict[str, Any]
    at: datetime = Field(default_factory=now)


class LearningStatus(Value):
    """Where a character's learning stands."""

    character_id: CharacterId
    paused: bool
    images: int = Field(description="Accepted images, references included.")
    wanted: int = Field(description="Images at which the next training begins by itself.")
    run: TrainingRun | None = Field(None, description="The run that is open, or the newest.")


def images_wanted(runs: Sequence[TrainingRun], rules: LearnerSettings) -> int:
    """At how many accepted images the next training begins, given the runs so far, newest first.

    The first with one more than `more_than_images`. After a promotion `new_images` more are needed
    than the promoted run had; after each refusal or failure in a row, twice as many new ones: a
    set that did not teach enough will not do so by being learned again.
    """
    decided = [run for run in runs if run.status in OVER - {"cancelled"}]
    if not decided:
        return rules.more_than_images + 1
    in_vain = next((at for at, run in enumerate(decided) if run.status == "promoted"), len(decided))
    return decided[0].images + (rules.new_images << min(max(in_vain - 1, 0), DOUBLINGS))


def retry_after_s(attempts: int, rules: LearnerSettings) -> float:
    """How long a run that failed `attempts` times waits before it is tried again."""
    return rules.retry_s * 2.0 ** min(max(attempts - 1, 0), DOUBLINGS)
