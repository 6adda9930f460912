"""What holds at a point of a story, for its whole cast: a fold over typed changes with evidence.

Nothing is carried by a scene: take a scene's changes away and the fold is as if it had not been.
"""

from collections.abc import Iterable
from typing import Literal

from cluster.domain.story.reading import Change
from cluster.domain.value import Value

Whereabouts = Literal["worn", "held", "stowed", "gone"]

FACE = frozenset("face cheek forehead brow eyebrow nose jaw chin lip mouth cheekbone temple".split())
HEALS_AFTER_DAYS = {
    "bruise": 10.0, "blood": 0.5, "scratch": 7.0, "graze": 10.0, "scrape": 10.0, "black_eye": 10.0,
    "split": 14.0, "cut": 21.0, "gash": 28.0, "burn": 28.0, "sprain": 35.0, "bite": 21.0,
    "fracture": 60.0, "break": 60.0, "broken": 60.0,
}  # fmt: skip
"""Story days after which a wound of a kind is taken to have healed, when the story tells time."""
HEALS_ANYHOW_AFTER_DAYS = 45.0


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


class Actor(Value):
    """One member of the cast."""

    id: str
    things: tuple[Thing, ...] = ()
    wounds: tuple[Wound, ...] = ()
    looks: tuple[Look, ...] = ()
    marks: tuple[BodyMark, ...] = ()
    age: int | None = None
    gender: str = "person"

    def at(self, *where: Whereabouts) -> tuple[Thing, ...]:
        return tuple(one for one in self.things if one.where in where)

    def thing(self, id: str) -> Thing | None:
        return next((one for one in self.things if one.id == id), None)

    def look(self, field: str) -> Look | None:
        return next((one for one in self.looks if one.field == field), None)

    @property
    def open_wounds(self) -> tuple[Wound, ...]:
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
    actors: dict[str, Actor] = {}
    others: tuple[tuple[str, str], ...] = ()
    """Nouns that belong to somebody else, with the words that say so."""


def after(state: StoryState, changes: Iterable[Change], scene: int) -> StoryState:
    """The state after a scene's changes; what is not real changes nothing."""
    state = state.model_copy(update={"scene": scene})
    for change in changes:
        state = apply(state, change)
    return state


def apply(state: StoryState, change: Change) -> StoryState:
    if change.modality != "real":
        return state
    if change.slot == "time":
        return _time(state, change)
    if change.slot == "place":
        return _place(state, change)
    actor = state.actors.get(change.subject)
    if actor is None:
        return _somebody(state, change)
    match change.slot:
        case "outfit" | "props":
            changed = _thing(actor, change, state)
        case "injuries":
            changed = _wound(actor, change, state)
        case "hair" | "eyes":
            changed = _look(actor, change, state)
        case "marks":
            changed = _mark(actor, change, state)
        case _:
            changed = actor
    if changed is actor:
        return state
    return state.model_copy(update={"actors": {**state.actors, actor.id: changed}})


def _somebody(state: StoryState, change: Change) -> StoryState:
    if change.slot not in {"outfit", "props"} or change.op in {"drop", "give", "lose", "take_off", "lack"}:
        return state
    if change.slot == "props" and change.op not in {"hold", "take", "use", "wear"} and not change.owned:
        return state
    said = (change.noun, change.evidence.quote)
    return state.model_copy(update={"others": (*state.others, said)[-60:]})


# Things.

REPLACES: dict[str, frozenset[str]] = {
    "full": frozenset({"full", "top", "bottom"}),
    "bottom": frozenset({"bottom", "full"}),
    "feet": frozenset({"feet"}),
    "head": frozenset({"head"}),
    "hands": frozenset({"hands"}),
    "outer": frozenset({"outer"}),
    "eyes": frozenset({"eyes"}),
}
"""A garment of a layer that is put on -> layers of those that it takes the place of."""
WHOLE = frozenset({"full", "top", "bottom", "outer", "mail", "feet", "head", "waist", "hands"})


def _thing(actor: Actor, change: Change, state: StoryState) -> Actor:
    known = actor.thing(change.entity)
    match change.op:
        case "wear":
            return _worn(actor, change, state, known)
        case "take_off":
            return _moved(actor, change, state, known, "gone")
        case "stow":
            return _moved(actor, change, state, known, "stowed")
        case "take" | "hold":
            if known is not None and known.where == "worn":
                return actor if change.op == "hold" else _moved(actor, change, state, known, "held")
            if change.op == "hold" and known is not None and known.where == "stowed" and "in hand" not in change.words:
                return actor
            return _moved(actor, change, state, known, "held")
        case "drop" | "give" | "lose":
            if known is None and change.slot == "props" and not change.definite:
                return actor
            return _moved(actor, change, state, known, "gone")
        case "use":
            if known is not None and known.where == "stowed":
                return _moved(actor, change, state, known, "held")
            if known is None and (change.kind == "weapon" or change.owned) and change.slot == "props":
                return _moved(actor, change, state, known, "held")
            return actor
        case "be":
            if change.slot == "outfit" and (known is None or known.where == "gone"):
                return _worn(actor, change, state, known)
            return actor
        case _:
            return actor


def _moved(
    actor: Actor, change: Change, state: StoryState, known: Thing | None, where: Whereabouts
) -> Actor:
    scene = state.scene
    thing = Thing(
        id=change.entity,
        noun=known.noun if known else change.noun,
        phrase=known.phrase if known else change.phrase,
        kind=known.kind if known else change.kind,
        words=tuple(dict.fromkeys((*(known.words if known else ()), *change.words))),
        layer=known.layer if known else change.layer,
        where=where,
        how=change.op,
        since=scene,
        last_confirmed=scene,
        quote=change.evidence.quote,
    )
    rest = tuple(one for one in actor.things if one.id != change.entity)
    return actor.model_copy(update={"things": (*rest, thing)})


def _worn(actor: Actor, change: Change, state: StoryState, known: Thing | None) -> Actor:
    if known is not None and known.where == "worn":
        return actor
    out = REPLACES.get(change.layer or "", frozenset())
    if "whole outfit" in change.words:
        out = WHOLE
    things = []
    for one in actor.things:
        fresh = one.since == state.scene and one.how in {"wear", "be"}
        if one.where == "worn" and one.layer in out and not fresh and one.id != change.entity:
            one = one.model_copy(update={
                "where": "gone", "how": "replaced", "since": state.scene,
                "quote": change.evidence.quote})  # fmt: skip
        things.append(one)
    return _moved(actor.model_copy(update={"things": tuple(things)}), change, state, known, "worn")


# Wounds.


def same_place(wound: Wound, change: Change, region: dict[str, str]) -> bool:
    """Whether a change is about the place of a wound; a side that is not said fits any."""
    if change.part is None or wound.part is None:
        return True
    if wound.side and change.side and wound.side != change.side:
        return False
    return near(wound.part, change.part, region)


def near(part: str, other: str, region: dict[str, str]) -> bool:
    """Whether two body parts may be told for one another: forearm and arm, ankle and foot."""
    if part == other:
        return True
    a, b = region.get(part, part), region.get(other, other)
    if a != b:
        return {part, other} in ({"forehead", "head"}, {"temple", "head"}, {"collarbone", "shoulder"}, {"skull", "head"})
    return part == a or other == b or a in {"foot", "torso", "hand", "arm"}


REGION: dict[str, str] = {
    part: region
    for region, parts in {
        "arm": "forearm elbow wrist bicep", "hand": "finger thumb palm knuckle fist fingertip",
        "leg": "knee thigh shin calf kneecap", "foot": "ankle toe heel sole instep",
        "face": "cheek forehead brow eyebrow nose jaw chin lip mouth cheekbone temple",
        "head": "scalp skull", "torso": "rib side chest stomach belly back abdomen flank ribcage",
        "neck": "throat nape", "shoulder": "collarbone",
    }.items()
    for part in (region, *parts.split())
}  # fmt: skip


def _wound(actor: Actor, change: Change, state: StoryState) -> Actor:
    fits = [
        at for at, one in enumerate(actor.wounds)
        if one.healed == "no" and (change.noun == "all" or same_place(one, change, REGION))
    ]  # fmt: skip
    wounds = list(actor.wounds)
    if change.op == "heal":
        if not fits and change.part is None:
            fits = [at for at, one in enumerate(wounds) if one.healed == "no"][-1:]
        for at in fits:
            wounds[at] = wounds[at].model_copy(update={"healed": "said", "quote": change.evidence.quote})
    elif change.op in {"injure", "be", "treat"}:
        if change.part is None and change.op != "injure":
            return actor
        if change.part is None and (fits or change.noun in {"wound", "blood"}):
            return actor
        if fits and change.op != "injure":
            at = fits[-1]
            wounds[at] = wounds[at].model_copy(update={"treated": wounds[at].treated or change.op == "treat"})
        elif not (fits and change.op == "injure" and wounds[fits[-1]].since == state.scene):
            wounds.append(
                Wound(part=change.part, side=change.side, noun=change.noun, words=change.words,
                      treated=change.op == "treat", since=state.scene, day=state.day,
                      quote=change.evidence.quote)
            )  # fmt: skip
    else:
        return actor
    return actor.model_copy(update={"wounds": tuple(wounds)})


# Looks.

SHADES: dict[str, str] = {
    "gray": "grey", "blonde": "blond", "golden": "blond", "flaxen": "blond", "sandy": "blond",
    "platinum": "blond", "fair": "blond", "pale": "blond", "ginger": "red", "copper": "red",
    "auburn": "red", "strawberry": "red", "rust": "red", "raven": "black", "jet": "black",
    "chestnut": "brown", "mousy": "brown", "hazel": "brown", "brunette": "brown", "crimson": "red",
    "scarlet": "red", "burgundy": "red", "maroon": "red", "emerald": "green", "olive": "green",
    "navy": "blue", "sapphire": "blue", "teal": "blue", "silver": "grey", "steel": "grey",
    "ice": "blue", "snow": "white", "silver-white": "white", "reddish": "red", "charcoal": "grey",
    "mustard": "yellow", "saffron": "yellow", "cream": "white", "ivory": "white", "indigo": "blue",
    "violet": "purple", "lavender": "purple", "lilac": "purple", "redhead": "red",
    "ink": "black", "coal": "black", "honey": "blond", "dirty": "blond", "salt": "grey",
}  # fmt: skip
COLOURS = frozenset(
    "black white red blue green yellow orange purple pink brown grey blond gold silver amber turquoise "
    "beige tan khaki bronze".split()
) | frozenset(SHADES)
TWINS = ({"red", "brown"}, {"blond", "white"}, {"amber", "brown"}, {"grey", "white"}, {"grey", "blue"},
         {"gold", "yellow"}, {"gold", "blond"}, {"tan", "brown"}, {"tan", "beige"}, {"black", "dark"},
         {"silver", "grey"}, {"yellow", "blond"}, {"amber", "gold"}, {"purple", "blue"})  # fmt: skip
"""Colours that one thing may be called by."""
LENGTHS = {
    "long": "long", "waist-length": "long", "flowing": "long", "braid": "long", "plait": "long",
    "ponytail": "long", "mane": "long", "braids": "long", "tress": "long", "pigtail": "long",
    "topknot": "long", "bun": "long", "shoulder-length": "medium", "chin-length": "short",
    "short": "short", "cropped": "short", "crop": "short", "bob": "short", "pixie": "short",
    "buzzed": "short", "close-cropped": "short", "clipped": "short", "shorn": "short",
    "shaved": "bald", "shaven": "bald", "bald": "bald", "mohawk": "mohawk", "dreadlock": "long",
    "dreadlocks": "long", "cut": "short", "shave": "bald", "chop": "short", "buzz": "short",
    "chignon": "long", "hip-length": "long",
}  # fmt: skip
TEXTURES = {"curly": "curly", "curl": "curly", "ringlet": "curly", "straight": "straight", "wavy": "wavy",
            "frizzy": "curly", "dreadlock": "dreadlocks", "dreadlocks": "dreadlocks", "curls": "curly"}  # fmt: skip


def colours(words: Iterable[str]) -> set[str]:
    """The basic colours that words name: `ice-blue` is blue, `auburn` red."""
    found = set()
    for word in words:
        parts = [part for part in word.lower().split("-") if part in COLOURS]
        if parts:
            found.add(SHADES.get(parts[-1], parts[-1]))
    return found


def agree(some: set[str], others: set[str]) -> bool:
    """Whether two sets of colours may be one thing's."""
    if not some or not others or some & others:
        return True
    return any({a, b} in TWINS for a in some for b in others)


def hair_of(words: Iterable[str]) -> dict[str, str]:
    """Field -> value of what words say of hair."""
    said = list(words)
    found = {}
    if shade := colours(said):
        found["hair colour"] = sorted(shade)[0]
    if length := [LENGTHS[one] for one in said if one in LENGTHS]:
        found["hair length"] = length[0]
    if texture := [TEXTURES[one] for one in said if one in TEXTURES]:
        found["hair texture"] = texture[0]
    return found


def _look(actor: Actor, change: Change, state: StoryState) -> Actor:
    if change.slot == "eyes":
        return actor
    if change.noun == "beard":
        if change.op == "change_look" and {"shave", "cut"} & set(change.words):
            return _with_looks(actor, {"beard": "none"}, change, state)
        if change.op in {"change_look", "be"}:
            return _with_looks(actor, {"beard": "yes"}, change, state)
        return actor
    said = hair_of(change.words)
    if change.op == "be":
        said = {field: value for field, value in said.items() if actor.look(field) is None}
    elif change.op != "change_look":
        return actor
    return _with_looks(actor, said, change, state) if said else actor


def _with_looks(actor: Actor, said: dict[str, str], change: Change, state: StoryState) -> Actor:
    kept = tuple(one for one in actor.looks if one.field not in said)
    new = tuple(
        Look(field=field, value=value, since=state.scene, quote=change.evidence.quote)
        for field, value in said.items()
    )
    return actor.model_copy(update={"looks": (*kept, *new)})


def _mark(actor: Actor, change: Change, state: StoryState) -> Actor:
    if change.op != "change_look":
        return actor
    mark = BodyMark(noun=change.noun, part=change.part, side=change.side, since=state.scene,
                    quote=change.evidence.quote)  # fmt: skip
    return actor.model_copy(update={"marks": (*actor.marks, mark)})


# Place and time.

NOTES = frozenset({"slug", "fragment", "ambient", "elsewhere", "from", "inner", "same place"})


def place_words(change: Change) -> tuple[str, ...]:
    return tuple(one for one in (change.noun, *change.words) if one not in NOTES)


def _place(state: StoryState, change: Change) -> StoryState:
    if change.op == "leave":
        if state.place is None or not change.known:
            return state
        return state.model_copy(update={"place": None, "left": _left(state)})
    if change.op not in {"go", "be"} or change.subject not in state.actors:
        return state
    if change.subject != next(iter(state.actors), change.subject) and change.op == "be":
        return state
    if {"ambient", "elsewhere"} & set(change.words) and state.place is not None and state.place.since == state.scene:
        return state
    if "same place" in change.words:
        return state
    words_ = place_words(change)
    if state.place is not None and ("inner" in change.words and "slug" not in change.words):
        words_ = tuple(dict.fromkeys((*words_, *state.place.words)))[:12]
        return state.model_copy(update={"place": state.place.model_copy(update={"words": words_})})
    if state.place is not None and state.place.since == state.scene and change.op == "be":
        merged = tuple(dict.fromkeys((*state.place.words, *words_)))[:12]
        return state.model_copy(update={"place": state.place.model_copy(update={"words": merged})})
    place = Place(words=words_, since=state.scene, quote=change.evidence.quote)
    return state.model_copy(update={"place": place, "left": _left(state, words_)})


def _left(state: StoryState, new: tuple[str, ...] = ()) -> tuple[Place, ...]:
    left = tuple(one for one in state.left if one.words[:1] != new[:1])
    return (*left, state.place)[-40:] if state.place is not None else left


def _time(state: StoryState, change: Change) -> StoryState:
    if change.op == "pass":
        days = float(change.noun)
        state = state.model_copy(update={"day": state.day + days, "hour": None if days > 0.1 else state.hour})
        if days < 1:
            return state
        actors = {id: _healed_by_time(actor, state.day, change) for id, actor in state.actors.items()}
        return state.model_copy(update={"actors": actors})
    return state.model_copy(update={"hour": float(change.noun)})


def _healed_by_time(actor: Actor, day: float, change: Change) -> Actor:
    wounds = tuple(
        one.model_copy(update={"healed": "time", "quote": change.evidence.quote})
        if one.healed == "no" and day - one.day >= _heals_after(one) else one
        for one in actor.wounds
    )  # fmt: skip
    return actor.model_copy(update={"wounds": wounds})


def _heals_after(wound: Wound) -> float:
    kinds = [HEALS_AFTER_DAYS[one] for one in (wound.noun, *wound.words) if one in HEALS_AFTER_DAYS]
    return max(kinds, default=HEALS_ANYHOW_AFTER_DAYS)
