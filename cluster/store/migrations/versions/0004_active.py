"""What is served is what the log of switches says: adapters have no column for it any more."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SERVING = ("promoted", "rolled_back", "cleared")
ADAPTERS = sa.table(
    "adapters",
    sa.column("character_id", sa.String),
    sa.column("version", sa.Integer),
    sa.column("active", sa.Boolean),
)
SWITCHES = sa.table(
    "adapter_switches",
    sa.column("id", sa.Integer),
    sa.column("character_id", sa.String),
    sa.column("kind", sa.String),
    sa.column("version", sa.Integer),
    sa.column("replaced", sa.Integer),
    sa.column("undo_id", sa.Integer),
    sa.column("problems", sa.JSON),
    sa.column("at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.drop_index("ix_adapter_switches_character_id", "adapter_switches")
    op.create_index(
        "ix_adapter_switches_character_id_id", "adapter_switches", ["character_id", "id"]
    )
    _let_the_log_say_what_is_active()
    op.drop_index("uq_adapters_active", "adapters")
    # Not in a batch: recreating a table would cascade to what belongs to its rows.
    op.drop_column("adapters", "active")


def downgrade() -> None:
    op.add_column(
        "adapters", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for row in _serving().values():
        this = sa.and_(
            ADAPTERS.c.character_id == row["character_id"], ADAPTERS.c.version == row["version"]
        )
        op.get_bind().execute(sa.update(ADAPTERS).where(this).values(active=True))
    op.create_index(
        "uq_adapters_active",
        "adapters",
        ["character_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.drop_index("ix_adapter_switches_character_id_id", "adapter_switches")
    op.create_index("ix_adapter_switches_character_id", "adapter_switches", ["character_id"])


def _serving() -> dict[str, sa.RowMapping]:
    """The newest entry of each character after which something else may be served."""
    query = sa.select(SWITCHES).where(SWITCHES.c.kind.in_(SERVING)).order_by(SWITCHES.c.id)
    return {row["character_id"]: row for row in op.get_bind().execute(query).mappings()}


def _let_the_log_say_what_is_active() -> None:
    """Where column and log disagree, the column was what jobs were rendered with: it is written
    into the log, as one more switch."""
    connection = op.get_bind()
    query = sa.select(ADAPTERS).where(ADAPTERS.c.active.is_(True))
    active = {row["character_id"]: row["version"] for row in connection.execute(query).mappings()}
    serving = _serving()
    for who in sorted({*active, *serving}):
        last, version = serving.get(who), active.get(who)
        replaced = last["version"] if last else None
        if version == replaced:
            continue
        entry = {
            "character_id": who,
            "kind": "cleared" if version is None else "promoted",
            "version": version,
            "replaced": replaced,
            "undo_id": last["id"] if last else None,
            "problems": [],
            "at": datetime.now(UTC),
        }
        connection.execute(sa.insert(SWITCHES).values(entry))
