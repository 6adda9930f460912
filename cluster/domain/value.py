"""The base of every domain value: frozen, closed, compared by content."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable pydantic model that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def now() -> datetime:
    """The present moment, timezone-aware UTC."""
    return datetime.now(UTC)
