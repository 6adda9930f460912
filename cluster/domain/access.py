"""Who may call the API, and what a repeated call is answered with."""

from datetime import datetime

from pydantic import Field

from cluster.domain.value import Value, now


class ApiKey(Value):
    """A key without its secret, which only its holder knows."""

    id: str = Field(description="The key's first characters after `cine_`.")
    name: str
    created_at: datetime = Field(default_factory=now)
    revoked_at: datetime | None = None


class StoredReply(Value):
    """The answer a request with an Idempotency-Key was given, to be given again."""

    status: int
    headers: dict[str, str] = Field(default_factory=dict)
    body: bytes
