"""Calibration curve: how cosines become scores, fitted to embeddings whose people are known.

What is measured is what the validator compares: a picture's cosine to the centroid of a
character's references, by number of references; each threshold holds for the worst kind of picture.
Confidence intervals are bootstrapped over people, not over comparisons: the same face in a
hundred comparisons is one observation (two-way cluster bootstrap, Owen 2007).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cluster.domain.identity.face import centroid
from cluster.domain.identity.score import Calibration, Curve, Domain, knots
from cluster.ports import Vector

Counts = npt.NDArray[np.float64]
Cosines = npt.NDArray[np.float64]

FAR = 1e-3
"""False acceptance rate: the share of strangers that a pass lets through."""
SEED = 20261123
DRAWS = 10
"""Draws of references a person."""
RESAMPLES = 200
"""Of the bootstrap; the 97.5 % quantile then stands on five of them."""


class Comparisons(NamedTuple):
    """Cosines of probes to references' centroids, and whose they are: three arrays (n,)."""

    cosine: Cosines
    known: npt.NDArray[np.intp]
    probe: npt.NDArray[np.intp]

    @property
    def same(self) -> Cosines:
        """Those of a person with themselves, float64 (m,)."""
        return np.asarray(self.cosine[self.known == self.probe])

    @property
    def strangers(self) -> Cosines:
        """Those of a person with another, float64 (m,)."""
        return np.asarray(self.cosine[self.known != self.probe])


class CalibrationData(NamedTuple):
    """What a calibration is fitted on: comparisons by number of references and kind of picture.
    Those without a comparison of the same person count for the strangers alone."""

    domain: Domain
    cases: dict[int, dict[str, Comparisons]]
    people: int
    source: str
    licence: str
    centre: tuple[float, ...] = ()


def compare(references: Sequence[Vector], probes: Sequence[Vector], count: int) -> Comparisons:
    """Every probe with `count` random references of every person, `DRAWS` times.

    Item i of both sequences holds person i's unit vectors (n_i, dim). Probe j of a person shows
    the same scene as reference j and is not compared with it.
    """
    rng = np.random.default_rng([SEED, count])
    everyone = np.concatenate(probes)
    owner = np.repeat(np.arange(len(probes)), [len(own) for own in probes])
    place = np.concatenate([np.arange(len(own)) for own in probes])
    cosines, known, owners = [], [], []
    for person, own in enumerate(references):
        for _ in range(DRAWS if len(own) > count else 1):
            chosen = rng.permutation(len(own))[:count]
            fair = (owner != person) | ~np.isin(place, chosen)
            cosines.append((everyone[fair] @ centroid(own[chosen])).astype(np.float64))
            known.append(np.full(int(fair.sum()), person))
            owners.append(owner[fair])
    return Comparisons(np.concatenate(cosines), np.concatenate(known), np.concatenate(owners))


def pairs(crowd: Vector) -> Comparisons:
    """Every pair of a crowd (n, dim) of which each vector is taken for another person."""
    one, other = np.triu_indices(len(crowd), 1)
    return Comparisons((crowd @ crowd.T)[one, other].astype(np.float64), one, other)


def quantile_above(strangers: Cosines, share: float) -> float:
    """The least cosine that no more than `share` of the strangers, float64 (n,), reach; -1 when
    all of them may."""
    ordered = np.sort(strangers)[::-1]
    allowed = int(share * len(ordered))
    return float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else -1.0


def error_rate(
    found: Comparisons, hit: npt.NDArray[np.bool_], *, same: bool
) -> tuple[float, float]:
    """Share of the comparisons (with the same person, or with strangers) that hit, and the upper
    end of its 95 % confidence interval. Where none hits: the rule of three, over people.

    Args:
        hit: bool (n,), one a comparison.
    """
    mine = (found.known == found.probe) == same
    size = int(max(found.known.max(), found.probe.max())) + 1
    at = (found.known[mine], found.probe[mine])
    total, hits = np.zeros((size, size)), np.zeros((size, size))
    np.add.at(total, at, 1.0)
    np.add.at(hits, at, hit[mine].astype(np.float64))
    share = float(hits.sum() / total.sum())
    if not hits.any():
        return share, 3.0 / size
    return share, float(np.quantile(list(_resampled(hits, total)), 0.975))


def _resampled(hits: Counts, total: Counts) -> Iterator[float]:
    rng = np.random.default_rng(SEED)
    size = len(total)
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(size, size=size), minlength=size).astype(np.float64)
        if compared := float(weight @ total @ weight):
            yield float(weight @ hits @ weight) / compared


def fit_calibration(model: str, data: CalibrationData) -> Calibration:
    """A curve for each number of references, with the error rates of its worst kind of picture;
    those of every kind are in the notes."""
    notes: list[str] = []
    return Calibration(
        model=model,
        domain=data.domain,
        curves=tuple(_curve(count, kinds, notes) for count, kinds in data.cases.items()),
        centre=data.centre,
        people=data.people,
        source=data.source,
        licence=data.licence,
        notes=tuple(notes),
    )


def _curve(count: int, kinds: dict[str, Comparisons], notes: list[str]) -> Curve:
    thresholds = {kind: quantile_above(found.strangers, FAR) for kind, found in kinds.items()}
    hardest = kinds[max(thresholds, key=lambda kind: thresholds[kind])]
    threshold = max(thresholds.values())
    labelled = {kind: found for kind, found in kinds.items() if len(found.same)}
    fars = {
        kind: error_rate(found, found.cosine >= threshold, same=False)
        for kind, found in kinds.items()
    }
    frrs = {
        kind: error_rate(found, found.cosine < threshold, same=True)
        for kind, found in labelled.items()
    }
    for name, rates in (("FAR", fars), ("FRR", frrs)):
        notes += [
            f"{count} reference(s), {kind}: {name} {share:.5f} (95 % upper bound {upper:.5f})"
            for kind, (share, upper) in rates.items()
        ]
    right = np.concatenate([found.same for found in labelled.values()])
    corners = knots(
        strangers_median=float(np.median(hardest.strangers)),
        one_in_100=quantile_above(hardest.strangers, 1e-2),
        one_in_1000=threshold,
        same_median=float(np.median(right)),
    )
    (far, far_upper), (frr, frr_upper) = max(fars.values()), max(frrs.values())
    return Curve(
        references=count,
        knots=corners,
        threshold=threshold,
        far=far,
        far_upper_95=far_upper,
        frr=frr,
        frr_upper_95=frr_upper,
        strangers=len(hardest.strangers),
        same=len(right),
    )
