"""The base of every domain value: frozen, closed, compared by content."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Value(BaseModel):
    """An immutable pydantic model that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def now() -> datetime:
    """The present moment, timezone-aware UTC."""
    return datetime.now(UTC)


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer; JSON does not tell 7 from 7.0."""
