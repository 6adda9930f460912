"""A job's event log as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent

from cluster.domain.job import TERMINAL, JobEvent, JobId
from cluster.settings import GatewaySettings
from cluster.store.jobs import JobRepository

BATCH = 500


async def follow(
    jobs: JobRepository, job_id: JobId, after_seq: int, settings: GatewaySettings
) -> AsyncIterator[ServerSentEvent]:
    """The events after `after_seq`, as they are logged, until the job has ended.

    A stream ends after `max_stream_s` in any case; who wants more resumes it where it ended.
    """
    closes = time.monotonic() + settings.max_stream_s
    while True:
        # The status first: its last event is in the log by the time it is terminal.
        ended = await has_ended(jobs, job_id)
        found = await asyncio.to_thread(jobs.events, job_id, after_seq, BATCH)
        for event in found:
            yield as_event(event)
            after_seq = event.seq
        if len(found) == BATCH:
            continue
        if ended or time.monotonic() >= closes:
            return
        await asyncio.sleep(settings.poll_interval_s)


async def has_ended(jobs: JobRepository, job_id: JobId) -> bool:
    """Raises NotFound."""
    return (await asyncio.to_thread(jobs.get, job_id)).status in TERMINAL


async def is_over(jobs: JobRepository, job_id: JobId, after_seq: int) -> bool:
    """Whether nothing will ever follow that event. Raises NotFound."""
    ended = await has_ended(jobs, job_id)
    return ended and not await asyncio.to_thread(jobs.events, job_id, after_seq, 1)


def as_event(event: JobEvent) -> ServerSentEvent:
    return ServerSentEvent(event.model_dump_json(), event=event.kind, id=str(event.seq))


def heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="heartbeat")
