"""Whose likeness a character wears, and who allowed it."""

from datetime import date
from typing import Literal

from pydantic import Field

from cluster.domain.value import Value


class Consent(Value):
    """A consent record; a fictional character needs no grantor."""

    likeness: Literal["fictional", "real"] = "fictional"
    person: str | None = Field(None, max_length=200, description="Whose likeness, when real.")
    granted_by: str | None = Field(None, max_length=200, description="Who granted it, when real.")
    until: date | None = Field(None, description="Last day on which it holds; null: no end.")
    revoked: bool = False

    def problem(self, today: date) -> str | None:
        """Why this consent does not allow rendering on `today`, or None when it does."""
        if self.revoked:
            return "the consent was revoked"
        if self.until is not None and today > self.until:
            return f"the consent ended on {self.until.isoformat()}"
        if self.likeness == "real" and not (self.person and self.granted_by):
            return "a real person's likeness needs `person` and `granted_by`"
        return None
