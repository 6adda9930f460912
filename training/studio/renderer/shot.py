"""Everything of a picture that is not the person: one frozen value a shot."""

from dataclasses import dataclass

import numpy as np

from cluster.domain.vocabulary import (
    ACTIONS,
    EXPRESSIONS,
    FACE_PLACES,
    HEAD_POSES,
    INJURY_KINDS,
    OUTFIT_COLOURS,
    OUTFITS,
    PLACES,
    PROPS,
)
from training.studio.renderer.actor import SkinMark, pick

HELD_PROPS = ("sword", "staff", "lantern", "umbrella", "book", "cup")
OPEN_MOUTHS = ("shouting", "surprised")
"""Expressions in whose mouth talking does not show."""

INDOORS = ("studio", "castle", "space", "cave")
"""Places without weather."""

POSE_DEGREES = {
    "facing the camera": (0.0, 0.0),
    "looking left": (23.0, 0.0),
    "looking right": (-23.0, 0.0),
    "looking up": (0.0, -17.0),
    "looking down": (0.0, 17.0),
}
"""Mean (yaw to the actor's left, pitch downwards) of each word of `HEAD_POSES`, degrees."""


WIDTHS = {"close-up": (0.260, 0.285), "portrait": (0.300, 0.330), "waist-up": (0.365, 0.395)}
"""What a frame spans at the head for each word of `FRAMINGS`, metres."""


@dataclass(frozen=True)
class Shot:
    """A picture's framing, acting, costume and place. ``seed`` decides light and clutter.

    ``yaw`` to the actor's left, ``pitch`` downwards and ``roll`` are the head's, in degrees;
    ``width`` is what the frame spans at the head, in metres.
    """

    framing: str
    expression: str
    action: str
    head_pose: str
    yaw: float
    pitch: float
    roll: float
    width: float
    outfit: str
    outfit_colour: str
    prop: str | None
    injuries: tuple[SkinMark, ...]
    place: str
    weather: str
    seed: int


def random_framing(rng: np.random.Generator, held: bool) -> tuple[str, float]:
    """A framing and its width in metres; heads are about 0.155 m wide, and hands need room."""
    odds = [0.0, 0.7, 0.3] if held else [0.48, 0.41, 0.11]
    framing = str(rng.choice(["close-up", "portrait", "waist-up"], p=odds))
    low, high = WIDTHS[framing]
    return framing, float(rng.uniform(low, high))


def random_injuries(rng: np.random.Generator) -> tuple[SkinMark, ...]:
    """Usually none, sometimes one injury on the face."""
    if rng.random() < 0.55:
        return ()
    return (SkinMark(pick(rng, INJURY_KINDS), pick(rng, FACE_PLACES)),)


def random_weather(rng: np.random.Generator, place: str) -> str:
    """Clear for half of the outdoor shots; always clear indoors."""
    if place in INDOORS:
        return "clear"
    return str(rng.choice(["clear", "rain", "snow", "fog"], p=[0.58, 0.18, 0.12, 0.12]))


def random_pose(rng: np.random.Generator) -> tuple[str, float, float, float]:
    """A head pose and its yaw, pitch and roll in degrees."""
    pose = str(rng.choice(HEAD_POSES, p=[0.56, 0.13, 0.13, 0.09, 0.09]))
    yaw, pitch = POSE_DEGREES[pose]
    jitter = rng.normal(0.0, 1.0, 3)
    return pose, yaw + 4.0 * jitter[0], pitch + 2.2 * jitter[1], 2.2 * jitter[2]


def random_shot(rng: np.random.Generator) -> Shot:
    """A shot in which every word of the vocabulary comes up often."""
    pose, yaw, pitch, roll = random_pose(rng)
    place = pick(rng, PLACES)
    prop = pick(rng, PROPS) if rng.random() < 0.55 else None
    framing, width = random_framing(rng, prop in HELD_PROPS)
    return Shot(
        framing=framing,
        expression=str(rng.choice(EXPRESSIONS, p=[0.3, 0.16, 0.14, 0.12, 0.14, 0.14])),
        action=str(rng.choice(ACTIONS, p=[0.4, 0.18, 0.16, 0.12, 0.14])),
        head_pose=pose,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        width=width,
        outfit=pick(rng, OUTFITS),
        outfit_colour=pick(rng, OUTFIT_COLOURS),
        prop=prop,
        injuries=random_injuries(rng),
        place=place,
        weather=random_weather(rng, place),
        seed=int(rng.integers(1 << 31)),
    )
