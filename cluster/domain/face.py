"""One face found in a picture."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, SkipValidation

from cluster.domain.identity import Box
from cluster.domain.value import Value


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
