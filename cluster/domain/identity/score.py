"""The identity retention score (IDR): what makes it up and how its parts combine.

    cosine to the references --Calibration--> face score --combine--> IDR
    hair, eyes, marks against the profile ----------------^

The IDR is the weighted mean of the visible parts, and never above the face score: the other
parts can only take away. A stranger with the right hair therefore fails as surely as without it.
"""

import bisect
from collections.abc import Iterable
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from cluster.domain.value import Value

PASS_IDR = 0.75
GOLDEN_IDR = 0.85
TYPICAL_IDR = 0.9
"""Face score of the median picture of the right person."""

WEIGHTS = {"face": 0.70, "hair": 0.10, "left_eye": 0.05, "right_eye": 0.05}
MARKS_WEIGHT = 0.10
"""Shared by all of a character's marks."""

Box = tuple[float, float, float, float]
Vectors = npt.NDArray[np.float32]
IdentityVerdict = Literal["pass", "fail", "no_face"]
Domain = Literal["photo", "studio"]


class Part(Value):
    """One part of the score; `score` is null when the part cannot be seen in the image."""

    name: str = Field(description="face, hair, left_eye, right_eye, or `scar on the left cheek` …")
    score: float | None
    weight: float = Field(description="Weight in the IDR; 0 when the part is not visible.")
    reason: str = ""


class IdentityReport(Value):
    """Why an image is, or is not, this character. `idr` is null when no face was found."""

    idr: float | None
    verdict: IdentityVerdict
    parts: tuple[Part, ...] = ()
    cosine: float | None = Field(None, description="Raw cosine to the reference centroid.")
    box: Box | None = Field(None, description="x0, y0, x1, y1 of the matched face, in px.")
    faces: int = 0
    model: str = ""
    calibration: str = ""
    reason: str = ""


class Curve(Value):
    """What a cosine to the centroid of so many references means, and how well that is known."""

    references: int = Field(ge=1, description="Holds for this many references and more.")
    knots: tuple[tuple[float, float], ...] = Field(
        description="(cosine, score), joined by straight lines; 0.75 at `threshold`."
    )
    threshold: float = Field(description="Cosine at which at most 1 in 1,000 strangers pass.")
    far: float = Field(description="Share of strangers' pictures that reach 0.75.")
    far_upper_95: float = Field(description="Upper end of its 95 % confidence interval.")
    frr: float = Field(description="Share of the right person's pictures that do not.")
    frr_upper_95: float
    strangers: int = Field(description="Stranger comparisons.")
    same: int = Field(description="Comparisons with the right person.")

    @model_validator(mode="after")
    def _is_monotone(self) -> Self:
        cosines, scores = zip(*self.knots, strict=True)
        if list(cosines) != sorted(set(cosines)) or list(scores) != sorted(scores):
            raise ValueError("knots must rise in cosine and never fall in score")
        if (self.threshold, PASS_IDR) not in self.knots:
            raise ValueError(f"the curve must pass through {PASS_IDR} at the threshold")
        return self

    def score(self, cosine: float) -> float:
        """Face score in [0, 1] of a cosine; monotone, exactly 0.75 at the threshold."""
        at = bisect.bisect_right(self.knots, (cosine, float("inf")))
        if at == 0:
            return self.knots[0][1]
        (x0, y0) = self.knots[at - 1]
        if at == len(self.knots) or cosine == x0:
            return y0
        (x1, y1) = self.knots[at]
        return y0 + (y1 - y0) * (cosine - x0) / (x1 - x0)


class Calibration(Value):
    """The curves of one face model in one kind of picture, by number of references.

    Cosines are between a picture's embedding and the centroid of the references: the L2-normalised
    mean of their unit vectors. It lies closer to everybody the more references there are, so that
    one threshold could not hold for one and for eight.
    """

    model: str
    domain: Domain
    curves: tuple[Curve, ...] = Field(min_length=1)
    centre: tuple[float, ...] = Field(
        (), description="The domain's mean face, taken off every vector first; empty: none."
    )
    people: int = Field(description="Different people in the data, or an upper bound.")
    source: str
    licence: str
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.model}/{self.domain}"

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        counts = [curve.references for curve in self.curves]
        if counts != sorted(set(counts)) or counts[0] != 1:
            raise ValueError("curves must go up in references, from 1")
        return self

    def centred(self, vectors: Vectors) -> Vectors:
        """Unit vectors (n, dim) or (dim,) seen from the domain's mean face, unit again.

        What all faces of a domain share says nothing about who they are.
        """
        return off_centre(vectors, np.asarray(self.centre, np.float32)) if self.centre else vectors

    def curve(self, references: int) -> Curve:
        """The curve of the largest measured number of references that is not above this one."""
        return [curve for curve in self.curves if curve.references <= max(references, 1)][-1]


def off_centre(vectors: Vectors, centre: Vectors) -> Vectors:
    """Vectors (…, dim) less `centre`, L2-normalised; null vectors stay null."""
    moved = np.where(vectors.any(axis=-1, keepdims=True), vectors - centre, 0.0)
    length = np.linalg.norm(moved, axis=-1, keepdims=True)
    return np.asarray(moved / np.maximum(length, 1e-6), np.float32)


def knots(
    *, strangers_median: float, one_in_100: float, one_in_1000: float, same_median: float
) -> tuple[tuple[float, float], ...]:
    """The curve's corners, from four quantiles of measured cosines.

    0 at the median stranger, 0.5 and 0.75 where 1 in 100 and 1 in 1,000 strangers pass, 0.9 at
    the median picture of the right person, 1 at cosine 1. A corner that would not rise is left out.
    """
    corners = [(strangers_median, 0.0), (one_in_100, 0.5), (one_in_1000, PASS_IDR)]
    kept = [corner for corner in corners[:2] if corner[0] < one_in_1000]
    if one_in_1000 < same_median < 1:
        return (*kept, corners[2], (same_median, TYPICAL_IDR), (1.0, 1.0))
    return (*kept, corners[2], (1.0, 1.0))


def weighed(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts with their weights in the IDR: visible ones sum to 1, the others weigh 0."""
    every = tuple(parts)
    marks = sum(part.name not in WEIGHTS for part in every)
    raw = [
        0.0 if part.score is None else WEIGHTS.get(part.name, MARKS_WEIGHT / max(marks, 1))
        for part in every
    ]
    total = sum(raw) or 1.0
    return tuple(
        part.model_copy(update={"weight": weight / total})
        for part, weight in zip(every, raw, strict=True)
    )


def combine(parts: Iterable[Part]) -> float | None:
    """The IDR of weighed parts; None without a face score.

    min(face, weighted mean of the visible parts), so that no other part lifts a face.
    """
    every = tuple(parts)
    face = next((part.score for part in every if part.name == "face"), None)
    if face is None:
        return None
    seen = [part for part in every if part.score is not None]
    total = sum(part.weight for part in seen)
    mean = sum(part.weight * (part.score or 0.0) for part in seen) / total if total else face
    return min(face, mean)


def verdict(idr: float | None) -> IdentityVerdict:
    if idr is None:
        return "no_face"
    return "pass" if idr >= PASS_IDR else "fail"
