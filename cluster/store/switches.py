"""Which adapter version is served, and the log of how that came about.

The log is append-only, and is the audit. Each entry that changed what is served points at the
entry it would be undone to, so that rolling back twice goes back two steps and never forward
again. One process writes (the registry): only then are ids in the order of their commits.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import SERVING, AdapterSwitch, SwitchKind, adapter_id
from cluster.domain.value import now
from cluster.errors import Conflict
from cluster.store.adapters import existing
from cluster.store.characters import lock_character
from cluster.store.repository import ValueRepository
from cluster.store.rows import AdapterRow, AdapterSwitchRow, JobRow
from cluster.store.serving import newest_first, served_version, serving_entry

PAGE = 1000
UNFINISHED = ("queued", "running")


class SwitchRepository(ValueRepository[int, AdapterSwitchRow, AdapterSwitch]):
    """The log of what is served, and every change of it."""

    row, noun = AdapterSwitchRow, "adapter switch"

    def stage(self, character_id: CharacterId, version: int) -> AdapterSwitch:
        """Write down that a version is to be promoted; an earlier such wish is thereby given up.

        Raises NotFound.
        """
        with self._database.write() as session:
            lock_character(session, character_id)
            existing(session, character_id, version)
            return _log(session, character_id, "staging", version)

    def promote(
        self, character_id: CharacterId, version: int, problems: Sequence[str] = ()
    ) -> AdapterSwitch:
        """Serve the version that was staged. Twice is once.

        Raises:
            NotFound: It was deleted since.
            Conflict: It was not staged, or another change came in between.
        """
        with self._database.write() as session:
            lock_character(session, character_id)
            row = existing(session, character_id, version)
            newest = _newest(session, character_id)
            if newest is None or (newest.kind, newest.version) != ("staging", version):
                serving = serving_entry(session, character_id)
                if serving is newest and serving and serving.version == version:
                    return _switch(serving)
                raise Conflict(
                    f"the promotion of {adapter_id(character_id, version)} was overtaken",
                    advice="See the history of the character's adapters, and promote again.",
                )
            return _serve(session, character_id, row, "promoted", problems=problems)

    def abandon(
        self, character_id: CharacterId, version: int, problems: Sequence[str]
    ) -> AdapterSwitch:
        """Give up a promotion; what is served stays. Raises NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, character_id)
            return _log(session, character_id, "abandoned", version, problems=problems)

    def rollback(self, character_id: CharacterId, version: int | None = None) -> AdapterSwitch:
        """Serve what was served before `version`, or before the active one.

        A version that was already rolled back stays so, whatever is served now is returned. A
        version that was deleted since is passed over.

        Raises:
            NotFound: The character or the version does not exist.
            Conflict: `version` is not the active one, or nothing was served before.
        """
        with self._database.write() as session:
            lock_character(session, character_id)
            serving = serving_entry(session, character_id)
            if version is not None:
                existing(session, character_id, version, deleted=True)
                if serving and (serving.kind, serving.replaced) == ("rolled_back", version):
                    return _switch(serving)
            if serving is None or (version is not None and serving.version != version):
                raise Conflict(
                    f"{character_id}: {_name(character_id, version)} is not being served",
                    advice="See which version is active, and roll that one back.",
                )
            before = _before(session, serving)
            if before is None and serving.version is None:
                raise Conflict(
                    f"{character_id}: nothing was served before",
                    advice="Promote a version instead.",
                )
            row = before and before.version and existing(session, character_id, before.version)
            undo_id = before.undo_id if before else None
            return _serve(session, character_id, row or None, "rolled_back", undo_id=undo_id)

    def clear(self, character_id: CharacterId) -> AdapterSwitch:
        """Serve the base model alone. Twice is once. Raises NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, character_id)
            serving = serving_entry(session, character_id)
            if serving and serving.version is None and serving is _newest(session, character_id):
                return _switch(serving)
            return _serve(session, character_id, None, "cleared")

    def delete(self, character_id: CharacterId, version: int) -> AdapterSwitch:
        """Forget a version; its number is not given again, and the audit still knows it.

        Twice is once.

        Raises:
            NotFound: There was never such a version.
            Conflict: It is the active one or is being promoted, or an unfinished job needs it.
        """
        with self._database.write() as session:
            lock_character(session, character_id)
            row = existing(session, character_id, version, deleted=True)
            if row.deleted_at:
                gone = newest_first(character_id).where(
                    AdapterSwitchRow.kind == "deleted", AdapterSwitchRow.version == version
                )
                return _switch(session.exec(gone).one())
            _refuse_needed(session, row)
            row.deleted_at = now()
            return _log(session, character_id, "deleted", version)

    def previous(self, character_id: CharacterId) -> int | None:
        """The version that rolling back would serve; None for none, or when there is no way."""
        with self._database.read() as session:
            serving = serving_entry(session, character_id)
            before = _before(session, serving) if serving else None
            return before.version if before else None

    def serving(
        self, character_id: CharacterId, at: datetime | None = None
    ) -> AdapterSwitch | None:
        """The entry by which what is served (at `at`; None: now) came to be; None: never any."""
        with self._database.read() as session:
            row = serving_entry(session, character_id, at)
            return _switch(row) if row else None

    def settled(self, character_id: CharacterId) -> AdapterSwitch | None:
        """As `serving`, but None while a promotion is under way."""
        with self._database.read() as session:
            row = _newest(session, character_id)
            return _switch(row) if row and row.kind in SERVING else None

    def newest_id(self) -> int:
        """The id of the newest entry of all; 0 when there is none."""
        with self._database.read() as session:
            return session.exec(select(sa.func.max(AdapterSwitchRow.id))).one() or 0

    def unfinished(self) -> list[AdapterSwitch]:
        """Promotions that were begun and neither committed nor given up."""
        newest = (
            select(sa.func.max(AdapterSwitchRow.id))
            .where(col(AdapterSwitchRow.kind) != "deleted")
            .group_by(AdapterSwitchRow.character_id)
        )
        query = (
            select(AdapterSwitchRow)
            .where(col(AdapterSwitchRow.id).in_(newest), AdapterSwitchRow.kind == "staging")
            .order_by(col(AdapterSwitchRow.id))
        )
        return self._all(query)

    def list(
        self, character_id: CharacterId | None = None, after_id: int = 0, limit: int = PAGE
    ) -> list[AdapterSwitch]:
        """At most `limit` entries that follow `after_id`, oldest first."""
        query = (
            select(AdapterSwitchRow)
            .where(col(AdapterSwitchRow.id) > after_id)
            .order_by(col(AdapterSwitchRow.id))
            .limit(limit)
        )
        if character_id is not None:
            query = query.where(AdapterSwitchRow.character_id == character_id)
        return self._all(query)

    @staticmethod
    def _value(row: AdapterSwitchRow) -> AdapterSwitch:
        return _switch(row)


def _serve(
    session: Session,
    character_id: CharacterId,
    row: AdapterRow | None,
    kind: SwitchKind,
    *,
    problems: Sequence[str] = (),
    undo_id: int | None = None,
) -> AdapterSwitch:
    """Write down that `row` is the active version from now on, None for none."""
    serving = serving_entry(session, character_id)
    replaced = serving.version if serving else None
    version = row.version if row else None
    if kind != "rolled_back" and serving:
        # The same version again is no step that could be undone.
        undo_id = serving.undo_id if replaced == version else serving.id
    return _log(session, character_id, kind, version, replaced, problems, undo_id)


def _log(
    session: Session,
    character_id: CharacterId,
    kind: SwitchKind,
    version: int | None,
    replaced: int | None = None,
    problems: Sequence[str] = (),
    undo_id: int | None = None,
) -> AdapterSwitch:
    row = AdapterSwitchRow(
        character_id=character_id,
        kind=kind,
        version=version,
        replaced=replaced,
        problems=[*problems],
        undo_id=undo_id,
        at=now(),
    )
    session.add(row)
    session.flush()  # which gives it its id
    return _switch(row)


def _newest(session: Session, character_id: CharacterId) -> AdapterSwitchRow | None:
    query = newest_first(character_id).where(col(AdapterSwitchRow.kind) != "deleted")
    return session.exec(query).first()


def _before(session: Session, serving: AdapterSwitchRow) -> AdapterSwitchRow | None:
    """The entry that undoing leads to: another version than now, and one that still exists."""
    row = serving
    while row.undo_id is not None:
        before = session.get(AdapterSwitchRow, row.undo_id)
        if before is None:
            return None
        row = before
        if row.version == serving.version:
            continue
        if row.version is None or _exists(session, CharacterId(row.character_id), row.version):
            return row
    return None


def _refuse_needed(session: Session, row: AdapterRow) -> None:
    """Raises Conflict for a version that cannot be done without."""
    character_id = CharacterId(row.character_id)
    name = adapter_id(character_id, row.version)
    if served_version(session, character_id) == row.version:
        raise Conflict(
            f"{name} is the active version", advice="Promote another version first, or roll back."
        )
    newest = _newest(session, character_id)
    if newest and (newest.kind, newest.version) == ("staging", row.version):
        raise Conflict(f"{name} is being promoted", advice="Roll it back first.")
    if job := _job_planned_with(session, character_id, row.version):
        raise Conflict(
            f"job {job!r} is to be rendered with {name}",
            advice="Wait for the job's end, or cancel it.",
        )


def _job_planned_with(session: Session, character_id: CharacterId, version: int) -> str | None:
    query = select(JobRow.id).where(
        JobRow.character_id == character_id,
        JobRow.adapter_version == version,
        col(JobRow.status).in_(UNFINISHED),
    )
    return session.exec(query).first()


def _exists(session: Session, character_id: CharacterId, version: int) -> bool:
    row = session.get(AdapterRow, (character_id, version))
    return row is not None and row.deleted_at is None


def _name(character_id: CharacterId, version: int | None) -> str:
    return adapter_id(character_id, version) if version else "no version"


def _switch(row: AdapterSwitchRow) -> AdapterSwitch:
    return AdapterSwitch.model_validate(row.model_dump(exclude={"undo_id"}))
