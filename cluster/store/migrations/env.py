"""Run by Alembic. The connection, and the transaction round everything, are the caller's."""

from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from cluster.store.rows import TableRow


def plain(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """A revision spells our column types as what the database sees, so that it never ages."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        seen = item.impl_instance
        zone = "timezone=True" if isinstance(seen, sa.DateTime) else ""
        return f"sa.{type(seen).__name__}({zone})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TableRow.metadata,
    render_as_batch=True,
    render_item=plain,
)
context.run_migrations()
