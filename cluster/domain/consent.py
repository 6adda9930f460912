"""Consent records: whose likeness a character wears, and who allowed it."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cluster.domain.value import Value

Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class Consent(Value):
    """A consent record; a fictional character needs no grantor."""

    likeness: Literal["fictional", "real"] = "fictional"
    person: Name | None = Field(None, description="Whose likeness, when real.")
    granted_by: Name | None = Field(None, description="Who granted it, when real.")
    until: date | None = Field(None, description="Last day on which it holds; null: no end.")
    revoked: bool = False

    def holds(self, today: date) -> bool:
        """Whether this consent allows anything on `today`."""
        return self.problem(today) is None

    def problem(self, today: date) -> str | None:
        """Why this consent does not hold on `today`, or None when it does."""
        if self.revoked:
            return "the consent was revoked"
        if self.until is not None and today > self.until:
            return f"the consent ended on {self.until.isoformat()}"
        if self.likeness == "real" and not (self.person and self.granted_by):
            return "a real person's likeness needs `person` and `granted_by`"
        return None
