"""Idempotency keys: a request is answered once and its answer repeated.

A claim is made before the work and completed after it. A process that dies in between leaves a
claim without an answer, which may be taken over after a while.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from cluster.domain.access import StoredReply
from cluster.domain.value import now
from cluster.errors import IdempotencyInFlight, IdempotencyMismatch
from cluster.store.database import add_once
from cluster.store.repository import Repository
from cluster.store.rows import IdempotencyRow

STALE_AFTER = timedelta(seconds=60)


class IdempotencyRepository(Repository[IdempotencyRow]):
    """Claims of keys, and the answers that were given under them."""

    row, noun = IdempotencyRow, "idempotency key"

    def claim(self, key: str, fingerprint: str) -> StoredReply | None:
        """None: the key is yours, go on and answer. A reply: give it again.

        Raises:
            IdempotencyMismatch: The key belongs to another request.
            IdempotencyInFlight: The same request is being answered, for less than 60 s.
        """
        mine = IdempotencyRow(key=key, fingerprint=fingerprint, claimed_at=now(), headers={})
        with self._database.write() as session:
            if add_once(session, mine):
                return None
            row = session.get(IdempotencyRow, key, with_for_update=True)
            if row is None:  # released this moment: the next try finds it free
                raise IdempotencyInFlight
            if row.fingerprint != fingerprint:
                raise IdempotencyMismatch
            if row.status is not None:
                return StoredReply(status=row.status, headers=row.headers, body=row.body)
            if now() - row.claimed_at < STALE_AFTER:
                raise IdempotencyInFlight
            row.claimed_at = now()
            return None

    def complete(self, key: str, reply: StoredReply) -> None:
        """Keep the answer; the first one stands. Raises NotFound when nobody claimed the key."""
        with self._database.write() as session:
            row = self._existing(session, key, lock=True)
            if row.status is None:
                row.status, row.headers, row.body = reply.status, dict(reply.headers), reply.body

    def release(self, key: str) -> None:
        """Give up a claim without an answer, so that the request may be sent again."""
        unanswered = sa.delete(IdempotencyRow).where(
            col(IdempotencyRow.key) == key, col(IdempotencyRow.status).is_(None)
        )
        with self._database.write() as session:
            session.execute(unanswered)
