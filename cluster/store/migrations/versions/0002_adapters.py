"""Adapters carry their training and verdict, switches say what came of them, jobs their version."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# An old switch from one version to another was two rows, written in one transaction.
ONE_SWITCH = timedelta(seconds=1)

SWITCHES = sa.table(
    "adapter_switches",
    sa.column("id", sa.Integer),
    sa.column("character_id", sa.String),
    sa.column("version", sa.Integer),
    sa.column("active", sa.Boolean),
    sa.column("kind", sa.String),
    sa.column("replaced", sa.Integer),
    sa.column("undo_id", sa.Integer),
    sa.column("problems", sa.JSON),
    sa.column("at", sa.DateTime(timezone=True)),
)
JOBS = sa.table(
    "jobs",
    sa.column("id", sa.String),
    sa.column("request", sa.JSON),
    sa.column("adapter_version", sa.Integer),
)
STEPS = sa.table(
    "job_steps",
    sa.column("job_id", sa.String),
    sa.column("name", sa.String),
    sa.column("detail", sa.JSON),
)


def upgrade() -> None:
    with op.batch_alter_table("adapter_switches") as table:
        table.add_column(sa.Column("kind", sa.String(), nullable=True))
        table.add_column(sa.Column("replaced", sa.Integer(), nullable=True))
        table.add_column(sa.Column("undo_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("problems", sa.JSON(), nullable=True))
        table.alter_column("version", existing_type=sa.Integer(), nullable=True)
    _join_switches()
    with op.batch_alter_table("adapter_switches") as table:
        table.alter_column("kind", existing_type=sa.String(), nullable=False)
        table.alter_column("problems", existing_type=sa.JSON(), nullable=False)
        table.drop_column("active")
    # Not in a batch: recreating a table would cascade to what belongs to its rows.
    op.add_column("adapters", sa.Column("training", sa.JSON(), nullable=True))
    op.add_column("adapters", sa.Column("verdict", sa.JSON(), nullable=True))
    op.add_column("adapters", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("adapter_version", sa.Integer(), nullable=True))
    _pin_jobs()


def downgrade() -> None:
    _unpin_jobs()
    op.drop_column("jobs", "adapter_version")
    for column in ("deleted_at", "verdict", "training"):
        op.drop_column("adapters", column)
    with op.batch_alter_table("adapter_switches") as table:
        table.add_column(sa.Column("active", sa.Boolean(), nullable=True))
    _part_switches()
    with op.batch_alter_table("adapter_switches") as table:
        table.alter_column("active", existing_type=sa.Boolean(), nullable=False)
        table.alter_column("version", existing_type=sa.Integer(), nullable=False)
        for column in ("problems", "undo_id", "replaced", "kind"):
            table.drop_column(column)


def _join_switches() -> None:
    """One row a switch, each with what it replaced and the row that undoing it leads to."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(SWITCHES).order_by(SWITCHES.c.id)).mappings().all()
    undo: dict[str, list[int]] = {}  # the rows of each character that survive, oldest first
    off: dict[str, Any] = {}
    for row in rows:
        who = row["character_id"]
        chain = undo.setdefault(who, [])
        fields: dict[str, Any]
        if row["active"]:
            fields = {"kind": "promoted", "replaced": None}
            last = off.pop(who, None)
            if last is not None and row["at"] - last["at"] < ONE_SWITCH:
                connection.execute(sa.delete(SWITCHES).where(SWITCHES.c.id == chain.pop()))
                fields["replaced"] = last["version"]
        else:
            fields = {"kind": "cleared", "version": None, "replaced": row["version"]}
            off[who] = row
        fields |= {"undo_id": chain[-1] if chain else None, "problems": []}
        connection.execute(sa.update(SWITCHES).where(SWITCHES.c.id == row["id"]).values(fields))
        chain.append(row["id"])


def _part_switches() -> None:
    """Only what was served, as activations and deactivations."""
    connection = op.get_bind()
    served = ("promoted", "rolled_back", "cleared")
    connection.execute(sa.delete(SWITCHES).where(SWITCHES.c.kind.not_in(served)))
    for row in connection.execute(sa.select(SWITCHES)).mappings().all():
        this = SWITCHES.c.id == row["id"]
        if row["version"] is not None:
            connection.execute(sa.update(SWITCHES).where(this).values(active=True))
        elif row["replaced"] is not None:
            fields = {"active": False, "version": row["replaced"]}
            connection.execute(sa.update(SWITCHES).where(this).values(fields))
        else:
            connection.execute(sa.delete(SWITCHES).where(this))


def _pin_jobs() -> None:
    """`use_adapter: false` is now `adapter_version: 0`; a planned job knows its version."""
    planned = {job: _version(detail.get("adapter")) for job, detail in _fittings()}
    for id, request in _requests():
        unused = request.pop("use_adapter", True) is False
        request["adapter_version"] = 0 if unused else None
        _update(id, {"request": request, "adapter_version": planned.get(id, 0 if unused else None)})


def _unpin_jobs() -> None:
    for id, request in _requests():
        request["use_adapter"] = request.pop("adapter_version", None) != 0
        _update(id, {"request": request})


def _requests() -> Iterator[tuple[str, dict[str, Any]]]:
    for id, request in op.get_bind().execute(sa.select(JOBS.c.id, JOBS.c.request)).all():
        yield id, json.loads(request) if isinstance(request, str) else dict(request)


def _fittings() -> Iterator[tuple[str, dict[str, Any]]]:
    query = sa.select(STEPS.c.job_id, STEPS.c.detail).where(STEPS.c.name == "adapter")
    for id, detail in op.get_bind().execute(query).all():
        yield id, json.loads(detail) if isinstance(detail, str) else dict(detail)


def _version(adapter: str | None) -> int:
    return int(adapter.rpartition("_v")[2]) if adapter else 0


def _update(id: str, fields: dict[str, Any]) -> None:
    op.get_bind().execute(sa.update(JOBS).where(JOBS.c.id == id).values(fields))
