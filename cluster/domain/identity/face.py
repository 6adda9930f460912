"""One face found in a picture."""

import math
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, SkipValidation

from cluster.domain.identity.score import Box
from cluster.domain.value import Value

TINY_FACE_PX = 16.0
"""Narrower faces carry too little to say who they are."""
PROFILE_DEG = 55.0
"""Faces turned further away are seen from the side."""
NOSE_DEPTH = 0.6
"""How far the nose tip stands before the eyes, in distances between the eyes."""


class Face(Value):
    """A detected face: box in px, five landmarks (5, 2) px [left-image eye, right-image eye, nose,
    mouth corners], detector score, L2-normalised embedding float32 (dim,)."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    box: Box
    landmarks: Annotated[npt.NDArray[np.float32], SkipValidation]
    score: float
    embedding: Annotated[npt.NDArray[np.float32], SkipValidation]

    @property
    def width_px(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def area_px(self) -> float:
        return self.width_px * (self.box[3] - self.box[1])

    @property
    def is_tiny(self) -> bool:
        return self.width_px < TINY_FACE_PX

    @property
    def yaw_deg(self) -> float:
        """How far the head is turned, estimated from the landmarks; positive to its own left.

        The nose stands before the eyes, so turning moves it along the line through them:
        tan(yaw) = offset / (NOSE_DEPTH * distance between the eyes as seen).
        """
        left, right, nose = self.landmarks[:3].astype(float)
        across = right - left
        distance = math.hypot(*across) or 1e-6
        offset = float(np.dot(nose - (left + right) / 2, across)) / distance
        return math.degrees(math.atan2(offset, NOSE_DEPTH * distance))

    @property
    def is_profile(self) -> bool:
        return abs(self.yaw_deg) > PROFILE_DEG


def centroid(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """L2-normalised mean of unit vectors (n, dim), float32 (dim,)."""
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)
