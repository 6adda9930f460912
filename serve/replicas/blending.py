"""Compositing: where a face is inpainted, and how the patch is blended in without a seam.

Pixels are uint8 RGB (height, width, 3). A distance map is float32 (side, side): 0 at the face's
centre, 1 on the rim of the ellipse that may change. Whatever lies outside the rim stays as it was,
bit for bit.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from cluster.domain.identity.score import Box
from cluster.ports import Pixels

Distance = npt.NDArray[np.float32]
Blend = Literal["feather", "poisson"]

REACH = 1.25  # the ellipse against the detector's box, which leaves out hairline and jaw
INNER = 0.7  # opaque up to here; from here to the rim the patch fades out
GAIN = (0.8, 1.25)  # of contrast: beyond it the patch would be washed out, or its noise amplified
MAX_SHIFT_L = 15.0  # of 100: more than that is another light, not a mismatch
MAX_TINT = 4.0  # mean shift of a and b: a just noticeable difference is about 2.3


class Square(NamedTuple):
    """A square crop of an image, in px."""

    x: int
    y: int
    side: int

    def of(self, pixels: Pixels) -> Pixels:
        """The part of `pixels` (h, w, 3) in this square, (side, side, 3): a view, no copy."""
        return pixels[self.y : self.y + self.side, self.x : self.x + self.side]


def square_round(box: Box, image: Pixels, margin: float) -> Square:
    """The crop round a face: `margin` times its longer side, moved and cut to fit (h, w, 3)."""
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    side = max(1, min(round(max(x1 - x0, y1 - y0) * margin), height, width))
    x = round((x0 + x1 - side) / 2)
    y = round((y0 + y1 - side) / 2)
    return Square(min(max(x, 0), width - side), min(max(y, 0), height - side), side)


def face_distance(box: Box, square: Square, side_px: int) -> Distance:
    """Elliptic distance map of a face: float32 (side_px, side_px), for the crop at that size."""
    x0, y0, x1, y1 = box
    at = (np.arange(side_px, dtype=np.float32) + 0.5) * (square.side / side_px)
    dx = (at + square.x - (x0 + x1) / 2) / (REACH * (x1 - x0) / 2)
    dy = (at + square.y - (y0 + y1) / 2) / (REACH * (y1 - y0) / 2)
    distance: Distance = np.hypot(dx[None, :], dy[:, None])
    return distance


def resize(pixels: Pixels, side_px: int) -> Pixels:
    """A square image (n, n, 3) as (side_px, side_px, 3): area average down, Lanczos up."""
    method = cv2.INTER_AREA if side_px < pixels.shape[0] else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, (side_px, side_px), interpolation=method), np.uint8)


def match_luminance(painted: Pixels, original: Pixels, distance: Distance) -> Pixels:
    """Luminance matching: `painted` with the lightness and contrast of `original` along the rim.

    Both are (side, side, 3). Only L of CIELAB is touched: matching colours as well would bring a
    wrong hair or skin colour back from the surroundings.
    """
    rim = (distance > INNER) & (distance <= 1)
    if not rim.any():
        return painted
    lab, wanted = _lab(painted), _lab(original)[..., 0][rim]
    own = lab[..., 0][rim]
    gain = float(np.clip((wanted.std() + 1e-3) / (own.std() + 1e-3), *GAIN))
    shift = float(np.clip(wanted.mean() - own.mean(), -MAX_SHIFT_L, MAX_SHIFT_L))
    lab[..., 0] = (lab[..., 0] - own.mean()) * gain + own.mean() + shift
    rgb = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
    matched: Pixels = np.rint(rgb * 255).astype(np.uint8)
    return matched


def feather(painted: Pixels, original: Pixels, distance: Distance) -> Pixels:
    """Feathering: `painted` over `original`, both (side, side, 3), fading from INNER to the rim."""
    t = np.clip((1 - distance) / (1 - INNER), 0, 1)[..., None]
    weight = t * t * (3 - 2 * t)
    mixed = np.rint(painted * weight + original * (1 - weight)).astype(np.uint8)
    return np.where(weight == 0, original, mixed)


def poisson(painted: Pixels, original: Pixels, distance: Distance) -> Pixels | None:
    """Poisson blending (Pérez et al. 2003): `painted` (side, side, 3) cloned by its gradients.

    None where the face touches the border, along which the method needs known pixels.
    """
    inside = distance <= 1
    if inside[[0, -1]].any() or inside[:, [0, -1]].any() or not inside.any():
        return None
    mask = inside.astype(np.uint8) * 255
    x, y, width, height = cv2.boundingRect(mask)
    centre = (x + width // 2, y + height // 2)
    cloned = cv2.seamlessClone(painted, original, mask, centre, cv2.NORMAL_CLONE)
    return np.where(inside[..., None], cloned, original).astype(np.uint8)


def seam(result: Pixels, original: Pixels, distance: Distance) -> float:
    """How visible the rim is: 95th percentile there of the gradient of what was changed, in L.

    Both images are (side, side, 3); 0 is no seam.
    The gradient of the change, not of the picture: edges that belong to the picture do not count.
    """
    change = _lab(result)[..., 0] - _lab(original)[..., 0]
    slope = np.hypot(*np.gradient(change))
    rim = slope[(distance > INNER) & (distance < 2 - INNER)]
    return float(np.percentile(rim, 95)) if rim.size else 0.0


def lay_in(painted: Pixels, original: Pixels, distance: Distance) -> tuple[Pixels, Blend]:
    """`painted` in place of `original`, both (side, side, 3), by the blend with the smaller seam.

    Poisson is out of the running when it tints the face with its surroundings' colours.
    """
    painted = match_luminance(painted, original, distance)
    soft = feather(painted, original, distance)
    cloned = poisson(painted, original, distance)
    if cloned is None or _tint(cloned, painted, distance) > MAX_TINT:
        return soft, "feather"
    if seam(cloned, original, distance) < seam(soft, original, distance):
        return cloned, "poisson"
    return soft, "feather"


def _lab(pixels: Pixels) -> npt.NDArray[np.float32]:
    """CIELAB of uint8 RGB (h, w, 3): float32 (h, w, 3), L from 0 to 100."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _tint(cloned: Pixels, painted: Pixels, distance: Distance) -> float:
    core = distance <= INNER
    if not core.any():
        return 0.0
    return float(np.abs((_lab(cloned) - _lab(painted))[core][:, 1:].mean(axis=0)).max())
