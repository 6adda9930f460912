"""What holds before a story's first scene: what the profiles of its cast say."""

import re
from collections.abc import Callable, Sequence

from cluster.domain.character import Character, Profile
from cluster.domain.story.state import Actor, BodyMark, Look, StoryState, Thing, colours, hair_of

AGE = re.compile(
    r"\b(\d{1,3})[ -]years?\b|\baged? (\d{1,3})\b|^\s*(\d{2})\b|, (\d{2})\b", re.IGNORECASE
)
SIDED = re.compile(r"\b(left|right)\b")
PROFILE = "profile"


def starting_state(
    cast: Sequence[Character], layer: Callable[[str], str | None]
) -> StoryState:
    """The state of scene 0.

    Args:
        layer: Where on the body a garment of this noun is worn.
    """
    return StoryState(actors={one.id: _actor(one, layer) for one in cast})


def _actor(character: Character, layer: Callable[[str], str | None]) -> Actor:
    profile = character.profile
    things: tuple[Thing, ...] = ()
    if profile.outfit is not None:
        noun = profile.outfit.garment.lower().replace(" ", "_")
        things = (
            Thing(
                id=f"{noun.replace('_', '-')}-0",
                noun=noun,
                phrase=profile.outfit.phrase,
                kind="garment",
                words=tuple(profile.outfit.phrase.lower().split()),
                layer=layer(noun),
                where="worn",
                how="wear",
                since=0,
                last_confirmed=0,
                quote=PROFILE,
            ),
        )
    return Actor(
        id=character.id,
        things=things,
        looks=tuple(_looks(profile)),
        marks=tuple(_marks(profile)),
        age=_age(profile.notes),
        gender=profile.gender,
    )


def _looks(profile: Profile) -> list[Look]:
    said = {}
    hair = profile.hair
    words = " ".join(one for one in (hair.style, hair.colour) if one).lower().split()
    said.update(hair_of(words))
    for side, eye in (("left", profile.left_eye), ("right", profile.right_eye)):
        shades = colours((eye.colour or "").lower().split()) if eye else set()
        if shades:
            said[f"{side} eye"] = min(shades)
    if profile.beard:
        said["beard"] = "yes"
    return [Look(field=field, value=value, since=0, quote=PROFILE) for field, value in said.items()]


def _marks(profile: Profile) -> list[BodyMark]:
    found = []
    for mark in profile.marks:
        place = mark.place.lower()
        side = SIDED.search(place)
        found.append(
            BodyMark(
                noun=mark.kind.lower(),
                part=place.split()[-1] if place else None,
                side=side.group() if side else None,
                since=0,
                quote=PROFILE,
            )
        )
    return found


def _age(notes: str) -> int | None:
    match = AGE.search(notes)
    return int(next(one for one in match.groups() if one)) if match else None
