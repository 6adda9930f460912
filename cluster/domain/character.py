"""A permanent digital actor: who it is, independent of any scene."""

from datetime import date, datetime
from typing import Annotated, Literal, NewType

from pydantic import Field, StringConstraints

from cluster.domain.consent import Consent
from cluster.domain.value import Value, now
from cluster.errors import ConsentMissing

CharacterId = NewType("CharacterId", str)

Word = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=60,
        pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$",
    ),
]
"""A short phrase on one line."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class Hair(Value):
    colour: Word | None = None
    style: Word | None = None

    @property
    def phrase(self) -> str | None:
        """`short black hair`, `bald`, or None when nothing is known."""
        if self.style == "bald":
            return "bald"
        words = [word for word in (self.style, self.colour) if word]
        return " ".join([*words, "hair"]) if words else None


class Eye(Value):
    colour: Word
    cyber: bool = False

    @property
    def phrase(self) -> str:
        return f"{self.colour} cyber" if self.cyber else self.colour


class Mark(Value):
    """A permanent mark; left and right are the character's own."""

    kind: Word
    place: Word

    @property
    def phrase(self) -> str:
        return f"{self.kind} on the {self.place}"


class Outfit(Value):
    garment: Word
    colour: Word | None = None

    @property
    def phrase(self) -> str:
        return f"{self.colour} {self.garment}" if self.colour else self.garment


class Profile(Value):
    """What stays the same from scene to scene. Every given field is a locked trait."""

    gender: Literal["man", "woman", "person"] = "person"
    face: Word | None = Field(None, description="Face shape or other facial character.")
    skin: Word | None = None
    hair: Hair = Hair()
    left_eye: Eye | None = None
    right_eye: Eye | None = None
    beard: bool = False
    marks: tuple[Mark, ...] = Field((), max_length=8)
    build: Word | None = None
    outfit: Outfit | None = Field(None, description="Worn until a scene changes it.")
    style: tuple[Word, ...] = Field((), max_length=8, description="Style rules, on every prompt.")
    notes: str = Field("", max_length=2000, pattern=r"^[^\x00]*$")


class Character(Value):
    """A character: profile, references (blob sha256, first upload first) and consent.

    `domain` names the calibration of its identity score: how its references were made.
    """

    id: CharacterId
    name: Word
    profile: Profile = Profile()
    references: tuple[str, ...] = ()
    consent: Consent = Consent()
    domain: Literal["photo", "studio"] = "photo"
    created_at: datetime = Field(default_factory=now)

    def require_consent(self, use: Literal["rendered", "trained"], on: date) -> None:
        """Raises ConsentMissing unless the consent holds on that day: nobody is shown or learned
        against a person's word."""
        if problem := self.consent.problem(on):
            raise ConsentMissing(
                f"{self.name} cannot be {use}: {problem}",
                advice=f"PATCH /v1/characters/{self.id} with a `consent` that holds.",
            )
