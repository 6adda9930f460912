"""From a request, read, to the planned scene: what the story carries on, and what it contradicts.

What the request does not change stays as the world state has it: outfit, injuries, props in
hand, and the place until another one is named. Where the two contradict each other the request
wins, from this scene on. A permanent trait wins over the request. A garment that is taken off is
off in that scene: what is worn then is not known, so the next scene has the outfit again.
"""

from collections.abc import Iterator
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
    """A planned scene, what it contradicts, and what else was asked in the request's words."""

    scene: SceneState
    contradictions: tuple[Contradiction, ...]
    asked: tuple[str, ...]
    text: str


def outline(character: Character, request: SceneRequest, world: WorldState) -> Outline:
    """Plan the scene that follows `world`."""
    reading = read(request.prompt, character.name)
    posed = read(request.pose, character.name) if request.pose else None
    unlocked, overruled = weigh(reading.traits, character.profile)
    outfit, clashes = _outfit(reading, world.outfit or character.profile.outfit)
    props, prop_clashes = _props(reading, world.props)
    injuries, wound_clashes = _injuries(reading, world, character.profile.marks)
    place_clash = _place_clash(reading, world)
    action = reading.action or _unknown_action(reading)
    fields: dict[str, object] = {
        "outfit": outfit,
        "props": props,
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
    contradictions = (*overruled, *clashes, *prop_clashes, *wound_clashes, *place_clash)
    return Outline(scene, contradictions, (*reading.rest, *unlocked), reading.text)


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


def _place_clash(reading: Reading, world: WorldState) -> Iterator[Contradiction]:
    """Going elsewhere is a story; being "still" where one was not is a contradiction."""
    if reading.still_there and reading.place and world.place not in {None, reading.place}:
        yield Contradiction(
            field="place", requested=f"still: {reading.place}", state=world.place or ""
        )


# Clothes and things.


def same_outfit(a: Outfit, b: Outfit) -> bool:
    """Whether two outfits are one under different names ("black cloak", "dark cloak")."""
    return a.garment.lower() == b.garment.lower() and _cloth(a.colour) == _cloth(b.colour)


def _cloth(colour: str | None) -> str | None:
    if colour is None:
        return None
    plain = lexicon.SPELLINGS.get(colour.lower(), colour.lower())
    return lexicon.CLOTH.get(plain, plain)


def _outfit(
    reading: Reading, worn: Outfit | None
) -> tuple[Outfit | None, tuple[Contradiction, ...]]:
    wanted = reading.outfit
    if wanted is None and reading.cloth:
        wanted = Outfit(garment=worn.garment if worn else "clothes", colour=reading.cloth)
    if wanted is None:
        return (None if reading.undressed else worn), ()
    if worn and wanted.colour is None and wanted.garment == worn.garment:
        return worn, ()
    if worn and same_outfit(wanted, worn):
        return worn, ()
    if worn is None or reading.announced:
        return wanted, ()
    return wanted, (Contradiction(field="outfit", requested=wanted.phrase, state=worn.phrase),)


def _props(
    reading: Reading, carried: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Contradiction, ...]]:
    state = ", ".join(carried) or "nothing in hand"
    clashes = [
        Contradiction(field="props", requested=f"still: {prop}", state=state)
        for prop in reading.still_props
        if prop not in carried
    ]
    clashes += [
        Contradiction(field="props", requested=f"without the {prop}", state=state)
        for prop in reading.dropped
        if prop not in carried and prop not in reading.props
    ]
    if reading.unarmed and any(prop in HELD for prop in carried):
        clashes.append(Contradiction(field="props", requested="unarmed", state=state))
    gone = set(reading.dropped) | (HELD if reading.unarmed else set())
    kept = [prop for prop in carried if prop not in gone and prop not in reading.props]
    new = [prop for prop in reading.props if prop not in gone]
    return _in_two_hands([*new, *kept]), tuple(clashes)


def _in_two_hands(props: list[str]) -> tuple[str, ...]:
    """What was named last in the story is let go of first."""
    held = [prop for prop in props if prop in HELD][:HANDS]
    return tuple(prop for prop in props if prop not in HELD or prop in held)


# Passing wounds.


def _injuries(
    reading: Reading, world: WorldState, marks: tuple[Mark, ...]
) -> tuple[tuple[Injury, ...], tuple[Contradiction, ...]]:
    clashes: list[Contradiction] = []
    present = [one for one in world.injuries if one.kind not in reading.mended]
    if reading.unhurt and present:
        clashes.append(_clash("unhurt", present))
    if reading.unhurt or reading.healed:
        present = []
    for wound in reading.wounds:
        present, clash = _with_wound(present, wound, world.scene + 1, marks)
        clashes += clash
    if reading.wounded and not present:
        if reading.still_wounded:
            clashes.append(_clash("still wounded", present))
        wound = Wound(kind=INJURY_KINDS[0])
        present, _ = _with_wound(present, wound, world.scene + 1, marks)
    return tuple(present), tuple(clashes)


def _with_wound(
    present: list[Injury], wound: Wound, scene: int, marks: tuple[Mark, ...]
) -> tuple[list[Injury], list[Contradiction]]:
    place = _wound_place(wound, present, marks)
    if any((one.kind, one.place) == (wound.kind, place) for one in present):
        return present, []
    new = Injury(kind=wound.kind, place=place, since_scene=scene)
    clashes = [_clash(f"still: {new.phrase}", present)] if wound.still else []
    if wound.kind in COVERINGS:
        return [*present, new], clashes
    replaced = [one for one in present if one.place == place and one.kind not in COVERINGS]
    if replaced and not clashes:
        clashes = [_clash(new.phrase, replaced)]
    return [*(one for one in present if one not in replaced), new], clashes


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


def _clash(requested: str, present: list[Injury]) -> Contradiction:
    state = ", ".join(one.phrase for one in present) or "no injuries"
    return Contradiction(field="injuries", requested=requested, state=state)
