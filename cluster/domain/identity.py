"""The identity retention score (IDR): what makes it up and how its parts combine."""

from typing import Literal

from pydantic import Field

from cluster.domain.value import Value

PASS_IDR = 0.75
GOLDEN_IDR = 0.85

Box = tuple[float, float, float, float]
Verdict = Literal["pass", "fail", "no_face"]


class Part(Value):
    """One part of the score; `score` is null when the part cannot be seen in the image."""

    name: str = Field(description="face, hair, left_eye, right_eye, or `scar on the left cheek` …")
    score: float | None
    weight: float = Field(description="Weight in the IDR; 0 when the part is not visible.")
    reason: str = ""


class IdentityReport(Value):
    """Why an image is, or is not, this character. `idr` is null when no face was found."""

    idr: float | None
    verdict: Verdict
    parts: tuple[Part, ...] = ()
    cosine: float | None = Field(None, description="Raw cosine to the reference centroid.")
    box: Box | None = Field(None, description="x0, y0, x1, y1 of the matched face, in px.")
    faces: int = 0
    model: str = ""
    calibration: str = ""
    reason: str = ""
