"""Training runs, their events, and who is paused."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _create_runs()
    _create_events()
    op.create_table(
        "training_pauses",
        sa.Column("character_id", sa.String(), nullable=False),
        _time("since"),
        _of_character("training_pauses"),
        sa.PrimaryKeyConstraint("character_id", name=op.f("pk_training_pauses")),
    )


def downgrade() -> None:
    for table in ("training_pauses", "training_events", "training_runs"):
        op.drop_table(table)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _of_character(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_character_id")
    return sa.ForeignKeyConstraint(
        ["character_id"], ["characters.id"], name=name, ondelete="CASCADE"
    )


def _create_runs() -> None:
    op.create_table(
        "training_runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("order", sa.JSON(), nullable=True),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("to_judge", sa.Integer(), nullable=False),
        sa.Column("adapter", sa.JSON(), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("champion", sa.String(), nullable=True),
        sa.Column("problem", sa.JSON(), nullable=True),
        _time("created_at"),
        _time("updated_at"),
        _of_character("training_runs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
    )
    op.create_index(op.f("ix_training_runs_character_id"), "training_runs", ["character_id"])
    op.create_index(
        "uq_training_runs_open",
        "training_runs",
        ["character_id"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )


def _create_events() -> None:
    op.create_table(
        "training_events",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("character_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        _time("at"),
        _of_character("training_events"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_training_events")),
    )
    op.create_index(op.f("ix_training_events_character_id"), "training_events", ["character_id"])
