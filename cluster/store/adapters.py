"""Adapter versions, the active one of each character, and who was active when."""

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cluster.domain.adapter import AdapterSwitch, AdapterVersion
from cluster.domain.character import CharacterId
from cluster.domain.value import now
from cluster.errors import Conflict, NotFound
from cluster.store.characters import lock_character
from cluster.store.database import Database, add_once
from cluster.store.rows import AdapterRow, AdapterSwitchRow


class AdapterRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, adapter: AdapterVersion) -> None:
        """Keep a version; an active one takes over. Raises Conflict, NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, adapter.character_id)
            if not add_once(session, AdapterRow(**{**dict(adapter), "active": False})):
                raise Conflict(
                    f"adapter {adapter.id!r} exists already", advice="Take the next version."
                )
            if adapter.active:
                _switch(session, adapter.character_id, adapter.version)

    def next_version(self, character_id: CharacterId) -> int:
        """One above the highest version; versions count from 1."""
        highest = select(sa.func.coalesce(sa.func.max(AdapterRow.version), 0))
        with self._database.read() as session:
            return 1 + session.exec(highest.where(AdapterRow.character_id == character_id)).one()

    def get(self, character_id: CharacterId, version: int) -> AdapterVersion:
        """Raises NotFound."""
        with self._database.read() as session:
            return _value(_existing(session, character_id, version))

    def active(self, character_id: CharacterId) -> AdapterVersion | None:
        """The version that scenes are rendered with."""
        with self._database.read() as session:
            row = _active(session, character_id)
            return _value(row) if row else None

    def activate(self, character_id: CharacterId, version: int | None) -> None:
        """Make `version` the active one, None for none. Raises NotFound."""
        with self._database.write() as session:
            lock_character(session, character_id)
            _switch(session, character_id, version)

    def switches(self, character_id: CharacterId) -> list[AdapterSwitch]:
        """Every activation and deactivation, oldest first."""
        query = (
            select(AdapterSwitchRow)
            .where(AdapterSwitchRow.character_id == character_id)
            .order_by(col(AdapterSwitchRow.id))
        )
        with self._database.read() as session:
            rows = session.exec(query)
            return [AdapterSwitch.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def list(self, character_id: CharacterId | None = None) -> list[AdapterVersion]:
        """Every version by character and number."""
        query = select(AdapterRow).order_by(col(AdapterRow.character_id), col(AdapterRow.version))
        if character_id is not None:
            query = query.where(AdapterRow.character_id == character_id)
        with self._database.read() as session:
            return [_value(row) for row in session.exec(query)]


def _switch(session: Session, character_id: CharacterId, version: int | None) -> None:
    old = _active(session, character_id)
    new = _existing(session, character_id, version) if version is not None else None
    if old is new:
        return
    if old is not None:
        _set_active(session, old, False)
    if new is not None:
        _set_active(session, new, True)


def _set_active(session: Session, row: AdapterRow, active: bool) -> None:
    row.active = active
    session.flush()  # the old one first: at no moment may two be active
    session.add(
        AdapterSwitchRow(
            character_id=row.character_id, version=row.version, active=active, at=now()
        )
    )


def _active(session: Session, character_id: CharacterId) -> AdapterRow | None:
    query = select(AdapterRow).where(
        AdapterRow.character_id == character_id, col(AdapterRow.active).is_(True)
    )
    return session.exec(query).first()


def _existing(session: Session, character_id: CharacterId, version: int) -> AdapterRow:
    row = session.get(AdapterRow, (character_id, version))
    if row is None:
        raise NotFound("adapter", id=f"char_{character_id}_v{version}")
    return row


def _value(row: AdapterRow) -> AdapterVersion:
    return AdapterVersion.model_validate(dict(row))
