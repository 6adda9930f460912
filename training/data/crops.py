"""Crops: from a picture to the squares that are learned from, its frame and its face, levelled.

Also says what is wrong with a picture whose face nobody could learn from. Pure functions of pixels,
uint8 RGB (height, width, 3), and the face found in them.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from cluster.domain.identity.face import Face
from cluster.domain.identity.tags import Tags
from cluster.ports import Pixels
from training.data.curation import sharpness

FRAME_FACE_SHARE = 0.22
"""A frame in which the face is narrower than this share is cropped closer: the renders that
the base model learned from have more (149 of them 28 % to 61 %, median 44 %)."""
CLOSE_FACE_SHARE = 0.5
"""Width of the face in the face crop: close, and with the hair, which tells who it is as well."""
MIN_ZOOM = 1.3
"""A face crop less close than this shows what the frame shows already."""
MIN_FACE_PX = 28
"""Width of a face, at the set's resolution, below which nothing is to be learned from it."""
MAX_UPSCALE, MAX_FACE_UPSCALE = 2.0, 1.5
"""How far a picture is enlarged at most. An adapter learns interpolation's blur as the person's
own, in a face crop sooner than in a frame."""
LEVEL_BEYOND_DEG = 15.0
"""A smaller tilt is a pose, and varies the set; a strong one is how the camera was held."""
MIN_FACE_SHARPNESS = 20.0
"""`sharpness` of the face at 64 px. Faces of 149 renders at 256 px have 211 or more (median 962);
blurred with a sigma of 2 px 19 or more, with 4 px half of them have less."""
SECOND_FACE_SHARE = 0.5
"""Area of a second face, of the first one's, from which on there are two people: smaller ones are
passers-by, or pictures on a wall."""

MIN_FACE_SCORE = 0.8
"""Of the detector. Of 60 renders 1 % score less; with half of the face covered 72 % do or show no
face at all."""
HIDDEN_EYE = 0.5
"""Probability of the tagger's "not visible" for an eye of a face that looks at us."""
FACING_DEG = 25.0
"""A head turned further hides its far eye by itself."""


class Unfit(Exception):
    """This picture cannot become a sample; the message says why."""


def the_face(found: Sequence[Face]) -> Face:
    """The one person of a picture; raises Unfit for nobody and for a second person."""
    if not found:
        raise Unfit("no face found")
    by_size = sorted(found, key=lambda face: -face.area_px)
    if len(by_size) > 1 and by_size[1].area_px > SECOND_FACE_SHARE * by_size[0].area_px:
        raise Unfit("more than one person")
    return by_size[0]


def check_face(pixels: Pixels, face: Face, tags: Tags | None) -> None:
    """Raise Unfit for a face that is blurred, however sharp the rest, or covered in part.

    Args:
        pixels: uint8 RGB (height, width, 3); `face` and `tags` are of the same picture.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = (round(value) for value in face.box)
    crop = pixels[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if crop.size == 0 or sharpness(crop, 64) < MIN_FACE_SHARPNESS:
        raise Unfit("the face is blurred")
    if face.score < MIN_FACE_SCORE:
        raise Unfit(f"the face is covered in part (detected with {face.score:.2f} only)")
    if tags is None or abs(face.yaw_deg) > FACING_DEG:
        return
    for eye in ("left_eye", "right_eye"):
        if (tags.probability(eye, "") or 0.0) > HIDDEN_EYE:
            raise Unfit(f"the face is covered in part (no {eye.replace('_', ' ')})")


def tilt_deg(face: Face) -> float:
    """How far the line through the eyes is off level, in degrees, clockwise positive."""
    dx, dy = (face.landmarks[1] - face.landmarks[0]).tolist()
    return math.degrees(math.atan2(dy, dx))


def frame(pixels: Pixels, face: Face, resolution_px: int) -> Pixels:
    """The largest square with the face where portraits have it, uint8 RGB
    (resolution_px, resolution_px, 3).

    Slight tilts are variety and stay, strong ones are levelled. Faces that would come out
    narrower than `FRAME_FACE_SHARE` of the frame are cropped closer. Raises Unfit when that needs
    more pixels than there are.
    """
    shorter = float(min(pixels.shape[:2]))
    side = min(shorter, max(face.width_px / FRAME_FACE_SHARE, 1.0))
    if side * MAX_UPSCALE < resolution_px:
        raise Unfit(f"only {side:.0f} px for a frame of {resolution_px} px")
    if face.width_px * resolution_px / side < MIN_FACE_PX:
        raise Unfit(f"face too small ({face.width_px:.0f} px wide)")
    tilt = tilt_deg(face)
    return _cut(pixels, face, side, resolution_px, tilt if abs(tilt) > LEVEL_BEYOND_DEG else 0.0)


def close(pixels: Pixels, face: Face, resolution_px: int) -> Pixels | None:
    """The face alone, eyes level, uint8 RGB (resolution_px, resolution_px, 3); None where the frame
    is as close, or the pixels do not suffice."""
    shorter = float(min(pixels.shape[:2]))
    side = face.width_px / CLOSE_FACE_SHARE
    frame_side = min(shorter, max(face.width_px / FRAME_FACE_SHARE, 1.0))
    if side * MIN_ZOOM > frame_side or side * MAX_FACE_UPSCALE < resolution_px:
        return None
    return _cut(pixels, face, side, resolution_px, tilt_deg(face))


def _cut(pixels: Pixels, face: Face, side: float, resolution_px: int, turn_deg: float) -> Pixels:
    """A square of `side` px about the face, turned and resampled once."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = face.box
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    left = float(np.clip(centre[0] - side / 2, 0, width - side))
    # The face a little above the middle, as portraits have it.
    top = float(np.clip(centre[1] - side * 0.45, 0, height - side))
    scale = resolution_px / side
    turn = cv2.getRotationMatrix2D(centre, turn_deg, 1.0)
    turn[:, 2] -= (left, top)
    # Warping samples four pixels only: without a low-pass first a strong reduction would alias.
    shrink = cv2.GaussianBlur(pixels, (0, 0), 0.45 / scale) if scale < 0.8 else pixels
    return np.asarray(
        cv2.warpAffine(
            shrink,
            turn * scale,
            (resolution_px, resolution_px),
            flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.uint8,
    )
