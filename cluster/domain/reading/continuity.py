"""From a request, read, to the planned scene: what the story carries on.

What the request does not change stays as the world state has it: outfit, injuries, props in
hand, and the place until another one is named. Where the two contradict each other the request
wins, from this scene on. A permanent trait wins over the request. A garment that is taken off is
off in that scene: what is worn then is not known, so the next scene has the outfit again.
"""

from typing import Literal, NamedTuple

from cluster.domain.character import Character, Mark, Outfit
from cluster.domain.reading import lexicon
from cluster.domain.reading.request import Reading, Wound, read
from cluster.domain.reading.scan import clip
from cluster.domain.reading.traits import weigh
from cluster.domain.story.job import Contradiction
from cluster.domain.story.scene import Injury, SceneRequest, SceneState, Source
from cluster.domain.story.world import WorldState
from cluster.domain.vocabulary import FACE_PLACES, INJURY_KINDS, PROPS

HELD = frozenset(PROPS[:6])
HANDS = 2
IMPLIED_EXPRESSIONS = {"fighting": "angry"}
"""Said of an action when the request says nothing of the face."""
DEFAULT_POSE = "facing the camera"
INDOORS = frozenset({"studio", "castle", "space", "cave"})
"""Places without weather."""
COVERINGS = frozenset({"bandage", "blood"})
"""Injuries that lie over others at the same place."""


class Outline(NamedTuple):
    """A planned scene, the permanent traits that were asked to be others, and what else was asked
    in the request's words."""

    scene: SceneState
    overruled: tuple[Contradiction, ...]
    asked: tuple[str, ...]
    text: str


def outline(character: Character, request: SceneRequest, world: WorldState) -> Outline:
    """Plan the scene that follows `world`."""
    reading = read(request.prompt, character.name)
    posed = read(request.pose, character.name) if request.pose else None
    unlocked, overruled = weigh(reading.traits, character.profile)
    injuries = _injuries(reading, world, character.profile.marks)
    action = reading.action or _unknown_action(reading)
    fields: dict[str, object] = {
        "outfit": _outfit(reading, world.outfit or character.profile.outfit),
        "props": _props(reading, world.props),
        "injuries": injuries,
        "action": action,
        "place": reading.place or world.place,
        "weather": _weather(reading, world),
        "expression": reading.expression or IMPLIED_EXPRESSIONS.get(action or ""),
        "pose": _pose(request.pose, posed, reading),
        "framing": (posed and posed.framing) or reading.framing,
    }
    planned: Literal["planned"] = "planned"
    source: dict[str, Source] = {
        name: planned for name, value in fields.items() if value is not None
    }
    stays = {(one.kind, one.place) for one in injuries}
    mended = [one for one in world.injuries if (one.kind, one.place) not in stays]
    scene = SceneState.model_validate({**fields, "mended": mended, "source": source})
    return Outline(scene, overruled, (*reading.rest, *unlocked), reading.text)


def _pose(asked: str | None, posed: Reading | None, reading: Reading) -> str:
    if posed and posed.pose:
        return posed.pose
    if asked and posed and (posed.rest or posed.action):
        return asked
    return reading.pose or DEFAULT_POSE


def _unknown_action(reading: Reading) -> str | None:
    """What someone does whose verb no table knows: the first other thing that was asked."""
    for clause in reading.rest:
        if " " in clause or clause.endswith(("s", "ing", "ed")):
            return clip(clause)
    return None


def _weather(reading: Reading, world: WorldState) -> str | None:
    if reading.weather:
        return reading.weather
    stays = reading.place is None or reading.place == world.place
    return world.weather if stays and world.place not in INDOORS else None


# Clothes and things.


def same_outfit(a: Outfit, b: Outfit) -> bool:
    """Whether two outfits are one under different names ("black cloak", "dark cloak")."""
    return a.garment.lower() == b.garment.lower() and _cloth(a.colour) == _cloth(b.colour)


def _cloth(colour: str | None) -> str | None:
    if colour is None:
        return None
    plain = lexicon.SPELLINGS.get(colour.lower(), colour.lower())
    return lexicon.CLOTH.get(plain, plain)


def _outfit(reading: Reading, worn: Outfit | None) -> Outfit | None:
    wanted = reading.outfit
    if wanted is None and reading.cloth:
        wanted = Outfit(garment=worn.garment if worn else "clothes", colour=reading.cloth)
    if wanted is None:
        return None if reading.undressed else worn
    if worn and wanted.colour is None and wanted.garment == worn.garment:
        return worn
    return worn if worn and same_outfit(wanted, worn) else wanted


def _props(reading: Reading, carried: tuple[str, ...]) -> tuple[str, ...]:
    gone = set(reading.dropped) | (HELD if reading.unarmed else set())
    kept = [prop for prop in carried if prop not in gone and prop not in reading.props]
    new = [prop for prop in reading.props if prop not in gone]
    return _in_two_hands([*new, *kept])


def _in_two_hands(props: list[str]) -> tuple[str, ...]:
    """What was named last in the story is let go of first."""
    held = [prop for prop in props if prop in HELD][:HANDS]
    return tuple(prop for prop in props if prop not in HELD or prop in held)


# Passing wounds.


def _injuries(reading: Reading, world: WorldState, marks: tuple[Mark, ...]) -> tuple[Injury, ...]:
    present = [one for one in world.injuries if one.kind not in reading.mended]
    if reading.unhurt or reading.healed:
        present = []
    for wound in reading.wounds:
        present = _with_wound(present, wound, world.scene + 1, marks)
    if reading.wounded and not present:
        wound = Wound(kind=INJURY_KINDS[0])
        present = _with_wound(present, wound, world.scene + 1, marks)
    return tuple(present)


def _with_wound(
    present: list[Injury], wound: Wound, scene: int, marks: tuple[Mark, ...]
) -> list[Injury]:
    """The injuries with one more; at its place it takes that of another, unless it covers it."""
    place = _wound_place(wound, present, marks)
    if any((one.kind, one.place) == (wound.kind, place) for one in present):
        return present
    new = Injury(kind=wound.kind, place=place, since_scene=scene)
    if wound.kind in COVERINGS:
        return [*present, new]
    kept = [one for one in present if one.place != place or one.kind in COVERINGS]
    return [*kept, new]


def _wound_place(wound: Wound, present: list[Injury], marks: tuple[Mark, ...]) -> str:
    """Where a wound is: as said; else where one of its kind is; else where the skin is bare."""
    if wound.place not in {None, "face", "cheek"}:
        return wound.place or ""
    same = [one.place for one in present if one.kind == wound.kind]
    if same:
        return same[0]
    taken = {mark.place for mark in marks} | {one.place for one in present}
    cheeks = [place for place in FACE_PLACES if "cheek" in place]
    wanted = cheeks if wound.place == "cheek" else ["forehead", "chin", *cheeks, "nose"]
    return next((place for place in wanted if place not in taken), wanted[0])
