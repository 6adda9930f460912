"""Training runs, their event log, and who is paused."""

from typing import Any, TypedDict, Unpack

from sqlmodel import Session, col, select

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterId
from cluster.domain.learning.runs import OVER, RunStatus, TrainingEvent, TrainingRun
from cluster.domain.learning.training import GateVerdict, Progress, TrainedAdapter, TrainingOrder
from cluster.domain.story.job import Problem
from cluster.domain.value import now
from cluster.store.characters import lock_character
from cluster.store.repository import ValueRepository
from cluster.store.rows import TrainingEventRow, TrainingPauseRow, TrainingRunRow


class RunChange(TypedDict, total=False):
    """What of a run changes while it is worked on."""

    status: RunStatus
    attempts: int
    problem: Problem | None
    order: TrainingOrder
    progress: Progress
    adapter: TrainedAdapter
    verdict: GateVerdict
    champion: AdapterId | None
    judged: int
    to_judge: int


class TrainingRepository(ValueRepository[str, TrainingRunRow, TrainingRun]):
    """Training runs, by id and by character."""

    row, noun = TrainingRunRow, "training run"

    def add(self, run: TrainingRun) -> TrainingRun:
        """Queue a run; the character's open one, if there is one, stands. NotFound (character)."""
        with self._database.write() as session:
            lock_character(session, run.character_id)
            open_one = session.exec(
                select(TrainingRunRow).where(
                    TrainingRunRow.character_id == run.character_id,
                    col(TrainingRunRow.open).is_(True),
                )
            ).first()
            if open_one is not None:
                return self._value(open_one)
            session.add(_row(run))
            _log(session, run, "status", {"status": run.status, "images": run.images})
            return run

    def change(self, run_id: str, **fields: Unpack[RunChange]) -> TrainingRun:
        """Put `fields` in the place of the run's own; a new status is logged. A run that is over
        stays as it is. Raises NotFound."""
        with self._database.write() as session:
            old = self._value(self._existing(session, run_id, lock=True))
            if old.status in OVER:
                return old
            changed = old.model_copy(update={**fields, "updated_at": now()})
            session.merge(_row(changed))
            if changed.status != old.status or "problem" in fields:
                _log(session, changed, "status", _told(changed))
            elif "progress" in fields and changed.progress is not None:
                _log(session, changed, "progress", changed.progress.model_dump(mode="json"))
            elif "judged" in fields:
                counted = {"judged": changed.judged, "to_judge": changed.to_judge}
                _log(session, changed, "judging", counted)
            return changed

    def unfinished(self) -> list[TrainingRun]:
        """Every run that is not over, in the order in which they were queued."""
        query = (
            select(TrainingRunRow)
            .where(col(TrainingRunRow.open).is_(True))
            .order_by(col(TrainingRunRow.created_at), col(TrainingRunRow.id))
        )
        return self._all(query)

    def events(
        self, character_id: CharacterId, after_seq: int = 0, limit: int = 500
    ) -> list[TrainingEvent]:
        """A character's events that follow `after_seq`, oldest first."""
        query = (
            select(TrainingEventRow)
            .where(
                TrainingEventRow.character_id == character_id,
                col(TrainingEventRow.seq) > after_seq,
            )
            .order_by(col(TrainingEventRow.seq))
            .limit(limit)
        )
        with self._database.read() as session:
            return [
                TrainingEvent.model_validate(row.model_dump(exclude={"character_id"}))
                for row in session.exec(query)
            ]

    def pause(self, character_id: CharacterId, paused: bool) -> None:
        """Let nobody train this character, or let it be trained again. Raises NotFound."""
        with self._database.write() as session:
            lock_character(session, character_id)
            known = session.get(TrainingPauseRow, character_id)
            if paused and known is None:
                session.add(TrainingPauseRow(character_id=character_id, since=now()))
            elif not paused and known is not None:
                session.delete(known)

    def is_paused(self, character_id: CharacterId) -> bool:
        with self._database.read() as session:
            return session.get(TrainingPauseRow, character_id) is not None

    def list(self, character_id: CharacterId, limit: int = 100) -> list[TrainingRun]:
        """A character's runs, newest first."""
        query = (
            select(TrainingRunRow)
            .where(TrainingRunRow.character_id == character_id)
            .order_by(col(TrainingRunRow.created_at).desc(), col(TrainingRunRow.id).desc())
            .limit(limit)
        )
        return self._all(query)

    @staticmethod
    def _value(row: TrainingRunRow) -> TrainingRun:
        return TrainingRun.model_validate(row.model_dump(exclude={"open"}))


def _told(run: TrainingRun) -> dict[str, Any]:
    """What a status event says beside the status."""
    told: dict[str, Any] = {"status": run.status, "images": run.images}
    if run.order is not None:
        told["version"] = run.order.version
    if run.verdict is not None:
        told["reason"] = run.verdict.reason
    if run.problem is not None:
        told["problem"] = run.problem.model_dump(mode="json")
    return told


def _log(session: Session, run: TrainingRun, kind: str, data: dict[str, Any]) -> None:
    session.add(
        TrainingEventRow(
            character_id=run.character_id, run_id=run.id, kind=kind, data=data, at=now()
        )
    )


def _row(run: TrainingRun) -> TrainingRunRow:
    return TrainingRunRow(**{**dict(run), "open": run.status not in OVER})
