"""Jobs: how each stands, as a list, one at a time or as it happens."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from cluster.domain.character import CharacterId, Slug
from cluster.domain.story.job import TERMINAL, Job, JobId, JobStatus
from cluster.domain.story.scene import StoryId
from cluster.errors import Conflict

from ..openapi import problem_responses
from ..parameters import JobPath, LastEventId, PageCursor, PageLimit
from ..schemas import JobPage, job_cursor, job_position
from ..services import ServicesDep
from ..sse import EventLog, event_stream, stream_response

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("", summary="List jobs, newest first", responses=problem_responses(404, 422))
def list_jobs(
    services: ServicesDep,
    status: JobStatus | None = None,
    character: Slug | None = None,
    story: Slug | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = 20,
) -> JobPage:
    """A page at a time; an unknown cursor is a page that does not exist."""
    found = services.store.jobs.list(
        status=status,
        character_id=CharacterId(character) if character else None,
        story_id=StoryId(story) if story else None,
        before=job_position(cursor) if cursor is not None else None,
        limit=limit + 1,
    )
    page = found[:limit]
    return JobPage(items=tuple(page), next=job_cursor(page[-1]) if len(found) > limit else None)


@router.get("/{job_id}", summary="Read a job", responses=problem_responses(404, 422))
def get_job(services: ServicesDep, job_id: JobPath) -> Job:
    """Its status, finished steps, result and, when it did not succeed, the problem."""
    return services.store.jobs.get(JobId(job_id))


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problem_responses(404, 409, 422))
def cancel_job(services: ServicesDep, job_id: JobPath) -> Job:
    """Final at once; a step in flight ends in vain. Cancelling again changes nothing."""
    # Only the row: the Director sees it before its next step and takes back what the job left.
    # Cancelling the workflow itself would keep it from doing so.
    jobs = services.store.jobs
    if not jobs.set_status(JobId(job_id), "cancelled"):
        raise Conflict(
            f"job {job_id!r} has already {jobs.get(JobId(job_id)).status}",
            advice="A job that has ended cannot be cancelled.",
        )
    return jobs.get(JobId(job_id))


async def job_events(
    services: ServicesDep, response: Response, job_id: JobPath, last_event_id: LastEventId = 0
) -> EventLog:
    """The job's log. One that was read to its end answers 204, which tells an EventSource not to
    come back. Raises NotFound."""
    jobs, id = services.store.jobs, JobId(job_id)
    log = EventLog(partial(jobs.events, id), last_event_id, lambda: jobs.get(id).status in TERMINAL)
    if await log.is_read():
        response.status_code = 204
    return log


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses={
        200: stream_response("JobEvent", "status", "step", "progress"),
        204: {"description": "The job has ended and every event was read."},
        **problem_responses(404, 422),
    },
)
async def follow_job(
    services: ServicesDep, log: Annotated[EventLog, Depends(job_events)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events from the job's log, until it has ended; resume with `Last-Event-ID`."""
    async for event in event_stream(log, services.settings.gateway, services.clock):
        yield event
