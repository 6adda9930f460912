"""Kairo, the actor whom the demo casts."""

import numpy as np

from training.studio.actor import FEATURE_COUNT, FEATURE_SIGMA, Actor, Mark

_BONES = np.random.default_rng(2077).normal(0.0, FEATURE_SIGMA, FEATURE_COUNT)

KAIRO = Actor(
    person="man",
    skin="fair",
    hair_style="short",
    hair_colour="black",
    left_eye="amber",
    right_eye="brown",
    left_cyber=True,
    right_cyber=False,
    marks=(Mark("scar", "left cheek"),),
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
