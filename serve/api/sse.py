"""Event logs as server-sent events: each event once, in order, and resumable behind any of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi.sse import ServerSentEvent

from cluster.clock import Clock
from cluster.settings import GatewaySettings

BATCH = 500


class Event(Protocol):
    """An entry of a log; `seq` rises."""

    @property
    def seq(self) -> int: ...

    @property
    def kind(self) -> str: ...

    def model_dump_json(self) -> str: ...


ReadEvents = Callable[[int, int], Sequence[Event]]
"""(after_seq, limit) -> the events that follow, oldest first; blocks."""


def never() -> bool:
    """The end of a log to which something can always be added."""
    return False


@dataclass(frozen=True)
class EventLog:
    """A log, and where in it a reader stands.

    Args:
        has_ended: Whether nothing more is added; blocks, and raises NotFound for no such log.
    """

    read: ReadEvents
    after_seq: int
    has_ended: Callable[[], bool] = never

    async def is_read(self) -> bool:
        """Whether the log has ended and nothing is left of it. Raises what `has_ended` raises."""
        ended = await asyncio.to_thread(self.has_ended)
        return ended and not await asyncio.to_thread(self.read, self.after_seq, 1)


async def event_stream(
    log: EventLog, settings: GatewaySettings, clock: Clock
) -> AsyncIterator[ServerSentEvent]:
    """The events as they are logged, until the log has ended, with heartbeats while it is idle.

    A stream ends after `max_stream_s` in any case; who wants more resumes it where it ended.
    """
    begun_s = beaten_s = clock.monotonic_s()
    after_seq = log.after_seq
    while True:
        # The end first: the last event is in the log by the time a log has ended.
        ended = await asyncio.to_thread(log.has_ended)
        found = await asyncio.to_thread(log.read, after_seq, BATCH)
        for event in found:
            yield ServerSentEvent(data=event, event=event.kind, id=str(event.seq))
            after_seq = event.seq
        if len(found) == BATCH:
            continue
        now_s = clock.monotonic_s()
        if ended or now_s - begun_s >= settings.max_stream_s:
            return
        if found:
            beaten_s = now_s
        elif now_s - beaten_s >= settings.heartbeat_s:
            # FastAPI has a heartbeat of its own, but only every 15 s: some proxies hang up earlier.
            yield ServerSentEvent(comment="heartbeat")
            beaten_s = now_s
        await clock.sleep(settings.poll_interval_s)


def stream_response(value: str, *kinds: str) -> dict[str, Any]:
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
        "content": {"text/event-stream": {"itemSchema": schema}},
    }
