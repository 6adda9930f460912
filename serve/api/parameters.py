"""Path and query parameters that several routes share: what an id may look like."""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import AwareDatetime, BeforeValidator

from cluster.domain.character import Slug

NAME = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$"
LARGEST_INT = 2**31 - 1


def _not_a_number(given: object) -> object:
    """Numbers would be taken for seconds since 1970."""
    if isinstance(given, str) and "T" not in given.upper():
        raise ValueError("write it as 2026-01-31T12:00:00Z")
    return given


CharacterPath = Annotated[Slug, Path(examples=["kairo"])]
JobPath = Annotated[str, Path(pattern=NAME, examples=["0190-example"])]
EpisodePath = Annotated[str, Path(pattern=NAME, description="The id of its job.")]
VersionPath = Annotated[int, Path(ge=1, le=LARGEST_INT)]
DigestPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])]

PageCursor = Annotated[
    str | None, Query(alias="cursor", max_length=300, description="`next` of the page before.")
]
PageLimit = Annotated[int, Query(alias="limit", ge=1, le=100)]
AnyStory = Annotated[Slug | None, Query(description="Left out: every story.")]
OwnStory = Annotated[Slug | None, Query(description="Left out: the character's own story.")]
InstantQuery = Annotated[
    AwareDatetime,
    BeforeValidator(_not_a_number),
    Query(description="With its zone; left out: now.", examples=["2026-01-31T12:00:00Z"]),
]
LastEventId = Annotated[
    int,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=LARGEST_INT,
        description="Where to resume: the last `id` read.",
    ),
]
