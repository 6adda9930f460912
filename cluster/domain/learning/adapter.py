"""A LoRA of one character: an immutable version of its learned look, and who was served when."""

from datetime import datetime
from typing import Literal, NewType

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.learning.training import GateVerdict, TrainedAdapter
from cluster.domain.value import Value, now

AdapterId = NewType("AdapterId", str)
NO_ADAPTER = 0
"""Versions count from 1: version 0 is the base model alone."""


class TrainingFigures(Value):
    """How a version was trained. `manifest` is the training set's blob; `train_s` seconds."""

    run_id: str
    manifest: str
    best_step: int
    probe_idr: float | None = None
    train_s: float

    @classmethod
    def of(cls, trained: TrainedAdapter) -> "TrainingFigures":
        return cls(**{name: getattr(trained, name) for name in cls.model_fields})


class AdapterVersion(Value):
    """One adapter file: `char_<character>_v<version>.safetensors`, content-addressed by sha256.

    Nothing of it ever changes but `active`.
    """

    character_id: CharacterId
    version: int = Field(ge=1)
    sha256: str
    base_model: str
    rank: int
    alpha: float
    trigger: str | None = None
    active: bool = False
    origin: Literal["import", "training"] = "import"
    idr: float | None = Field(None, description="Mean IDR on its evaluation set, when known.")
    training: TrainingFigures | None = Field(None, description="null for an imported file.")
    verdict: GateVerdict | None = Field(None, description="The gate's; null for an imported file.")
    created_at: datetime = Field(default_factory=now)

    @property
    def id(self) -> AdapterId:
        return adapter_id(self.character_id, self.version)

    @property
    def refused(self) -> str | None:
        """Why the gate refused it; None when it did not."""
        return self.verdict.reason if self.verdict and not self.verdict.promoted else None


class AdapterBook(Value):
    """A character's versions, which of them is served, and what rolling back would serve.

    null: the base model alone.
    """

    items: tuple[AdapterVersion, ...]
    active: int | None
    previous: int | None


SwitchKind = Literal["staging", "abandoned", "promoted", "rolled_back", "cleared", "deleted"]
SERVING: tuple[SwitchKind, ...] = ("promoted", "rolled_back", "cleared")
"""The kinds after which another version may be served; the others only say what was tried."""


class AdapterSwitch(Value):
    """One entry of the audit; `id` grows with every entry, over all characters.

    `version` is what is served from `at` on (null: the base model alone) when `kind` is one of
    SERVING, and else the version that was being staged, was given up or was deleted.
    """

    id: int
    character_id: CharacterId
    kind: SwitchKind
    version: int | None
    replaced: int | None = Field(None, description="The version served until then; null: none.")
    problems: tuple[str, ...] = Field((), description="Replicas that did not stage it, and why.")
    at: datetime = Field(default_factory=now)

    @property
    def adapter_id(self) -> AdapterId | None:
        return adapter_id(self.character_id, self.version) if self.version is not None else None


class ExpectedAdapter(Value):
    """A hint: a scene in the queue will need this version; null: the one that is active then."""

    character_id: CharacterId
    version: int | None


class NewsPosition(Value):
    """How far somebody has heard the registry's news."""

    switch_id: int = 0
    hint_id: int = 0


class RegistryNews(Value):
    """What is new for replicas that paint, oldest first, and how far it reaches."""

    switches: tuple[AdapterSwitch, ...]
    expected: tuple[ExpectedAdapter, ...]
    position: NewsPosition


def adapter_id(character_id: CharacterId, version: int) -> AdapterId:
    """`char_<character>_v<version>`: what a version's file, jobs and replicas call it."""
    return AdapterId(f"char_{character_id}_v{version}")
