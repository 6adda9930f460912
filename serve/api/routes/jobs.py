"""Jobs: how each stands, as a list, one at a time or as it happens."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sse_starlette import EventSourceResponse

from cluster.domain.character import CharacterId, Slug
from cluster.domain.job import TERMINAL, Job, JobId, JobStatus
from cluster.domain.scene import StoryId
from cluster.errors import Conflict

from .. import sse as events
from ..openapi import problem_responses
from ..schemas import JobPage, job_cursor, job_position
from ..services import ServicesDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Id = Annotated[str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$", examples=["0190-example"])]


@router.get("", summary="List jobs, newest first", responses=problem_responses(404, 422))
def list_jobs(
    services: ServicesDep,
    status: JobStatus | None = None,
    character: Slug | None = None,
    story: Slug | None = None,
    cursor: Annotated[
        str | None, Query(max_length=300, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
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
def get_job(services: ServicesDep, job_id: Id) -> Job:
    """Its status, finished steps, result and, when it did not succeed, the problem."""
    return services.store.jobs.get(JobId(job_id))


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problem_responses(404, 409, 422))
def cancel_job(services: ServicesDep, job_id: Id) -> Job:
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


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses={
        200: events.described("JobEvent", "status", "step", "progress"),
        204: {"description": "The job has ended and every event was read."},
        **problem_responses(404, 422),
    },
)
async def follow_job(
    services: ServicesDep, job_id: Id, last_event_id: events.LastEventId = 0
) -> Response:
    """Server-sent events from the job's log, until it has ended; resume with `Last-Event-ID`."""
    jobs, id = services.store.jobs, JobId(job_id)
    read = partial(jobs.events, id)

    def has_ended() -> bool:
        return jobs.get(id).status in TERMINAL

    if await events.nothing_follows(read, last_event_id, has_ended):
        return Response(status_code=204)  # which tells an EventSource not to come back
    return events.stream(read, last_event_id, services.settings.gateway, has_ended)
