"""Which adapter version is served: what the newest entry of the log of switches says.

The log is the only truth. An index over the entries that served something makes this one look-up.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import SERVING
from cluster.store.rows import AdapterSwitchRow


def newest_first(character_id: CharacterId) -> SelectOfScalar[AdapterSwitchRow]:
    """A query of the character's newest entry, to be narrowed."""
    return (
        select(AdapterSwitchRow)
        .where(AdapterSwitchRow.character_id == character_id)
        .order_by(col(AdapterSwitchRow.id).desc())
        .limit(1)
    )


def serving_entry(
    session: Session, character_id: CharacterId, at: datetime | None = None
) -> AdapterSwitchRow | None:
    """The entry by which what is served (at `at`; None: now) came to be; None: never any."""
    query = newest_first(character_id).where(col(AdapterSwitchRow.kind).in_(SERVING))
    if at is not None:
        query = query.where(col(AdapterSwitchRow.at) <= at)
    return session.exec(query).first()


def served_version(session: Session, character_id: CharacterId) -> int | None:
    """The version that is served now; None for the base model alone."""
    row = serving_entry(session, character_id)
    return row.version if row else None


def served_versions(session: Session) -> set[tuple[str, int]]:
    """(character, version) of everything that is served now."""
    newest = (
        select(sa.func.max(AdapterSwitchRow.id))
        .where(col(AdapterSwitchRow.kind).in_(SERVING))
        .group_by(AdapterSwitchRow.character_id)
    )
    query = select(AdapterSwitchRow).where(
        col(AdapterSwitchRow.id).in_(newest), col(AdapterSwitchRow.version).is_not(None)
    )
    return {(row.character_id, row.version or 0) for row in session.exec(query)}
