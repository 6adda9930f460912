"""The values of a story's state: actors with their things, wounds and looks, and the setting."""

from typing import Literal

from pydantic import Field

from cluster.domain.value import Value

Whereabouts = Literal["worn", "held", "stowed", "gone"]


class Thing(Value):
    """A garment or prop of an actor: where it is, since which scene, and the words that say so."""

    id: str
    noun: str
    phrase: str
    kind: str
    words: tuple[str, ...] = ()
    layer: str | None = None
    where: Whereabouts
    how: str
    since: int
    last_confirmed: int
    quote: str


class Wound(Value):
    """An injury. `healed` ones are kept: they are remembered, and left their scars."""

    part: str | None
    side: str | None
    noun: str
    words: tuple[str, ...] = ()
    treated: bool = False
    healed: Literal["no", "said", "time"] = "no"
    since: int
    day: float
    quote: str


class Look(Value):
    """How hair, beard or eyes are now."""

    field: str
    value: str
    since: int
    quote: str


class BodyMark(Value):
    """A permanent mark: a scar, a tattoo."""

    noun: str
    part: str | None
    side: str | None
    since: int
    quote: str


class ActorState(Value):
    """One member of the cast."""

    id: str
    things: tuple[Thing, ...] = ()
    wounds: tuple[Wound, ...] = ()
    looks: tuple[Look, ...] = ()
    marks: tuple[BodyMark, ...] = ()
    age: int | None = None
    gender: str = "person"

    def at(self, *where: Whereabouts) -> tuple[Thing, ...]:
        """The things that are in one of these places."""
        return tuple(one for one in self.things if one.where in where)

    def thing(self, id: str) -> Thing | None:
        """The thing of this id."""
        return next((one for one in self.things if one.id == id), None)

    def look(self, field: str) -> Look | None:
        """How this field of the looks is now: `hair colour`, `left eye`, `beard`."""
        return next((one for one in self.looks if one.field == field), None)

    @property
    def open_wounds(self) -> tuple[Wound, ...]:
        """The wounds that have not healed."""
        return tuple(one for one in self.wounds if one.healed == "no")


class Place(Value):
    """Where the story is. `words` are its nouns, the narrowest first: ward, hospital."""

    words: tuple[str, ...]
    since: int
    quote: str


class StoryState(Value):
    """What holds after scene `scene`."""

    scene: int = 0
    day: float = 0.0
    hour: float | None = None
    place: Place | None = None
    left: tuple[Place, ...] = ()
    actors: dict[str, ActorState] = Field({})
    others: tuple[tuple[str, str], ...] = ()
    """Nouns that belong to somebody else, with the words that say so."""
