"""Data curation: the guards that a golden image must pass - quality, duplicates, variety.

A set that a model fills with its own pictures collapses unless copies, blemishes and sameness
are kept out. Pure functions of pixels and of what is already in the set; no files, no models.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from cluster.domain.identity.score import GOLDEN_IDR
from cluster.domain.story.scene import SceneState
from cluster.ports import Pixels, Vector

SAME_BITS = 8
"""Perceptual hashes this close (of 64 bits) are the same picture.

Measured on renders of 100 actors: 1,500 pairs of different shots of one actor are 14 bits apart
or more (median 26) and their thumbnails agree to at most .87 (.79 within 16 bits); 200 pictures
against their own copies (shifted by up to 3 px, +-7 % brightness, JPEG 70) are at most 16 bits
apart (median 6) and agree to .85 or more (95 %: .91).
"""
CLOSE_BITS = 16
"""Hashes this close are the same picture if its thumbnail says so too."""
SAME_THUMBNAIL = 0.9
"""Cosine of two thumbnails above which pictures are the same: `SAME_BITS` says how far apart."""
SAME_FACE = 0.985
"""Cosine above which two faces are one shot, not one person: asked together with the hash."""

FREE_SLOTS = 6
"""Images of one value that any set may hold, whatever its size: of a small set each
image is a large share."""
SAME_SCENE = 3
"""Images that may agree in every field of `SHARES`."""
SHARES = {"pose": 0.65, "expression": 0.65, "framing": 0.75, "outfit": 0.8, "place": 0.4}
"""Largest share of the set that one value of a field may take: a character's poses and
clothes are often the same, its places seldom."""

MIN_SHARPNESS = 12.0
"""`sharpness` at 128 px. Of 150 renders at 256 px the least is 153 (median 853), blurred with a
sigma of 2 px 16 (median 62); with 4 px the median is 9."""
MIN_LUMA, MAX_LUMA, MAX_CLIPPED = 22.0, 233.0, 0.6
"""Mean luma of 255, and share of pixels that are nearly black or white. The same renders have 47 to
182 and at most 0.03: only what shows next to nothing is refused."""


@dataclass(frozen=True)
class ImageSignature:
    """What the duplicate guard knows of a picture.

    ``phash`` 64 bits; ``thumbnail`` float32 (768,), zero mean and unit length; ``face`` a
    unit embedding, None when it was not asked for or there is none.
    """

    phash: int
    thumbnail: Vector
    face: Vector | None = None

    @property
    def hex(self) -> str:
        return f"{self.phash:016x}"


def signature_of(pixels: Pixels, face: Vector | None = None) -> ImageSignature:
    """The signature of uint8 RGB pixels (height, width, 3): DCT perceptual hash (Zauner 2010) and
    thumbnail; ``face`` is a unit embedding, float32 (dim,)."""
    phash = int(str(imagehash.phash(Image.fromarray(pixels))), 16)
    small = cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    centred = small - small.mean()
    thumbnail = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return ImageSignature(phash, thumbnail.astype(np.float32), face)


def same_picture(a: ImageSignature, b: ImageSignature) -> bool:
    """Whether two pictures are near-duplicates: nearly equal hashes, or close ones whose
    thumbnails (or faces, with somewhat less alike thumbnails) agree."""
    bits = (a.phash ^ b.phash).bit_count()
    if bits <= SAME_BITS:
        return True
    if bits > CLOSE_BITS:
        return False
    alike = float(a.thumbnail @ b.thumbnail)
    if a.face is not None and b.face is not None and float(a.face @ b.face) > SAME_FACE:
        return alike > SAME_THUMBNAIL - 0.05
    return alike > SAME_THUMBNAIL


def copy_score(mine: ImageSignature, others: Sequence[ImageSignature]) -> float:
    """How nearly a picture repeats one of `others`, 0 to 1: the best thumbnail cosine, and 1 for a
    hash as near as that of the same picture."""
    if any((mine.phash ^ other.phash).bit_count() <= SAME_BITS for other in others):
        return 1.0
    return max((float(mine.thumbnail @ other.thumbnail) for other in others), default=0.0)


def sharpness(pixels: Pixels, size_px: int = 128) -> float:
    """Variance of the Laplacian of the luma at `size_px`, 0 or more, after Pech-Pacheco et al.
    (2000); of uint8 RGB pixels (height, width, 3)."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    sized = cv2.resize(luma, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(sized, cv2.CV_64F).var())


def quality_problem(pixels: Pixels) -> str:
    """Why uint8 RGB pixels (height, width, 3) are unfit to learn from (blur, exposure), or "" when
    they are fit."""
    luma: npt.NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean = float(luma.mean())
    clipped = float(((luma <= 3) | (luma >= 252)).mean())
    sharp = sharpness(pixels)
    if mean < MIN_LUMA:
        return f"too dark (mean luma {mean:.0f} of 255)"
    if mean > MAX_LUMA or clipped > MAX_CLIPPED:
        return f"wrongly exposed (mean luma {mean:.0f}, {clipped:.0%} clipped)"
    if sharp < MIN_SHARPNESS:
        return f"blurred (sharpness {sharp:.1f} is below {MIN_SHARPNESS:g})"
    return ""


def scene_values(state: SceneState) -> dict[str, str | None]:
    """The fields of a scene that a set must vary in, as words."""
    return {
        "pose": state.pose,
        "expression": state.expression,
        "framing": state.framing,
        "outfit": state.outfit.phrase if state.outfit else None,
        "place": state.place,
    }


def variety_problem(state: SceneState, accepted: Sequence[SceneState]) -> str:
    """Why one more image of this scene would make the set less varied, or "".

    A value that is not known takes part in no quota.
    """
    values = scene_values(state)
    others = [scene_values(one) for one in accepted]
    if all(values.values()) and others.count(values) >= SAME_SCENE:
        return f"{SAME_SCENE} images already show this pose, expression, outfit and place"
    for field, share in SHARES.items():
        count = Counter(other[field] for other in others)[values[field]] + 1
        allowed = max(FREE_SLOTS, share * (len(others) + 1))
        if values[field] is not None and count > allowed:
            return f"{field} {values[field]!r} already takes {count - 1} of {len(others)} images"
    return ""


def refusal(
    pixels: Pixels,
    idr: float | None,
    state: SceneState,
    *,
    references: Sequence[ImageSignature],
    accepted: Sequence[tuple[ImageSignature, SceneState]],
) -> str:
    """Why an image may not join the set, as `<guard>: <finding>`; "" when it may.

    The guards, in order: idr, quality, reference (a copy of one), duplicate, variety.

    Args:
        pixels: uint8 RGB (height, width, 3).
    """
    if idr is None or idr <= GOLDEN_IDR:
        return f"idr: {'no face' if idr is None else f'{idr:.3f}'} is not above {GOLDEN_IDR}"
    if flaw := quality_problem(pixels):
        return f"quality: {flaw}"
    mine = signature_of(pixels)
    if any(same_picture(mine, reference) for reference in references):
        return "reference: a copy of a reference image"
    if any(same_picture(mine, other) for other, _ in accepted):
        return "duplicate: nearly the same as an accepted image"
    if loss := variety_problem(state, [scene for _, scene in accepted]):
        return f"variety: {loss}"
    return ""
