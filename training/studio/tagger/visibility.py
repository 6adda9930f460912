"""What of an actor and a shot a render lets one see: the tagger is not to be taught to guess.

Marks, injuries and props are looked up in the detail maps that are rendered with every picture;
clothes are visible as far as the picture reaches below the collar, and at the very edge people
would not agree; a hat and an open mouth make some words look the same. The limits were set by
rendering 400 shots with one attribute exchanged and counting the pixels that change, those of marks
by looking at a contact sheet of the faintest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import FACE_PLACES
from training.studio.renderer.actor import Actor
from training.studio.renderer.shot import OPEN_MOUTHS, Shot
from training.studio.tagger.keypoints import KEYPOINTS

REACH_CELLS = 3.0
"""How far about its place a mark is looked for in a detail map, cells of 4 px."""

MARK_CELLS = (1.2, 4.5)
FRECKLES_CELLS = (2.5, 6.5)
PROP_CELLS = (4.0, 10.0)
"""Fully changed cells below which a thing is invisible, from which visible; between: unknown.
Freckles are spread thin."""

COLLAR_PX = {"cloak": -22, "hoodie": -16, "armour": -8}
"""Of 128: how far a garment is known by its parts above the collar. Others need `PLAIN_PX`."""

PLAIN_PX = -3
CLOTH_PX = {"cloak": -22, "hoodie": -20, "suit": -1}
"""The same for its colour; others need `PLAIN_CLOTH_PX`."""

PLAIN_CLOTH_PX = -8
SCARF_HIDES_PX = {"cloak": 0, "hoodie": 2, "armour": 2}
"""What must show below the collar for a garment to be known under a scarf; others `SCARF_PX`."""

SCARF_PX = 24
SCARF_CLOTH_PX = 5
EDGE_PX = 4
"""How close to its limit nobody would swear to a garment or a colour."""

HAT_HIDES = ("mohawk", "bun", "ponytail", "buzzed", "short")
"""Hair styles that look alike under a hat."""


@dataclass(frozen=True)
class Visibility:
    """``garment``, ``cloth``, ``hair_style`` and ``action``: whether each can be told, None for
    clothes at the edge.

    ``places`` float32 (5,) for `FACE_PLACES` and ``prop``: 1 visible, 0 not, NaN in between.
    """

    garment: bool | None
    cloth: bool | None
    hair_style: bool
    action: bool
    places: NDArray[np.float32]
    prop: float


def graded(cells: float, limits: tuple[float, float]) -> float:
    """1 for visible, 0 for not, NaN where people would not agree."""
    low, high = limits
    return 1.0 if cells >= high else 0.0 if cells < low else float("nan")


def tellable(shot: Shot) -> bool:
    """Whether the action can be told: a wide open mouth speaks or does not."""
    return shot.action not in ("standing", "talking") or shot.expression not in OPEN_MOUTHS


def clothes(shot: Shot, below_px: float) -> tuple[bool | None, bool | None]:
    """Whether garment and colour are visible, given how far the picture goes below the collar."""
    garment = COLLAR_PX.get(shot.outfit, PLAIN_PX)
    cloth = CLOTH_PX.get(shot.outfit, PLAIN_CLOTH_PX)
    if shot.prop == "scarf":
        garment = SCARF_HIDES_PX.get(shot.outfit, SCARF_PX)
        cloth = SCARF_CLOTH_PX
    return beyond(below_px - garment), beyond(below_px - cloth)


def beyond(reach_px: float) -> bool | None:
    """Whether a limit is reached; None about it."""
    return reach_px > 0 if abs(reach_px) >= EDGE_PX else None


def visibility_of(
    actor: Actor, shot: Shot, points: NDArray[np.float32], details: NDArray[np.uint8]
) -> Visibility:
    """What can be told. ``points`` (11, 2) in [0, 1] as of `Landmarks`, ``details`` (32, 32, 2)
    uint8 as of `RenderSet.details`."""
    on_skin, prop = (details.astype(np.float32) / 255).transpose(2, 0, 1)
    down, across = np.mgrid[0 : len(on_skin), 0 : len(on_skin)] + 0.5
    places = np.ones(len(FACE_PLACES), np.float32)
    for mark in (*actor.marks, *shot.injuries):
        x, y = points[KEYPOINTS.index(mark.place)] * len(on_skin)
        near = np.hypot(across - x, down - y) < REACH_CELLS
        limits = FRECKLES_CELLS if mark.kind == "freckles" else MARK_CELLS
        places[FACE_PLACES.index(mark.place)] = graded(float(on_skin[near].sum()), limits)
    below_px = float(1 - points[KEYPOINTS.index("collar"), 1]) * 128
    garment, cloth = clothes(shot, below_px)
    return Visibility(
        garment=garment,
        cloth=cloth,
        hair_style=shot.prop != "hat" or actor.hair_style not in HAT_HIDES,
        action=tellable(shot),
        places=places,
        prop=graded(float(prop.sum()), PROP_CELLS),
    )
