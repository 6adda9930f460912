"""The small things in a face that tell who it is: eyes, and what is at the places of marks.

A squared error over a whole picture hardly sees them: an eye is one latent cell of a thousand.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from training.lora.recogniser import TEMPLATE


class Spot(NamedTuple):
    """Where it is in the aligned crop (`recogniser.TEMPLATE`), and its radius, px there."""

    x: float
    y: float
    radius: float


class Placed(Protocol):
    """A mark, whoever's."""

    @property
    def place(self) -> str: ...


EYES = tuple(Spot(x, y, radius=5.0) for x, y in TEMPLATE[:2])

PLACES = {
    "left cheek": Spot(81.0, 74.0, radius=9.0),
    "right cheek": Spot(31.0, 74.0, radius=9.0),
    "forehead": Spot(56.0, 22.0, radius=9.0),
    "chin": Spot(56.0, 108.0, radius=9.0),
    "nose": Spot(56.0, 68.0, radius=9.0),
}
"""Left and right are the actor's own. Medians over 1,581 renders turned 20 degrees at most, whose
own spread is 1 to 5 px."""


def spots_of(marks: Iterable[Placed]) -> tuple[Spot, ...]:
    """The eyes, and the places of ``marks`` that are known here."""
    known = {mark.place: PLACES[mark.place] for mark in marks if mark.place in PLACES}
    return (*EYES, *known.values())


def weights(
    crop: npt.NDArray[np.float32], shape: tuple[int, int], spots: Iterable[Spot], weight: float
) -> npt.NDArray[np.float32]:
    """How much an error counts at each place of a picture of ``shape`` (h, w): 1, and ``weight``
    more in the middle of an eye; each other spot has as much in all as an eye, spread wider.

    Args:
        crop: (2, 3), from the aligned crop to places of the picture; not finite: no face.
    """
    found = np.ones(shape, np.float32)
    if not np.isfinite(crop).all():
        return found
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    scale = float(np.hypot(*crop[:, 0]))
    for spot in spots:
        at_x, at_y = crop @ (spot.x, spot.y, 1.0)
        away = ((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * max(spot.radius * scale, 0.5) ** 2)
        share = (EYES[0].radius / spot.radius) ** 2
        found += np.asarray(weight * share * np.exp(-away), np.float32)
    return found
