"""Adapter versions: immutable, and numbered for ever."""

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import NO_ADAPTER, AdapterVersion, adapter_id
from cluster.domain.story.job import JobId
from cluster.errors import Conflict, NotFound
from cluster.store.characters import lock_character
from cluster.store.database import add_once
from cluster.store.repository import Repository
from cluster.store.rows import AdapterRow, AdapterSwitchRow, JobRow
from cluster.store.serving import served_version, served_versions


class AdapterRepository(Repository[AdapterRow]):
    """The versions. Which one is served is decided in `switches.py`."""

    row, noun = AdapterRow, "adapter"

    def add(self, adapter: AdapterVersion) -> None:
        """Keep a version, not yet served. Raises Conflict, NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, adapter.character_id)
            if not add_once(session, _row(adapter)):
                raise Conflict(
                    f"adapter {adapter.id!r} exists already", advice="Take the next version."
                )

    def next_version(self, character_id: CharacterId) -> int:
        """One above the highest version there ever was; versions count from 1.

        The log and the jobs are asked, too: they outlive a character that is deleted and cast anew.
        """
        used = (AdapterRow.version, AdapterSwitchRow.version, JobRow.adapter_version)
        with self._database.read() as session:
            highest = [
                session.exec(select(sa.func.max(one)).filter_by(character_id=character_id)).one()
                for one in used
            ]
        return 1 + max(version or 0 for version in highest)

    def get(
        self, character_id: CharacterId, version: int, *, deleted: bool = False
    ) -> AdapterVersion:
        """Raises NotFound; for a deleted one too, unless `deleted` says that it will do."""
        with self._database.read() as session:
            row = existing(session, character_id, version, deleted=deleted)
            return _value(row, served_version(session, character_id) == version)

    def pin(self, job_id: JobId, wanted: int | None) -> AdapterVersion | None:
        """The version that a job is rendered with, decided once: asking again gives the same.

        `wanted` is a version, 0 for none, or null for the one that is active at this moment.
        Raises NotFound (job, character, adapter).
        """
        with self._database.write() as session:
            job = session.get(JobRow, job_id, with_for_update=True)
            if job is None:
                raise NotFound("job", id=job_id)
            character_id = CharacterId(job.character_id)
            lock_character(session, character_id)
            if job.adapter_version is None:
                served = served_version(session, character_id)
                job.adapter_version = (served or NO_ADAPTER) if wanted is None else wanted
            version = job.adapter_version
            if version == NO_ADAPTER:
                return None
            row = existing(session, character_id, version)
            return _value(row, served_version(session, character_id) == version)

    def active(self, character_id: CharacterId) -> AdapterVersion | None:
        """The version that the character's next scene is rendered with."""
        with self._database.read() as session:
            version = served_version(session, character_id)
            row = version and session.get(AdapterRow, (character_id, version))
            return _value(row, True) if row else None

    def refers_to(self, sha256: str) -> bool:
        """Whether a version that was not deleted is this file."""
        with self._database.read() as session:
            return session.exec(kept().where(AdapterRow.sha256 == sha256)).first() is not None

    def list(self, character_id: CharacterId | None = None) -> list[AdapterVersion]:
        """Every version that was not deleted, by character and number."""
        query = kept(character_id).order_by(col(AdapterRow.character_id), col(AdapterRow.version))
        with self._database.read() as session:
            served = served_versions(session)
            return [
                _value(row, (row.character_id, row.version) in served)
                for row in session.exec(query)
            ]


def kept(character_id: CharacterId | None = None) -> SelectOfScalar[AdapterRow]:
    """A query of the versions that were not deleted, of one character or of all."""
    query = select(AdapterRow).where(col(AdapterRow.deleted_at).is_(None))
    return query.where(AdapterRow.character_id == character_id) if character_id else query


def existing(
    session: Session, character_id: CharacterId, version: int, *, deleted: bool = False
) -> AdapterRow:
    """The row of a version. Raises NotFound."""
    row = session.get(AdapterRow, (character_id, version))
    if row is None or (row.deleted_at and not deleted):
        raise NotFound("adapter", id=adapter_id(character_id, version))
    return row


def _row(adapter: AdapterVersion) -> AdapterRow:
    return AdapterRow(**{name: one for name, one in dict(adapter).items() if name != "active"})


def _value(row: AdapterRow, active: bool) -> AdapterVersion:
    fields = row.model_dump(exclude={"deleted_at"})
    return AdapterVersion.model_validate({**fields, "active": active})
