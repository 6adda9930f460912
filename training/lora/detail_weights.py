"""Detail weights: how much more an error counts at the small things that tell who a face is.

These are the eyes, and what is at the places of marks. A squared error over a whole picture hardly
sees them: an eye is one latent cell of a thousand. `Recipe.detail_weight` says how much.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from training.lora.recogniser import TEMPLATE


class FaceDetail(NamedTuple):
    """Centre and radius in the aligned 112-px face crop (`recogniser.TEMPLATE`)."""

    x_px: float
    y_px: float
    radius_px: float


class PlacedMark(Protocol):
    """A scar, burn or other mark, of a profile or of a rendered actor."""

    @property
    def place(self) -> str: ...


EYES = tuple(FaceDetail(x, y, radius_px=5.0) for x, y in TEMPLATE[:2])

MARK_DETAILS = {
    "left cheek": FaceDetail(81.0, 74.0, radius_px=9.0),
    "right cheek": FaceDetail(31.0, 74.0, radius_px=9.0),
    "forehead": FaceDetail(56.0, 22.0, radius_px=9.0),
    "chin": FaceDetail(56.0, 108.0, radius_px=9.0),
    "nose": FaceDetail(56.0, 68.0, radius_px=9.0),
}
"""Left and right are the actor's own. Medians over 1,581 renders turned 20 degrees at most, whose
own spread is 1 to 5 px."""


def face_details(marks: Iterable[PlacedMark]) -> tuple[FaceDetail, ...]:
    """The eyes, and the places of ``marks`` that are known here."""
    known = {mark.place: MARK_DETAILS[mark.place] for mark in marks if mark.place in MARK_DETAILS}
    return (*EYES, *known.values())


def detail_weights(
    alignment: npt.NDArray[np.float32],
    shape: tuple[int, int],
    details: Iterable[FaceDetail],
    weight: float,
) -> npt.NDArray[np.float32]:
    """Loss weights of the places of one picture, float32 ``shape`` (h, w), 1 or more: 1, and
    ``weight`` more in the middle of an eye; each other detail has as much in all as an eye, spread
    wider.

    Args:
        alignment: float32 (2, 3), from the aligned crop to places of the picture, as
            `recogniser.alignment` finds it; not finite: no face.
    """
    found = np.ones(shape, np.float32)
    if not np.isfinite(alignment).all():
        return found
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    scale = float(np.hypot(*alignment[:, 0]))
    for detail in details:
        at_x, at_y = alignment @ (detail.x_px, detail.y_px, 1.0)
        # At least half a cell wide: a narrower bell would fall between the cells.
        spread = max(detail.radius_px * scale, 0.5)
        away = ((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * spread**2)
        share = (EYES[0].radius_px / detail.radius_px) ** 2
        found += np.asarray(weight * share * np.exp(-away), np.float32)
    return found
