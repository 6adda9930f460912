"""Event logs as server-sent events: each event once, in order, and resumable behind any of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Header
from sse_starlette import EventSourceResponse, ServerSentEvent

from cluster.settings import GatewaySettings

BATCH = 500

LastEventId = Annotated[
    int,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=2**31 - 1,
        description="Where to resume: the last `id` read.",
    ),
]


class Event(Protocol):
    """An entry of a log; `seq` rises."""

    @property
    def seq(self) -> int: ...

    @property
    def kind(self) -> str: ...

    def model_dump_json(self) -> str: ...


Read = Callable[[int, int], Sequence[Event]]
"""(after_seq, limit) -> the events that follow, oldest first."""


def never() -> bool:
    """The end of a log to which something can always be added."""
    return False


def stream(
    read: Read, after_seq: int, settings: GatewaySettings, has_ended: Callable[[], bool] = never
) -> EventSourceResponse:
    """The events after `after_seq` as they are logged, until `has_ended`, with heartbeats.

    A stream ends after `max_stream_s` in any case; who wants more resumes it where it ended.
    """
    return EventSourceResponse(
        _follow(read, after_seq, settings, has_ended),
        ping=settings.heartbeat_s,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
    )


async def nothing_follows(read: Read, after_seq: int, has_ended: Callable[[], bool]) -> bool:
    """Whether the log has ended behind `after_seq`. Raises what `has_ended` raises."""
    ended = await asyncio.to_thread(has_ended)
    return ended and not await asyncio.to_thread(read, after_seq, 1)


def described(value: str, *kinds: str) -> dict[str, Any]:
    """The OpenAPI response of a stream of `value`s, which are named after their `kinds`."""
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "Its `seq`."},
            "event": {"type": "string", "enum": list(kinds)},
            "data": {"type": "string", "description": f"A {value}, as JSON."},
        },
        "required": ["id", "event", "data"],
    }
    *others, last = kinds
    return {
        "description": f"Events named {', '.join(others)} and {last}; `data` is a {value}.",
        "content": {"text/event-stream": {"schema": schema}},
    }


async def _follow(
    read: Read, after_seq: int, settings: GatewaySettings, has_ended: Callable[[], bool]
) -> AsyncIterator[ServerSentEvent]:
    closes = time.monotonic() + settings.max_stream_s
    while True:
        # The end first: the last event is in the log by the time a log has ended.
        ended = await asyncio.to_thread(has_ended)
        found = await asyncio.to_thread(read, after_seq, BATCH)
        for event in found:
            yield ServerSentEvent(event.model_dump_json(), event=event.kind, id=str(event.seq))
            after_seq = event.seq
        if len(found) == BATCH:
            continue
        if ended or time.monotonic() >= closes:
            return
        await asyncio.sleep(settings.poll_interval_s)
