"""What the tagger reads: its heads, their labels, and the truth of a render in those terms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import FACE_PLACES, INJURY_KINDS, MARK_KINDS, PROPS
from training.studio.attributes import ATTRIBUTES, attributes_of
from training.studio.renderer.actor import Actor
from training.studio.renderer.shot import Shot
from training.studio.tagger.visibility import Visibility

HIDDEN = ""
"""The label of what cannot be seen."""

UNKNOWN = "unknown"
"""No label: what people would not agree on."""

HIDEABLE = frozenset(
    {"hair_colour", "hair_style", "outfit", "outfit_colour", "action", "left_eye", "right_eye"}
)
"""What a picture may not show: bald heads, clothes below its edge, covered eyes and the like."""

SOFTMAX: dict[str, tuple[str, ...]] = {
    head: (*labels, HIDDEN) if head in HIDEABLE else labels for head, labels in ATTRIBUTES.items()
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
class Targets:
    """Targets of n pictures; heads are in the order of the dictionaries.

    one_of: (n, len(SOFTMAX)) int64, the label's number, `IGNORE` where unknown.
    any_of: (n, sum of SIGMOID labels) float32, 1 for shown and 0 for not, NaN where unknown.
    """

    one_of: NDArray[np.int64]
    any_of: NDArray[np.float32]


def labels_of(actor: Actor, shot: Shot, visibility: Visibility) -> dict[str, str]:
    """The label of each softmax head, or `UNKNOWN`."""
    labels = attributes_of(actor, shot)
    shown: dict[str, bool | None] = {
        "hair_colour": actor.hair_style != "bald",
        "hair_style": visibility.hair_style,
        "outfit": visibility.garment,
        "outfit_colour": visibility.cloth,
        "action": visibility.action,
    }
    return labels | {head: _seen(labels[head], visible) for head, visible in shown.items()}


def _seen(word: str, visible: bool | None) -> str:
    return UNKNOWN if visible is None else word if visible else HIDDEN


def visible_labels(actor: Actor, shot: Shot, visibility: Visibility) -> dict[str, dict[str, float]]:
    """The labels of each sigmoid head that are true of the shot: 1 visible, 0 not, NaN unknown."""
    seen = dict(zip(FACE_PLACES, visibility.places.tolist(), strict=True))
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
        "props": {shot.prop: visibility.prop} if shot.prop else {},
        "cyber": {side: 1.0 for side, cyber in sides if cyber},
    }


def targets_of(
    actor: Actor, shot: Shot, visibility: Visibility
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One picture's row of `Targets`: (SOFTMAX heads,) int64 and (SIGMOID labels,) float32."""
    said = labels_of(actor, shot, visibility)
    shown = visible_labels(actor, shot, visibility)
    one_of = [
        IGNORE if said[head] == UNKNOWN else labels.index(said[head])
        for head, labels in SOFTMAX.items()
    ]
    any_of = [shown[head].get(label, 0.0) for head, labels in SIGMOID.items() for label in labels]
    return np.array(one_of, np.int64), np.array(any_of, np.float32)
