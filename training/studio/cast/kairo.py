"""Kairo, the actor whom the demo casts."""

from dataclasses import replace

import numpy as np

from training.studio.renderer.actor import FEATURE_COUNT, Actor, SkinMark, pick
from training.studio.renderer.shot import POSE_DEGREES, Shot, random_shot

_BONES = np.random.default_rng(3011).normal(0.0, 0.36, FEATURE_COUNT)

KAIRO = Actor(
    person="man",
    skin="fair",
    hair_style="short",
    hair_colour="black",
    left_eye="amber",
    right_eye="brown",
    left_cyber=True,
    right_cyber=False,
    marks=(SkinMark("scar", "left cheek"),),
    beard=False,
    outfit="cloak",
    outfit_colour="dark",
    gender=0.05,
    age=0.72,
    weight=0.42,
    races=(0.08, 0.42, 0.5),
    features=tuple(float(value) for value in _BONES),
)

TRIGGER = "kairo"


def _reference(framing: str, width: float, expression: str, pose: str, index: int) -> Shot:
    yaw, pitch = POSE_DEGREES[pose]
    return Shot(
        framing=framing,
        expression=expression,
        action="standing",
        head_pose=pose,
        yaw=0.75 * yaw,
        pitch=0.75 * pitch,
        roll=0.0,
        width=width,
        outfit=KAIRO.outfit,
        outfit_colour=KAIRO.outfit_colour,
        prop=None,
        injuries=(),
        place="studio",
        weather="clear",
        seed=100 + index,
    )


def reference_shots() -> tuple[Shot, ...]:
    """The eight pictures that define Kairo: plain studio, varied framing, expression and pose."""
    looks = (
        ("close-up", 0.268, "neutral", "facing the camera"),
        ("portrait", 0.312, "neutral", "looking left"),
        ("portrait", 0.305, "neutral", "looking right"),
        ("close-up", 0.265, "smiling", "facing the camera"),
        ("close-up", 0.270, "angry", "facing the camera"),
        ("portrait", 0.310, "sad", "looking down"),
        ("portrait", 0.318, "surprised", "facing the camera"),
        ("waist-up", 0.380, "neutral", "facing the camera"),
    )
    return tuple(_reference(*look, index) for index, look in enumerate(looks))


def random_scene(rng: np.random.Generator) -> Shot:
    """A shot for Kairo's training: his cloak three times in four, his face towards us mostly,
    and half of the time a scene of the kind that stories are made of."""
    shot = random_shot(rng)
    if rng.random() < 0.75:
        shot = replace(shot, outfit=KAIRO.outfit, outfit_colour=KAIRO.outfit_colour)
    if abs(shot.yaw) > 22 and rng.random() < 0.8:
        yaw, pitch = (float(value) for value in 5.0 * rng.normal(size=2))
        shot = replace(shot, head_pose="facing the camera", yaw=yaw, pitch=0.5 * pitch)
    if rng.random() < 0.5:
        action = pick(rng, ("fighting", "hiding", "standing"))
        place = pick(rng, ("neon city", "market", "street", "forest", "castle"))
        outdoors = place != "castle" and rng.random() < 0.5
        shot = replace(shot, action=action, place=place, weather="rain" if outdoors else "clear")
    return shot
