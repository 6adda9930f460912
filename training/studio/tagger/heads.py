"""What the tagger reads: its heads, their labels, and the truth of a render in those terms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import (
    ACTIONS,
    EXPRESSIONS,
    EYE_COLOURS,
    FACE_PLACES,
    FRAMINGS,
    HAIR_COLOURS,
    HAIR_STYLES,
    HEAD_POSES,
    INJURY_KINDS,
    MARK_KINDS,
    OUTFIT_COLOURS,
    OUTFITS,
    PLACES,
    PROPS,
    SKIN_TONES,
    WEATHERS,
)
from training.studio.renderer.actor import Actor
from training.studio.renderer.shot import Shot
from training.studio.tagger.visibility import Sight

HIDDEN = ""
"""The label of what cannot be seen."""

UNKNOWN = "unknown"
"""No label: what people would not agree on."""

SOFTMAX: dict[str, tuple[str, ...]] = {
    "gender": ("man", "woman"),
    "skin": SKIN_TONES,
    "hair_colour": (*HAIR_COLOURS, HIDDEN),
    "hair_style": (*HAIR_STYLES, HIDDEN),
    "beard": ("none", "beard"),
    "outfit": (*OUTFITS, HIDDEN),
    "outfit_colour": (*OUTFIT_COLOURS, HIDDEN),
    "place": PLACES,
    "weather": WEATHERS,
    "framing": FRAMINGS,
    "expression": EXPRESSIONS,
    "head_pose": HEAD_POSES,
    "action": (*ACTIONS, HIDDEN),
    "left_eye": (*EYE_COLOURS, HIDDEN),
    "right_eye": (*EYE_COLOURS, HIDDEN),
}
"""Heads whose labels exclude each other."""


def at_places(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """`scar on the left cheek` and so on, place by place."""
    return tuple(f"{kind} on the {place}" for place in FACE_PLACES for kind in kinds)


SIGMOID: dict[str, tuple[str, ...]] = {
    "marks": at_places(MARK_KINDS),
    "injuries": at_places(INJURY_KINDS),
    "props": PROPS,
    "cyber": ("left", "right"),
}
"""Heads whose labels are independent of each other."""

GLOBAL = tuple(head for head in SOFTMAX if not head.endswith("_eye"))
"""Softmax heads that look at the whole picture."""

IGNORE = -1


@dataclass(frozen=True)
class Truth:
    """Targets of n pictures: ``one_of`` int64 (n, len(SOFTMAX)), `IGNORE` where unknown;
    ``any_of`` float32 (n, sum of SIGMOID labels), NaN where unknown, heads in the order of the
    dictionaries."""

    one_of: NDArray[np.int64]
    any_of: NDArray[np.float32]


def words(actor: Actor, shot: Shot, sight: Sight) -> dict[str, str]:
    """The label of each softmax head, or `UNKNOWN`."""
    bald = actor.hair_style == "bald"
    return {
        "gender": actor.person,
        "skin": actor.skin,
        "hair_colour": HIDDEN if bald else actor.hair_colour,
        "hair_style": actor.hair_style if sight.hair_style else HIDDEN,
        "beard": "beard" if actor.beard else "none",
        "outfit": _seen(shot.outfit, sight.garment),
        "outfit_colour": _seen(shot.outfit_colour, sight.cloth),
        "place": shot.place,
        "weather": shot.weather,
        "framing": shot.framing,
        "expression": shot.expression,
        "head_pose": shot.head_pose,
        "action": shot.action if sight.action else HIDDEN,
        "left_eye": actor.left_eye,
        "right_eye": actor.right_eye,
    }


def _seen(word: str, visible: bool | None) -> str:
    return UNKNOWN if visible is None else word if visible else HIDDEN


def phrases(actor: Actor, shot: Shot, sight: Sight) -> dict[str, dict[str, float]]:
    """The labels of each sigmoid head that are true of the shot: 1 visible, 0 not, NaN unknown."""
    seen = dict(zip(FACE_PLACES, sight.places.tolist(), strict=True))
    injured = {mark.place for mark in shot.injuries}
    sides = (("left", actor.left_cyber), ("right", actor.right_cyber))
    return {
        "marks": {
            f"{mark.kind} on the {mark.place}": seen[mark.place]
            if mark.place not in injured
            else float("nan")
            for mark in actor.marks
        },
        "injuries": {
            f"{mark.kind} on the {mark.place}": seen[mark.place] for mark in shot.injuries
        },
        "props": {shot.prop: sight.prop} if shot.prop else {},
        "cyber": {side: 1.0 for side, cyber in sides if cyber},
    }


def encode(actor: Actor, shot: Shot, sight: Sight) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One picture's row of `Truth`."""
    said, shown = words(actor, shot, sight), phrases(actor, shot, sight)
    one_of = [
        IGNORE if said[head] == UNKNOWN else labels.index(said[head])
        for head, labels in SOFTMAX.items()
    ]
    any_of = [shown[head].get(label, 0.0) for head, labels in SIGMOID.items() for label in labels]
    return np.array(one_of, np.int64), np.array(any_of, np.float32)
