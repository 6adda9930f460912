"""API keys: who may use the HTTP API."""

import asyncio
import hashlib
from collections.abc import Callable

from cachetools import TTLCache

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.errors import Unauthorized

REMEMBERED = 4096


class Keys:
    """Checks bearer keys; a key that was good stays good for `remember_s` without asking again.

    Args:
        verify: Whether a plaintext key is valid; blocks.
    """

    def __init__(
        self, verify: Callable[[str], bool], remember_s: float, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._verify = verify
        self._good: TTLCache[str, bool] = TTLCache(REMEMBERED, remember_s, clock.monotonic_s)

    async def check(self, authorization: str | None) -> None:
        """Raises Unauthorized unless the header carries a valid key."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized
        key = key.strip()
        if key_digest(key) in self._good:
            return
        if not await asyncio.to_thread(self._verify, key):
            raise Unauthorized("This API key is not known, or was revoked")
        self._good[key_digest(key)] = True


def key_digest(key: str) -> str:
    """Digest of an API key, hex SHA-256: stands for it where the key itself must not be kept."""
    return hashlib.sha256(key.encode()).hexdigest()
