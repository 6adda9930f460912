"""Face verification: serves the identity judge, and checks a character's reference images.

Pixels are uint8 RGB (height, width, 3). What looks at them runs in a thread, so that health checks
are answered meanwhile.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from cluster.domain.character import Character
from cluster.domain.identity.face import TINY_FACE_PX, Face
from cluster.domain.identity.score import Box, Domain, IdentityReport
from cluster.errors import BadImage, OddOneOut
from cluster.identity_judge import IdentityJudge
from cluster.ports import Pixels, Vector

from ..lifecycle import Lifecycle


class Validator(Lifecycle):
    """Judges images against characters, and references against each other."""

    def start(self) -> None:
        """Load the face encoder and the tagger. Raises ProviderMissing where one is missing."""
        self._judge = IdentityJudge(self._settings)
        self._encoder = self._judge.encoder

    async def validate(self, pixels: Pixels, character: Character) -> IdentityReport:
        """Identity report on pixels (h, w, 3).

        Raises:
            BadImage: None of the character's references shows a face.
            ProviderMissing: There is no calibration for the character's domain.
        """
        return await asyncio.to_thread(self._judge.report, pixels, character)

    async def check_references(
        self,
        images: list[Pixels],
        names: Sequence[str] | None = None,
        domain: Domain = "photo",
    ) -> list[Face]:
        """The one face of each image (h, w, 3).

        Args:
            names: What the images are called in messages, beside their index.

        Raises:
            BadImage: An image shows no face, several, a small one, or one from the side; names the
                image and carries its `index`.
            OddOneOut: Likewise, when an image does not show the person of the others.
        """
        return await asyncio.to_thread(self._check_references, images, names, domain)

    async def embed(self, pixels: Pixels, box: Box | None) -> tuple[str, list[float]] | None:
        """Face embedding: model id and unit vector of the face at `box` in pixels (h, w, 3), of the
        largest one without a box; null without a face."""
        faces = await asyncio.to_thread(self._encoder.faces, pixels)
        if not faces:
            return None
        face = max(faces, key=lambda one: _overlap(one.box, box)) if box else faces[0]
        return self._encoder.model, face.embedding.tolist()

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
        calibration = self._judge.calibration(domain)
        vectors = calibration.centred(np.stack([face.embedding for face in faces]))
        odd = odd_ones(vectors, calibration.curve(1).threshold)
        if odd:
            listed = ", ".join(titles[index] for index in odd)
            raise OddOneOut(f"{listed}: not the person of the other images", index=odd[0])
        return faces


def odd_ones(vectors: Vector, threshold: float) -> list[int]:
    """Outliers: rows of `vectors` (n, d), float32 unit vectors, outside the largest group that
    agrees, the first such group of several.

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


def only_face(index: int, title: str, faces: Sequence[Face]) -> Face:
    """The one face of a reference image that can be compared. Raises BadImage."""
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
