"""Pixels -> IdentityReport: is this the character, how surely, and why.

- No face, or only faces too small to judge: `idr` null, verdict "no_face".
- Several faces: the one most like the character is judged; attributes are not read, for the
  tagger knows pictures of one person.
- A face seen from the side is judged like any other, and the reason says so; what it hides is
  left out.
- Attributes count in those pictures alone that the tagger was measured on: not in photographs.

It holds no torch and no weights of the painter: faces and attributes are small ONNX models. The
Validator serves it, training stops by it, the gate decides by it: one score everywhere.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from cluster import providers
from cluster.codecs.images import decode_image
from cluster.domain.character import Character, Profile
from cluster.domain.identity.face import TINY_FACE_PX, Face, centroid
from cluster.domain.identity.likeness import likeness, unread
from cluster.domain.identity.score import (
    PASS_IDR,
    Calibration,
    Domain,
    IdentityReport,
    Part,
    combine,
    verdict,
    weighed,
)
from cluster.errors import BadImage, ProviderMissing
from cluster.ports import FaceEncoder, Pixels, Tagger, Vector
from cluster.providers.calibrations import load_calibration
from cluster.settings import Settings
from cluster.store.blobs import Blobs
from cluster.telemetry import logger

CACHED_CHARACTERS = 64


class IdentityJudge:
    """Scores pictures, synchronously. `encoder` and `tagger` may be those already in memory; the
    tagger is None where none is installed, and then only faces are judged."""

    def __init__(
        self,
        settings: Settings,
        encoder: FaceEncoder | None = None,
        tagger: Tagger | None = None,
    ) -> None:
        self._settings = settings.identity
        self.encoder = encoder or providers.face_encoder(settings.identity)
        self.tagger = tagger or _tagger()
        self._blobs = Blobs(settings.store.blob_root)
        self._centroid = lru_cache(CACHED_CHARACTERS)(self._embed_references)
        self.calibration = lru_cache(self._load_calibration)

    def report(self, pixels: Pixels, character: Character) -> IdentityReport:
        """The report on uint8 RGB pixels (height, width, 3). Raises BadImage when none of the
        character's references shows a face, ProviderMissing without a calibration."""
        calibration = self.calibration(character.domain)
        curve = calibration.curve(len(character.references))
        known = self.known(character)
        faces = self.encoder.faces(pixels)
        usable = [face for face in faces if not face.is_tiny]
        unjudged = IdentityReport(
            idr=None,
            verdict="no_face",
            faces=len(faces),
            model=self.encoder.model,
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

    def known(self, character: Character) -> Vector:
        """The character's face: the centroid of the references' embeddings, seen from the domain's
        mean face, float32 (dim,). Raises BadImage when no reference shows a face."""
        return self._centroid(character.references, character.domain)

    def _load_calibration(self, domain: Domain) -> Calibration:
        return load_calibration(self._settings, self.encoder.model, domain)

    def _embed_references(self, references: tuple[str, ...], domain: Domain) -> Vector:
        """The centroid of the references' faces in the domain, float32 (dim,)."""
        pictures = (decode_image(self._blobs.get(sha)) for sha in references)
        return known_face(pictures, self.encoder, self.calibration(domain))

    def _attributes(
        self, pixels: Pixels, face: Face, faces: int, character: Character
    ) -> tuple[Part, ...]:
        profile: Profile = character.profile
        if self.tagger is None:
            return unread(profile, "no tagger is installed")
        if character.domain not in self.tagger.measured_on:
            return unread(profile, f"on {character.domain} pictures the tagger is not measured")
        if faces > 1:
            return unread(profile, "more than one person in the picture")
        return likeness(profile, self.tagger.tags(pixels, face.box), face)


def known_face(
    references: Iterable[Pixels], encoder: FaceEncoder, calibration: Calibration
) -> Vector:
    """Whose face the references show: the centroid of their largest faces' embeddings, seen from
    the domain's mean face, float32 (dim,), unit length.

    References are uint8 RGB (height, width, 3). Raises BadImage when none shows a face.
    """
    found = [encoder.faces(picture) for picture in references]
    vectors = [faces[0].embedding for faces in found if faces]
    if not vectors:
        raise BadImage("none of the character's reference images shows a face")
    return centroid(calibration.centred(np.stack(vectors)))


def view(face: Face) -> str:
    """How a face is seen, in words."""
    seen = f"{face.width_px:.0f} px wide"
    if face.is_profile:
        return f"{seen}, from the side (about {abs(face.yaw_deg):.0f}°): less certain"
    return seen


def _tagger() -> Tagger | None:
    try:
        return providers.picture_tagger()
    except ProviderMissing as missing:
        logger("identity").warning("only faces are judged", reason=missing.message)
        return None


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
