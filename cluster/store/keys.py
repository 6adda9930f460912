"""API keys. The plaintext is shown once; the store keeps its SHA-256.

A key is 8 + 32 random letters and digits (190 bits of secret), so a plain digest is enough: there
is nothing to guess. The first 8 are its id.
"""

import hashlib
import secrets
import string

from sqlmodel import col, select

from cluster.domain.access import ApiKey
from cluster.domain.value import now
from cluster.store.repository import ValueRepository
from cluster.store.rows import KeyRow

PREFIX = "cine_"
ID_LENGTH, SECRET_LENGTH = 8, 32
ALPHABET = string.ascii_letters + string.digits


class KeyRepository(ValueRepository[str, KeyRow, ApiKey]):
    """API keys: made, checked and revoked."""

    row, noun = KeyRow, "API key"

    def create(self, name: str) -> tuple[str, str]:
        """Make a key; returns its id and the plaintext, which cannot be had again."""
        random = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH + SECRET_LENGTH))
        id, plaintext = random[:ID_LENGTH], PREFIX + random
        with self._database.write() as session:
            session.add(KeyRow(id=id, name=name, sha256=_digest(plaintext), created_at=now()))
        return id, plaintext

    def verify(self, plaintext: str) -> bool:
        """Whether this is a key that was made here and not revoked; in constant time."""
        id = plaintext.removeprefix(PREFIX)[:ID_LENGTH]
        query = select(KeyRow.sha256).where(KeyRow.id == id, col(KeyRow.revoked_at).is_(None))
        with self._database.read() as session:
            kept = session.exec(query).first() if id.isalnum() else None
        # An unknown id is compared too, with a digest nothing has.
        return secrets.compare_digest(_digest(plaintext), kept or "-" * 64)

    def revoke(self, id: str) -> None:
        """Refuse the key from now on. Raises NotFound."""
        with self._database.write() as session:
            row = self._existing(session, id, lock=True)
            row.revoked_at = row.revoked_at or now()

    def list(self) -> list[ApiKey]:
        """Every key, the revoked ones too, oldest first."""
        query = select(KeyRow).order_by(col(KeyRow.created_at), col(KeyRow.id))
        return self._all(query)

    @staticmethod
    def _value(row: KeyRow) -> ApiKey:
        return ApiKey.model_validate(row.model_dump(exclude={"sha256"}))


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
