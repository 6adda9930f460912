"""Pixels -> IdentityReport: is this the character, how surely, and why.

- No face, or only faces too small to judge: `idr` null, verdict "no_face".
- Several faces: the one most like the character is judged; attributes are not read, for the
  tagger knows pictures of one person.
- A face seen from the side is judged like any other, and the reason says so; what it hides is
  left out.
- Attributes count in studio pictures only: on photographs nobody has measured the tagger.

It holds no torch and no weights of the painter: faces and attributes are small ONNX models.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cluster import providers
from cluster.domain.character import Character, Profile
from cluster.domain.face import TINY_FACE_PX, Face
from cluster.domain.identity import (
    PASS_IDR,
    Box,
    Calibration,
    Domain,
    IdentityReport,
    Part,
    combine,
    verdict,
    weighed,
)
from cluster.domain.likeness import likeness, unread
from cluster.errors import BadImage, OddOneOut, ProviderMissing
from cluster.ports import Pixels, Tagger, Vector
from cluster.providers.calibrations import load_calibration
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import logger

from .pictures import from_png

CACHED_CHARACTERS = 64


class Validator:
    """Every method that looks at pixels runs in a thread, so that health checks are answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.identity
        self._encoder = providers.face_encoder(settings.identity)
        self._tagger = _tagger()
        self._blobs = Store.open(settings.store).blobs
        self._centroid = lru_cache(CACHED_CHARACTERS)(self._embed_references)
        self._calibration = lru_cache(self._load_calibration)

    async def validate(self, pixels: Pixels, character: Character) -> IdentityReport:
        """The report on uint8 RGB pixels (height, width, 3). Raises BadImage when none of the
        character's references shows a face, ProviderMissing without a calibration."""
        return await asyncio.to_thread(self._validate, pixels, character)

    async def check_references(
        self,
        images: list[Pixels],
        names: Sequence[str] | None = None,
        domain: Domain = "photo",
    ) -> list[Face]:
        """The one face of each image. Raises BadImage (no face, several, too small, from the side)
        or OddOneOut; both name the image and carry its `index`."""
        return await asyncio.to_thread(self._check_references, images, names, domain)

    async def embed(self, pixels: Pixels, box: Box | None) -> tuple[str, list[float]] | None:
        """Model id and unit vector of the face at `box` (the largest without one), if any."""
        faces = await asyncio.to_thread(self._encoder.faces, pixels)
        if not faces:
            return None
        face = max(faces, key=lambda one: _overlap(one.box, box)) if box else faces[0]
        return self._encoder.model, face.embedding.tolist()

    def _load_calibration(self, domain: Domain) -> Calibration:
        return load_calibration(self._settings, self._encoder.model, domain)

    def _embed_references(self, references: tuple[str, ...], domain: Domain) -> Vector:
        """The centroid of the references' faces in the domain, float32 (dim,)."""
        found = [self._encoder.faces(from_png(self._blobs.get(sha))) for sha in references]
        vectors = [faces[0].embedding for faces in found if faces]
        if not vectors:
            raise BadImage("none of the character's reference images shows a face")
        return centroid(self._calibration(domain).centred(np.stack(vectors)))

    def _validate(self, pixels: Pixels, character: Character) -> IdentityReport:
        calibration = self._calibration(character.domain)
        curve = calibration.curve(len(character.references))
        known = self._centroid(character.references, character.domain)
        faces = self._encoder.faces(pixels)
        usable = [face for face in faces if not face.is_tiny]
        unjudged = IdentityReport(
            idr=None,
            verdict="no_face",
            faces=len(faces),
            model=self._encoder.model,
            calibration=calibration.id,
            reason=_why_unjudged(faces),
        )
        if not usable:
            return unjudged
        cosines = calibration.centred(np.stack([face.embedding for face in usable])) @ known
        face, cosine = usable[int(cosines.argmax())], float(cosines.max())
        parts = weighed(
            (
                Part(name="face", score=curve.score(cosine), weight=0.0, reason=view(face)),
                *self._attributes(pixels, face, len(usable), character),
            )
        )
        idr = combine(parts)
        return unjudged.model_copy(
            update={
                "idr": idr,
                "verdict": verdict(idr),
                "parts": parts,
                "cosine": cosine,
                "box": face.box,
                "reason": _why(face, len(faces), parts),
            }
        )

    def _attributes(
        self, pixels: Pixels, face: Face, faces: int, character: Character
    ) -> tuple[Part, ...]:
        profile: Profile = character.profile
        if character.domain != "studio":
            return unread(profile, "the tagger knows studio pictures only")
        if self._tagger is None:
            return unread(profile, "no tagger is installed")
        if faces > 1:
            return unread(profile, "more than one person in the picture")
        return likeness(profile, self._tagger.tags(pixels, face.box), face)

    def _check_references(
        self, images: list[Pixels], names: Sequence[str] | None, domain: Domain
    ) -> list[Face]:
        titles = [
            f"image {index}" + (f" ({names[index]})" if names else "")
            for index in range(len(images))
        ]
        faces = [
            only_face(index, titles[index], self._encoder.faces(pixels))
            for index, pixels in enumerate(images)
        ]
        calibration = self._calibration(domain)
        vectors = calibration.centred(np.stack([face.embedding for face in faces]))
        odd = odd_ones(vectors, calibration.curve(1).threshold)
        if odd:
            listed = ", ".join(titles[index] for index in odd)
            raise OddOneOut(f"{listed}: not the person of the other images", index=odd[0])
        return faces


def centroid(vectors: Vector) -> Vector:
    """L2-normalised mean of unit vectors (n, dim), float32 (dim,)."""
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def odd_ones(vectors: Vector, threshold: float) -> list[int]:
    """Indices outside the largest group of vectors that agree, the first such group of several.

    Two agree at a cosine of `threshold`, directly or through others, so that a turned head is
    held by the half-turned ones.
    """
    cosines = vectors @ vectors.T
    groups: list[set[int]] = []
    for index in range(len(vectors)):
        near = set(np.flatnonzero(cosines[index] >= threshold).tolist()) | {index}
        for group in [group for group in groups if group & near]:
            groups.remove(group)
            near |= group
        groups.append(near)
    largest = max(groups, key=lambda group: (len(group), -min(group)))
    return [index for index in range(len(vectors)) if index not in largest]


def _tagger() -> Tagger | None:
    try:
        return providers.picture_tagger()
    except ProviderMissing as missing:
        logger("validator").warning("only faces are judged", reason=missing.message)
        return None


def only_face(index: int, title: str, faces: Sequence[Face]) -> Face:
    if not faces:
        raise BadImage(f"{title}: no face was found", index=index)
    clear = [face for face in faces if not face.is_tiny]
    if not clear:
        raise BadImage(
            f"{title}: the face is {faces[0].width_px:.0f} px wide; a reference needs "
            f"{TINY_FACE_PX:.0f} px at least",
            index=index,
        )
    if len(clear) > 1:
        raise BadImage(f"{title}: {len(clear)} faces; a reference shows one person", index=index)
    if clear[0].is_profile:
        raise BadImage(f"{title}: the face is seen from the side", index=index)
    return clear[0]


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / max(areas - common, 1e-6)


def view(face: Face) -> str:
    seen = f"{face.width_px:.0f} px wide"
    if face.is_profile:
        return f"{seen}, from the side (about {abs(face.yaw_deg):.0f}°): less certain"
    return seen


def _why_unjudged(faces: Sequence[Face]) -> str:
    if not faces:
        return "no face was found"
    return (
        f"the largest of {len(faces)} faces is {faces[0].width_px:.0f} px wide; at least "
        f"{TINY_FACE_PX:.0f} px are needed to judge it"
    )


def _why(face: Face, faces: int, parts: Sequence[Part]) -> str:
    """What decided the score, in one line."""
    lines = [f"{faces} faces: the one most like the character is judged"] if faces > 1 else []
    lines += ["the face is seen from the side"] if face.is_profile else []
    if (parts[0].score or 0.0) < PASS_IDR:
        lines.append("the face is not, or not surely, the character's")
    lines += [
        f"{part.name}: {part.reason}"
        for part in parts[1:]
        if part.score is not None and part.score < 0.5
    ]
    return "; ".join(lines)
