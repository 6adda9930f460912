"""A request, read: typed changes with the words that say so. Who reads it is for a provider."""

from typing import Annotated, Literal

from pydantic import Field

from cluster.domain.value import Value

Slot = Literal["outfit", "props", "injuries", "hair", "eyes", "marks", "place", "age", "time"]
"""What a change is about."""

Op = Literal[
    "wear",
    "take_off",
    "stow",
    "take",
    "hold",
    "use",
    "drop",
    "give",
    "lose",
    "injure",
    "treat",
    "heal",
    "go",
    "leave",
    "be",
    "change_look",
    "pass",
    "lack",
    "mention",
]
"""What happens to it. `stow`: put away and still owned. `be`: is there, or is so, without having
come about here. `lack`: is said not to be there (bare hands, unhurt). `pass`: story time goes by.
`mention`: is presupposed; changes nothing."""

Modality = Literal[
    "real",
    "negated",
    "wished",
    "dreamed",
    "remembered",
    "supposed",
    "quoted",
    "depicted",
    "simile",
]
"""How a text means it. Only what is real changes a state."""

SOMEBODY = "somebody"
"""The subject of what belongs to a person who is not in the cast."""


class Evidence(Value):
    """The words that say so: a span of the request, in characters."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    quote: str


class Change(Value):
    """One thing that a text says of one subject.

    Args:
        subject: A cast member's id, or `somebody`.
        noun: The head noun as its dictionary form: `parka`.
        phrase: The user's own noun phrase: `her green parka`.
        kind: The noun's class: `garment`, `weapon`, `thing`, `wound`, `body`, `place` …
        words: Attributes as said, lower case: colours, materials, `broken`, `bare`.
        part: Body part of a wound, a mark or a covering.
        side: Of the body part.
        definite: Presupposed ("her parka", "the parka"), not introduced ("a parka").
        owned: Said to be the subject's ("her parka").
        entity: The thing of the world state that is meant, by its id; a new id for a new thing.
        known: Whether `entity` was there before this text.
        layer: Where on the body a garment is worn.
    """

    subject: str
    op: Op
    slot: Slot
    noun: str
    phrase: str = ""
    kind: str = ""
    words: tuple[str, ...] = ()
    part: str | None = None
    side: Literal["left", "right"] | None = None
    definite: bool = False
    owned: bool = False
    entity: str = ""
    known: bool = False
    layer: str | None = None
    modality: Modality = "real"
    evidence: Evidence
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0


class Understanding(Value):
    """Whether a reader could read a text. What is not read changes nothing.

    Args:
        language: ISO 639-1, or null when nobody can say.
        sure: Probability that the text is of that language.
        read: Whether changes were looked for at all.
    """

    language: str | None
    sure: Annotated[float, Field(ge=0, le=1)]
    read: bool


class SceneReading(Value):
    """A request as a reader understands it, in the order of the text."""

    changes: tuple[Change, ...] = ()
    framing: str | None = None
    understood: Understanding
