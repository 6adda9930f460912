"""Golden images -> training set: aligned, resized, cleaned, deduplicated, captioned.

`build` is deterministic: the same inputs give the same bytes, so a snapshot is named by its
manifest's digest, and building it again after a crash costs time but changes nothing.
"""

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from typing import Literal

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps

from cluster.domain.character import Character, Profile
from cluster.domain.face import Face
from cluster.domain.golden import GoldenImage
from cluster.domain.value import Value
from cluster.ports import BlobStore, FaceEncoder, Pixels
from training.curation import Look, blemish, look, same_picture, sharpness

Kind = Literal["reference", "golden"]

FACE_SHARE = 0.22
"""Narrower faces than this share of the frame are cropped closer."""
MIN_FACE_PX = 28
"""Width of a face, at the set's resolution, below which nothing is to be learned from it."""
MAX_UPSCALE = 2.0
LEVEL_BEYOND_DEG = 15.0
MIN_FACE_SHARPNESS = 20.0
SECOND_FACE_SHARE = 0.5


class Source(Value):
    """A picture that may become a sample. `sha256` names its blob."""

    sha256: str
    caption: str
    kind: Kind


class Sample(Value):
    """A square RGB PNG of the set's resolution, and the words it is learned with."""

    image: str
    source: str
    caption: str
    kind: Kind


class Dropped(Value):
    source: str
    reason: str


class Manifest(Value):
    """A training set, complete: all a training run has to be given."""

    format: Literal[1] = 1
    character_id: str
    resolution_px: int
    samples: tuple[Sample, ...]
    dropped: tuple[Dropped, ...]


class Unfit(Exception):
    """This picture cannot become a sample; the message says why."""


def reference_caption(profile: Profile) -> str:
    """What a reference image shows, in the vocabulary's words."""
    hair = profile.hair.phrase
    eyes = [(profile.left_eye, "left"), (profile.right_eye, "right")]
    parts = [
        f"portrait of a {profile.gender}",
        f"{profile.skin} skin" if profile.skin else None,
        hair,
        *(f"{eye.phrase} {side} eye" for eye, side in eyes if eye),
        "beard" if profile.beard else None,
        *(mark.phrase for mark in profile.marks),
        profile.outfit.phrase if profile.outfit else None,
    ]
    return ", ".join(part for part in parts if part)


def sources(character: Character, golden: Sequence[GoldenImage]) -> tuple[Source, ...]:
    """The references, then the accepted golden images, in a stable order."""
    caption = reference_caption(character.profile)
    references = [
        Source(sha256=sha, caption=caption, kind="reference") for sha in character.references
    ]
    accepted = sorted(
        (one for one in golden if one.accepted), key=lambda one: (one.created_at, one.job_id)
    )
    return (
        *references,
        *(Source(sha256=one.sha256, caption=one.caption, kind="golden") for one in accepted),
    )


def inputs_digest(wanted: Sequence[Source], resolution_px: int) -> str:
    """Digest of everything that decides a snapshot's content."""
    lines = [f"format 1, {resolution_px} px", *(source.model_dump_json() for source in wanted)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def decode(content: bytes) -> Pixels:
    """Bytes of a picture as uint8 RGB (height, width, 3), EXIF rotation applied."""
    try:
        with PIL.Image.open(io.BytesIO(content)) as image:
            return np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGB"))
    except OSError as error:
        raise Unfit("not a picture that can be read") from error


def encode(pixels: Pixels) -> bytes:
    """PNG bytes of uint8 RGB pixels."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def the_face(found: Sequence[Face]) -> Face:
    """The one person of a picture; raises Unfit for nobody and for a second person."""
    if not found:
        raise Unfit("no face found")
    by_size = sorted(found, key=lambda face: -face.area_px)
    if len(by_size) > 1 and by_size[1].area_px > SECOND_FACE_SHARE * by_size[0].area_px:
        raise Unfit("more than one person")
    return by_size[0]


def tilt_deg(face: Face) -> float:
    """How far the line through the eyes is off level, in degrees, clockwise positive."""
    dx, dy = (face.landmarks[1] - face.landmarks[0]).tolist()
    return math.degrees(math.atan2(dy, dx))


def align(pixels: Pixels, face: Face, resolution_px: int) -> Pixels:
    """A square of `resolution_px` with the face where portraits have it.

    Slight tilts are variety and stay; strong ones are levelled. Faces that would come out
    narrower than `FACE_SHARE` of the frame are cropped closer. One affine resampling.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = face.box
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    side = min(float(min(height, width)), max(face.width_px / FACE_SHARE, 1.0))
    if side * MAX_UPSCALE < resolution_px:
        raise Unfit(f"only {side:.0f} px for a frame of {resolution_px} px")
    if face.width_px * resolution_px / side < MIN_FACE_PX:
        raise Unfit(f"face too small ({face.width_px:.0f} px wide)")
    tilt = tilt_deg(face)
    angle = tilt if abs(tilt) > LEVEL_BEYOND_DEG else 0.0
    left = float(np.clip(centre[0] - side / 2, 0, width - side))
    top = float(np.clip(centre[1] - side * 0.45, 0, height - side))
    scale = resolution_px / side
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    turn[:, 2] -= (left, top)
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


def check_face(pixels: Pixels, face: Face) -> None:
    """Raise Unfit when the face itself is blurred, however sharp the rest is."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = (round(value) for value in face.box)
    crop = pixels[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if crop.size == 0 or sharpness(crop, 64) < MIN_FACE_SHARPNESS:
        raise Unfit("the face is blurred")


def prepare(content: bytes, faces: FaceEncoder, resolution_px: int) -> tuple[Pixels, Look]:
    """One sample's pixels and look; raises Unfit."""
    pixels = decode(content)
    if flaw := blemish(pixels):
        raise Unfit(flaw)
    face = the_face(faces.faces(pixels))
    check_face(pixels, face)
    return align(pixels, face, resolution_px), look(pixels, face.embedding)


def _samples(
    wanted: Sequence[Source], blobs: BlobStore, faces: FaceEncoder, resolution_px: int
) -> Iterator[Sample | Dropped]:
    kept: list[Look] = []
    for source in wanted:
        try:
            pixels, mine = prepare(blobs.get(source.sha256), faces, resolution_px)
            if any(same_picture(mine, other) for other in kept):
                raise Unfit("nearly the same as an earlier one")
        except Unfit as reason:
            yield Dropped(source=source.sha256, reason=str(reason))
            continue
        kept.append(mine)
        yield Sample(
            image=blobs.put(encode(pixels)),
            source=source.sha256,
            caption=source.caption,
            kind=source.kind,
        )


def build(
    character_id: str,
    wanted: Sequence[Source],
    blobs: BlobStore,
    faces: FaceEncoder,
    resolution_px: int,
) -> tuple[str, Manifest]:
    """Make the training set of these sources: its manifest's digest, and the manifest.

    Every image and the manifest are blobs. Raises NotFound when a source's blob is gone.
    """
    results = tuple(_samples(wanted, blobs, faces, resolution_px))
    manifest = Manifest(
        character_id=character_id,
        resolution_px=resolution_px,
        samples=tuple(one for one in results if isinstance(one, Sample)),
        dropped=tuple(one for one in results if isinstance(one, Dropped)),
    )
    return blobs.put(manifest.model_dump_json(indent=1).encode()), manifest
