"""Idempotency-Key: a request that is sent again gets the answer it had the first time."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Response

from cluster.domain.access import StoredReply
from cluster.store.idempotency import IdempotencyRepository

REPLAYED = "Idempotency-Replayed"
KEPT = ("content-type", "location")


async def once(
    replies: IdempotencyRepository,
    key: str | None,
    fingerprint: str,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """Answer, or repeat the answer given before, byte for byte.

    Only an answer is kept: a refusal costs nothing, and the request may be sent again once its
    cause is gone.

    Raises:
        IdempotencyMismatch: The key was used with another body.
        IdempotencyInFlight: The first request is still being answered.
    """
    if key is None:
        return await answer()
    known = await asyncio.to_thread(replies.claim, key, fingerprint)
    if known is not None:
        return Response(known.body, known.status, {**known.headers, REPLAYED: "true"})
    try:
        response = await answer()
        await asyncio.to_thread(replies.complete, key, _reply(response))
    except BaseException:
        # Cancelled, too, when the client hangs up.
        await asyncio.to_thread(replies.release, key)
        raise
    return response


def _reply(response: Response) -> StoredReply:
    headers = {name: response.headers[name] for name in KEPT if name in response.headers}
    return StoredReply(status=response.status_code, headers=headers, body=bytes(response.body))
