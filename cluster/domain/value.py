"""The base of every domain value: frozen, closed, compared by content."""

from datetime import UTC, datetime

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Value(BaseModel):
    """An immutable pydantic model that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def now() -> datetime:
    """The present moment, timezone-aware UTC."""
    return datetime.now(UTC)


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


WHOLE = BeforeValidator(_whole)
"""Goes last in an integer's annotation: JSON does not tell 7 from 7.0.

Limits that follow it, in a Field beside it, would be missing from the JSON schema.
"""
