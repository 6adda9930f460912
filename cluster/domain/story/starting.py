"""What holds before a story's first scene: what the profiles of its cast say."""

import re
from collections.abc import Callable, Sequence

from cluster.domain.character import Character, Eye, Mark, Outfit, Profile
from cluster.domain.story.state import (
    ActorState,
    BodyMark,
    Look,
    StoryState,
    Thing,
    colours,
    hair_of,
)

AGE = re.compile(
    r"\b(\d{1,3})[ -]years?\b"
    r"|\bage[: ]+(\d{1,3})\b"
    r"|\b(?:man|woman|person) of (\d{1,3})\b"
    r"|\baged? (\d{1,3})\b"
    r"|^\s*(\d{2})\b"
    r"|, (\d{2})\b",
    re.IGNORECASE,
)
"""How notes of a profile tell an age: `43 years old`, `a man of 60`, `Ex police, 43`."""
SIDED = re.compile(r"\b(left|right)\b")
PROFILE = "profile"
"""Stands for the words of a request where a profile says so."""


def starting_state(cast: Sequence[Character], layer: Callable[[str], str | None]) -> StoryState:
    """The state of scene 0.

    Args:
        layer: Where on the body a garment of this noun is worn.
    """
    return StoryState(actors={one.id: _actor(one, layer) for one in cast})


def _actor(character: Character, layer: Callable[[str], str | None]) -> ActorState:
    profile = character.profile
    return ActorState(
        id=character.id,
        things=(_garment(profile.outfit, layer),) if profile.outfit is not None else (),
        looks=tuple(_looks(profile)),
        marks=tuple(map(_mark, profile.marks)),
        age=_age(profile.notes),
        gender=profile.gender,
    )


def _garment(outfit: Outfit, layer: Callable[[str], str | None]) -> Thing:
    noun = outfit.garment.lower().replace(" ", "_")
    return Thing(
        id=f"{noun.replace('_', '-')}-0",
        noun=noun,
        phrase=outfit.phrase,
        kind="garment",
        words=tuple(outfit.phrase.lower().split()),
        layer=layer(noun),
        where="worn",
        how="wear",
        since=0,
        last_confirmed=0,
        quote=PROFILE,
    )


def _looks(profile: Profile) -> list[Look]:
    hair = " ".join(one for one in (profile.hair.style, profile.hair.colour) if one)
    said = hair_of(hair.lower().split())
    for side, eye in (("left", profile.left_eye), ("right", profile.right_eye)):
        if eye is not None:
            said |= _eye(side, eye)
    if profile.beard:
        said["beard"] = "yes"
    return [Look(field=field, value=value, since=0, quote=PROFILE) for field, value in said.items()]


def _eye(side: str, eye: Eye) -> dict[str, str]:
    said = {}
    if shades := colours((eye.colour or "").lower().split()):
        said[f"{side} eye"] = min(shades)
    said[f"{side} eye kind"] = "cyber" if eye.cyber else "natural"
    return said


def _mark(mark: Mark) -> BodyMark:
    place = mark.place.lower()
    side = SIDED.search(place)
    return BodyMark(
        noun=mark.kind.lower(),
        part=place.split()[-1] if place else None,
        side=side.group() if side else None,
        since=0,
        quote=PROFILE,
    )


def _age(notes: str) -> int | None:
    match = AGE.search(notes)
    return int(next(one for one in match.groups() if one)) if match else None
