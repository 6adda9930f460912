"""A character's training log as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent

from cluster.domain.character import CharacterId
from cluster.domain.learning import TrainingEvent
from cluster.settings import GatewaySettings
from cluster.store.training import TrainingRepository

BATCH = 500


async def follow(
    training: TrainingRepository,
    character_id: CharacterId,
    after_seq: int,
    settings: GatewaySettings,
) -> AsyncIterator[ServerSentEvent]:
    """The events after `after_seq`, as they are logged.

    A character never ends: a stream does after `max_stream_s`, and who wants more resumes it.
    """
    closes = time.monotonic() + settings.max_stream_s
    while True:
        found = await asyncio.to_thread(training.events, character_id, after_seq, BATCH)
        for event in found:
            yield as_event(event)
            after_seq = event.seq
        if len(found) == BATCH:
            continue
        if time.monotonic() >= closes:
            return
        await asyncio.sleep(settings.poll_interval_s)


def as_event(event: TrainingEvent) -> ServerSentEvent:
    return ServerSentEvent(event.model_dump_json(), event=event.kind, id=str(event.seq))
