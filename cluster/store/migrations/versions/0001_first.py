"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "job_steps",
    "job_events",
    "jobs",
    "golden_snapshots",
    "golden_images",
    "episode_faces",
    "episodes",
    "adapters",
    "characters",
    "idempotency",
    "api_keys",
    "adapter_switches",
)


def upgrade() -> None:
    _create_characters()
    _create_jobs()
    _create_episodes()
    _create_adapters()
    _create_golden()
    _create_access()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of(table: str, owner: str) -> sa.ForeignKeyConstraint:
    column = f"{owner.removesuffix('s')}_id"
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")


def _create_characters() -> None:
    op.create_table(
        "characters",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_characters")),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("story_id", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_newest", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_status", "jobs", ["status", "created_at"])
    op.create_index("ix_jobs_character_story", "jobs", ["character_id", "story_id", "created_at"])
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        _time("at"),
        _of("job_steps", "jobs"),
        sa.PrimaryKeyConstraint("job_id", "name", "attempt", name=op.f("pk_job_steps")),
    )
    op.create_table(
        "job_events",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        _time("at"),
        _of("job_events", "jobs"),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_job_events")),
    )


def _create_episodes() -> None:
    op.create_table(
        "episodes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("story_id", sa.String(), nullable=False),
        sa.Column("scene", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("idr", sa.Float(), nullable=True),
        sa.Column("corrected", sa.Boolean(), nullable=False),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        _time("created_at"),
        _of("episodes", "characters"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_episodes")),
        sa.UniqueConstraint(
            "character_id",
            "story_id",
            "scene",
            name=op.f("uq_episodes_character_id_story_id_scene"),
        ),
    )
    op.create_table(
        "episode_faces",
        sa.Column("episode_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        _of("episode_faces", "episodes"),
        sa.PrimaryKeyConstraint("episode_id", name=op.f("pk_episode_faces")),
    )
    op.create_index(op.f("ix_episode_faces_model"), "episode_faces", ["model"])


def _create_adapters() -> None:
    op.create_table(
        "adapters",
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("base_model", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("idr", sa.Float(), nullable=True),
        _time("created_at"),
        _of("adapters", "characters"),
        sa.PrimaryKeyConstraint("character_id", "version", name=op.f("pk_adapters")),
    )
    op.create_index(
        "uq_adapters_active",
        "adapters",
        ["character_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "adapter_switches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        _time("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adapter_switches")),
    )
    op.create_index(op.f("ix_adapter_switches_character_id"), "adapter_switches", ["character_id"])


def _create_golden() -> None:
    op.create_table(
        "golden_images",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("idr", sa.Float(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("phash", sa.String(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _time("created_at"),
        _of("golden_images", "characters"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_golden_images")),
    )
    op.create_index(op.f("ix_golden_images_character_id"), "golden_images", ["character_id"])
    op.create_table(
        "golden_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("manifest", sa.String(), nullable=False),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        _time("created_at"),
        _of("golden_snapshots", "characters"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_golden_snapshots")),
    )
    op.create_index(op.f("ix_golden_snapshots_character_id"), "golden_snapshots", ["character_id"])


def _create_access() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        _time("created_at"),
        _time("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        _time("claimed_at"),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency")),
    )
