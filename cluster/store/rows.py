"""The tables. Rows never leave store/: repositories turn them into domain values."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from cluster.domain.character import Profile
from cluster.domain.consent import Consent
from cluster.domain.learning.adapter import TrainingFigures
from cluster.domain.learning.training import GateVerdict, Progress, TrainedAdapter, TrainingOrder
from cluster.domain.story.job import Problem, Result
from cluster.domain.story.reading import Change
from cluster.domain.story.scene import SceneRequest, SceneState

CHANGES = TypeAdapter(tuple[Change, ...])


class JsonModel(sa.TypeDecorator[BaseModel]):
    """A nested domain value, as JSON."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: BaseModel | None, _dialect: sa.Dialect) -> object:
        return None if value is None else value.model_dump(mode="json")

    def process_result_value(self, value: object, _dialect: sa.Dialect) -> BaseModel | None:
        return None if value is None else self.model.model_validate(value)


class JsonChanges(sa.TypeDecorator[tuple[Change, ...]]):
    """The changes of an episode, as a JSON list; NULL where nobody has looked for any."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: tuple[Change, ...] | None, _dialect: sa.Dialect) -> object:
        return None if value is None else CHANGES.dump_python(value, mode="json")

    def process_result_value(
        self, value: object, _dialect: sa.Dialect
    ) -> tuple[Change, ...] | None:
        return None if value is None else CHANGES.validate_python(value)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A UTC instant. SQLite stores it without its zone, so it is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class TableRow(
    SQLModel,
    registry=registry(
        metadata=sa.MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        )
    ),
):
    """The base of every table; its metadata is what the migrations are compared with."""


def _document(model: type[BaseModel], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(JsonModel(model), nullable=nullable)


def _json() -> sa.Column[Any]:
    return sa.Column(sa.JSON(), nullable=False)


def _text() -> sa.Column[Any]:
    return sa.Column(sa.Text(), nullable=False)


def _moment(*, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(UtcDateTime(), nullable=nullable)


def _of_character(*, primary_key: bool = False, index: bool = False) -> sa.Column[Any]:
    """What belongs to a character goes with it."""
    owner = sa.ForeignKey("characters.id", ondelete="CASCADE")
    return sa.Column(sa.String(), owner, primary_key=primary_key, nullable=False, index=index)


def _of_job() -> sa.Column[Any]:
    owner = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column(sa.String(), owner, primary_key=True, nullable=False)


def _of_episode() -> sa.Column[Any]:
    owner = sa.ForeignKey("episodes.id", ondelete="CASCADE")
    return sa.Column(sa.String(), owner, primary_key=True, nullable=False)


class CharacterRow(TableRow, table=True):
    __tablename__ = "characters"

    id: str = Field(primary_key=True)
    name: str
    profile: Profile = Field(sa_column=_document(Profile))
    references: list[str] = Field(sa_column=_json())
    consent: Consent = Field(sa_column=_document(Consent))
    domain: str
    created_at: datetime = Field(sa_column=_moment())


class JobRow(TableRow, table=True):
    """Jobs outlive their character: they are the studio's history."""

    __tablename__ = "jobs"
    __table_args__ = (
        sa.Index("ix_jobs_newest", "created_at", "id"),
        sa.Index("ix_jobs_status", "status", "created_at"),
        sa.Index("ix_jobs_character_story", "character_id", "story_id", "created_at"),
    )

    id: str = Field(primary_key=True)
    status: str
    character_id: str
    story_id: str
    adapter_version: int | None = None
    request: SceneRequest = Field(sa_column=_document(SceneRequest))
    result: Result = Field(sa_column=_document(Result))
    problem: Problem | None = Field(default=None, sa_column=_document(Problem, nullable=True))
    created_at: datetime = Field(sa_column=_moment())
    updated_at: datetime = Field(sa_column=_moment())


class StepRow(TableRow, table=True):
    """`position` keeps the order in which the steps ended."""

    __tablename__ = "job_steps"

    job_id: str = Field(sa_column=_of_job())
    name: str = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    position: int
    duration_ms: float
    detail: dict[str, Any] = Field(sa_column=_json())
    at: datetime = Field(sa_column=_moment())


class EventRow(TableRow, table=True):
    __tablename__ = "job_events"

    job_id: str = Field(sa_column=_of_job())
    seq: int = Field(primary_key=True)
    kind: str
    data: dict[str, Any] = Field(sa_column=_json())
    at: datetime = Field(sa_column=_moment())


class EpisodeRow(TableRow, table=True):
    __tablename__ = "episodes"
    __table_args__ = (sa.UniqueConstraint("character_id", "story_id", "scene"),)

    id: str = Field(primary_key=True)
    character_id: str = Field(sa_column=_of_character())
    story_id: str
    scene: int
    prompt: str = Field(sa_column=_text())
    state: SceneState = Field(sa_column=_document(SceneState))
    artifact: str
    idr: float | None = None
    corrected: bool = False
    forgotten: bool = False
    changes: tuple[Change, ...] | None = Field(
        default=None, sa_column=sa.Column(JsonChanges(), nullable=True)
    )
    created_at: datetime = Field(sa_column=_moment())


class EpisodeFaceRow(TableRow, table=True):
    """The face that an episode shows: float32, little-endian, as `model` embeds it."""

    __tablename__ = "episode_faces"

    episode_id: str = Field(sa_column=_of_episode())
    model: str = Field(index=True)
    vector: bytes


class AdapterRow(TableRow, table=True):
    """Immutable, but for `deleted_at`. Which one is served is in the log of switches alone."""

    __tablename__ = "adapters"

    character_id: str = Field(sa_column=_of_character(primary_key=True))
    version: int = Field(primary_key=True)
    sha256: str
    base_model: str
    rank: int
    alpha: float
    trigger: str | None = None
    origin: str
    idr: float | None = None
    training: TrainingFigures | None = Field(
        default=None, sa_column=_document(TrainingFigures, nullable=True)
    )
    verdict: GateVerdict | None = Field(
        default=None, sa_column=_document(GateVerdict, nullable=True)
    )
    created_at: datetime = Field(sa_column=_moment())
    deleted_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True))


class AdapterSwitchRow(TableRow, table=True):
    """What was served when, and thereby what is served. It stays when the character goes."""

    __tablename__ = "adapter_switches"
    __table_args__ = (sa.Index("ix_adapter_switches_character_id_id", "character_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    character_id: str
    kind: str
    version: int | None = None
    replaced: int | None = None
    undo_id: int | None = None
    problems: list[str] = Field(sa_column=_json())
    at: datetime = Field(sa_column=_moment())


class GoldenRow(TableRow, table=True):
    __tablename__ = "golden_images"

    job_id: str = Field(primary_key=True)
    character_id: str = Field(sa_column=_of_character(index=True))
    sha256: str
    idr: float
    state: SceneState = Field(sa_column=_document(SceneState))
    caption: str = Field(sa_column=_text())
    phash: str
    accepted: bool
    reason: str = Field(sa_column=_text())
    created_at: datetime = Field(sa_column=_moment())


class SnapshotRow(TableRow, table=True):
    """Every training set ever built; the newest of a character counts."""

    __tablename__ = "golden_snapshots"

    id: int | None = Field(default=None, primary_key=True)
    character_id: str = Field(sa_column=_of_character(index=True))
    manifest: str
    inputs: str
    samples: int
    dropped: int
    created_at: datetime = Field(sa_column=_moment())


class TrainingRunRow(TableRow, table=True):
    """At most one run of a character is open."""

    __tablename__ = "training_runs"
    __table_args__ = (
        sa.Index(
            "uq_training_runs_open",
            "character_id",
            unique=True,
            sqlite_where=sa.text("open"),
            postgresql_where=sa.text("open"),
        ),
    )

    id: str = Field(primary_key=True)
    character_id: str = Field(sa_column=_of_character(index=True))
    status: str
    open: bool
    asked: bool
    images: int
    attempts: int
    order: TrainingOrder | None = Field(sa_column=_document(TrainingOrder, nullable=True))
    progress: Progress | None = Field(sa_column=_document(Progress, nullable=True))
    judged: int
    to_judge: int
    adapter: TrainedAdapter | None = Field(sa_column=_document(TrainedAdapter, nullable=True))
    verdict: GateVerdict | None = Field(sa_column=_document(GateVerdict, nullable=True))
    champion: str | None
    problem: Problem | None = Field(sa_column=_document(Problem, nullable=True))
    created_at: datetime = Field(sa_column=_moment())
    updated_at: datetime = Field(sa_column=_moment())


class TrainingEventRow(TableRow, table=True):
    __tablename__ = "training_events"

    seq: int | None = Field(default=None, primary_key=True)
    character_id: str = Field(sa_column=_of_character(index=True))
    run_id: str
    kind: str
    data: dict[str, Any] = Field(sa_column=_json())
    at: datetime = Field(sa_column=_moment())


class TrainingPauseRow(TableRow, table=True):
    """A row stands for a character who is not trained until somebody resumes."""

    __tablename__ = "training_pauses"

    character_id: str = Field(sa_column=_of_character(primary_key=True))
    since: datetime = Field(sa_column=_moment())


class KeyRow(TableRow, table=True):
    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    name: str
    sha256: str
    created_at: datetime = Field(sa_column=_moment())
    revoked_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True))


class IdempotencyRow(TableRow, table=True):
    """`status` is null until the claimed request was answered."""

    __tablename__ = "idempotency"

    key: str = Field(primary_key=True)
    fingerprint: str
    claimed_at: datetime = Field(sa_column=_moment())
    status: int | None = None
    headers: dict[str, str] = Field(sa_column=_json())
    body: bytes = b""
