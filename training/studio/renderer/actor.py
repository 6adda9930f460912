"""Who is in front of the camera: an imaginary person as one frozen value."""

from dataclasses import dataclass

import numpy as np

from cluster.domain.vocabulary import (
    EYE_COLOURS,
    FACE_PLACES,
    HAIR_COLOURS,
    HAIR_STYLES,
    MARK_KINDS,
    OUTFIT_COLOURS,
    OUTFITS,
    SKIN_TONES,
)

FEATURE_COUNT = 96
"""Face-shape coefficients carried by an actor; a head uses as many as it has changes."""

FEATURE_SIGMA = 0.57
"""Spread of the face-shape coefficients: wide, so that a recogniser tells people apart, and no
wider: heads beyond what it was trained on look alike to it again (AUC .9866; at .64 .9844)."""


@dataclass(frozen=True)
class SkinMark:
    """Something on the skin: a word of `MARK_KINDS` or `INJURY_KINDS` at a `FACE_PLACES`."""

    kind: str
    place: str


@dataclass(frozen=True)
class Actor:
    """An identity. Words are those of `cluster.domain.vocabulary`; the rest is bone and flesh.

    ``gender`` 0 male to 1 female and ``age`` 2/3 young to 1 old are the body model's scales,
    ``weight`` 0 to 1, ``races`` sums to 1, ``features`` holds `FEATURE_COUNT` coefficients.
    """

    person: str
    skin: str
    hair_style: str
    hair_colour: str
    left_eye: str
    right_eye: str
    left_cyber: bool
    right_cyber: bool
    marks: tuple[SkinMark, ...]
    beard: bool
    outfit: str
    outfit_colour: str
    gender: float
    age: float
    weight: float
    races: tuple[float, float, float]
    features: tuple[float, ...]


def pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    """One of the words, each as likely."""
    return words[int(rng.integers(len(words)))]


def random_marks(rng: np.random.Generator) -> tuple[SkinMark, ...]:
    """No mark for three people in ten, else one; a second one now and then."""
    count = int(rng.choice([0, 1, 2], p=[0.3, 0.52, 0.18]))
    places = rng.permutation(len(FACE_PLACES))[:count]
    return tuple(SkinMark(pick(rng, MARK_KINDS), FACE_PLACES[int(place)]) for place in places)


def random_actor(rng: np.random.Generator) -> Actor:
    """An imaginary adult drawn from all faces the head's shape space can take."""
    female = bool(rng.random() < 0.5)
    gender = float(rng.uniform(0.75, 1.0) if female else rng.uniform(0.0, 0.25))
    left = pick(rng, EYE_COLOURS)
    odd = rng.random() < 0.3
    right = pick(rng, EYE_COLOURS) if odd else left
    cyber = int(rng.choice([0, 1, 2], p=[0.84, 0.08, 0.08]))
    races = rng.dirichlet([0.5, 0.5, 0.5])
    return Actor(
        person="woman" if female else "man",
        skin=pick(rng, SKIN_TONES),
        hair_style=pick(rng, HAIR_STYLES),
        hair_colour=pick(rng, HAIR_COLOURS),
        left_eye=left,
        right_eye=right,
        left_cyber=cyber == 1,
        right_cyber=cyber == 2,
        marks=random_marks(rng),
        beard=not female and bool(rng.random() < 0.3),
        outfit=pick(rng, OUTFITS),
        outfit_colour=pick(rng, OUTFIT_COLOURS),
        gender=gender,
        age=float(rng.uniform(2 / 3, 1.0)),
        weight=float(rng.uniform(0.15, 0.85)),
        races=(float(races[0]), float(races[1]), float(races[2])),
        features=tuple(float(v) for v in rng.normal(0.0, FEATURE_SIGMA, FEATURE_COUNT)),
    )
