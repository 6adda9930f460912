"""Jobs, their finished steps and their event log.

Every change of a job locks its row, so that events are numbered without gaps and two changes
never miss each other.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from cluster.domain.character import CharacterId
from cluster.domain.story.job import NEXT, Job, JobEvent, JobId, JobStatus, Problem, Result, Step
from cluster.domain.story.scene import StoryId
from cluster.domain.value import now
from cluster.store.database import add_once
from cluster.store.repository import Repository
from cluster.store.rows import EventRow, JobRow, StepRow

EventKind = Literal["status", "step", "progress"]


class JobRepository(Repository[JobRow]):
    """Jobs, by id and newest first; with them their steps and events."""

    row, noun = JobRow, "job"

    def add(self, job: Job) -> None:
        """Keep a new job and log its first status; one that is known already is left alone."""
        with self._database.write() as session:
            if not add_once(session, _row(job)):
                return
            _log(session, job.id, "status", _status_data(job.status, job.problem))
            session.add_all(_step_row(job.id, n, step) for n, step in enumerate(job.steps, 1))

    def get(self, id: JobId) -> Job:
        """Raises NotFound."""
        with self._database.read() as session:
            return _job(self._existing(session, id), _steps(session, [id])[id])

    def set_status(self, id: JobId, status: JobStatus, problem: Problem | None = None) -> bool:
        """Move the job on, with a "status" event; False when it may not become that any more.

        Of two processes that move a job at once, one decides first and the other is measured
        against the outcome. Staying is allowed and changes nothing. Raises NotFound.
        """
        before = [old for old, after in NEXT.items() if status in after]
        moved = (
            sa.update(JobRow)
            .where(col(JobRow.id) == id, col(JobRow.status).in_(before))
            .values(status=status, problem=problem, updated_at=now())
            .returning(col(JobRow.id))
        )
        with self._database.write() as session:
            if session.execute(moved).first() is None:
                return self._existing(session, id, lock=True).status == status
            _log(session, id, "status", _status_data(status, problem))
            return True

    def add_step(self, id: JobId, step: Step) -> None:
        """Keep a finished step, with a "step" event; once for a name and attempt.

        Raises NotFound.
        """
        with self._database.write() as session:
            job = self._existing(session, id, lock=True)
            position = 1 + _highest(session, StepRow.position, StepRow.job_id, id)
            if add_once(session, _step_row(id, position, step)):
                job.updated_at = now()
                _log(session, id, "step", step.model_dump(mode="json"))

    def set_result(self, id: JobId, result: Result) -> None:
        """Raises NotFound."""
        with self._database.write() as session:
            job = self._existing(session, id, lock=True)
            job.result, job.updated_at = result, now()

    def add_event(self, id: JobId, kind: EventKind, data: dict[str, Any]) -> JobEvent:
        """Append to the job's log. Raises NotFound."""
        with self._database.write() as session:
            self._existing(session, id, lock=True)
            return _log(session, id, kind, data)

    def events(self, id: JobId, after_seq: int = 0, limit: int = 500) -> list[JobEvent]:
        """At most `limit` events that follow `after_seq`, oldest first; none for no such job."""
        query = (
            select(EventRow)
            .where(EventRow.job_id == id, col(EventRow.seq) > after_seq)
            .order_by(col(EventRow.seq))
            .limit(limit)
        )
        with self._database.read() as session:
            return [_event(row) for row in session.exec(query)]

    def list(
        self,
        *,
        status: JobStatus | None = None,
        character_id: CharacterId | None = None,
        story_id: StoryId | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """At most `limit` jobs, newest first, older than `before` = (created_at, id)."""
        query = select(JobRow).order_by(col(JobRow.created_at).desc(), col(JobRow.id).desc())
        wanted = {"status": status, "character_id": character_id, "story_id": story_id}
        query = query.filter_by(**{key: one for key, one in wanted.items() if one is not None})
        if before is not None:
            created_at, id = before
            same_time = sa.and_(col(JobRow.created_at) == created_at, col(JobRow.id) < id)
            query = query.where(sa.or_(col(JobRow.created_at) < created_at, same_time))
        with self._database.read() as session:
            rows = session.exec(query.limit(limit)).all()
            steps = _steps(session, [row.id for row in rows])
            return [_job(row, steps[row.id]) for row in rows]


def _highest(session: Session, column: int, owner: str, id: JobId) -> int:
    query = select(sa.func.coalesce(sa.func.max(column), 0)).where(col(owner) == id)
    return session.exec(query).one()


def _log(session: Session, id: JobId, kind: EventKind, data: dict[str, Any]) -> JobEvent:
    seq = 1 + _highest(session, EventRow.seq, EventRow.job_id, id)
    row = EventRow(job_id=id, seq=seq, kind=kind, data=data, at=now())
    session.add(row)
    return _event(row)


def _status_data(status: JobStatus, problem: Problem | None) -> dict[str, Any]:
    return {"status": status, "problem": problem.model_dump(mode="json") if problem else None}


def _steps(session: Session, ids: Iterable[str]) -> defaultdict[str, list[Step]]:
    query = (
        select(StepRow)
        .where(col(StepRow.job_id).in_([*ids]))
        .order_by(col(StepRow.job_id), col(StepRow.position))
    )
    steps = defaultdict[str, list[Step]](list)
    for row in session.exec(query):
        fields = row.model_dump(exclude={"job_id", "position"})
        steps[row.job_id].append(Step.model_validate(fields))
    return steps


def _step_row(id: JobId, position: int, step: Step) -> StepRow:
    detail = step.model_dump(mode="json")["detail"]
    return StepRow(job_id=id, position=position, **{**dict(step), "detail": detail})


def _event(row: EventRow) -> JobEvent:
    return JobEvent.model_validate(row.model_dump(exclude={"job_id"}))


def _row(job: Job) -> JobRow:
    return JobRow(
        id=job.id,
        status=job.status,
        character_id=job.request.character_id,
        story_id=job.request.story_id,
        adapter_version=job.adapter_version,
        request=job.request,
        result=job.result,
        problem=job.problem,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )


def _job(row: JobRow, steps: Iterable[Step]) -> Job:
    fields = {key: one for key, one in dict(row).items() if key not in {"character_id", "story_id"}}
    return Job.model_validate({**fields, "steps": tuple(steps)})
