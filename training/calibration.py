"""How a calibration is fitted to embeddings whose people are known.

What is measured is what the validator compares: a picture's mean cosine to a character's
references, for several numbers of references; the threshold holds for the worst of them.
Confidence intervals are bootstrapped over people, not over comparisons: the same face in a
hundred comparisons is one observation (two-way cluster bootstrap, Owen 2007).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cluster.domain.identity import Calibration, Domain, knots
from cluster.ports import Vector

Counts = npt.NDArray[np.float64]
Cosines = npt.NDArray[np.float64]

FAR = 1e-3
SEED = 20261123
DRAWS = 10
"""Draws of references a person."""
RESAMPLES = 500


class Comparisons(NamedTuple):
    """Mean cosines of probes to references, and whose they are: three arrays of shape (n,)."""

    cosine: Cosines
    known: npt.NDArray[np.intp]
    probe: npt.NDArray[np.intp]

    @property
    def same(self) -> Cosines:
        return np.asarray(self.cosine[self.known == self.probe])

    @property
    def strangers(self) -> Cosines:
        return np.asarray(self.cosine[self.known != self.probe])


class Data(NamedTuple):
    """What a calibration is fitted on: comparisons by a title such as "3 references"."""

    domain: Domain
    strangers: dict[str, Comparisons]
    same: dict[str, Comparisons]
    people: int
    source: str
    licence: str
    notes: tuple[str, ...]


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
            cosines.append((everyone[fair] @ own[chosen].mean(axis=0)).astype(np.float64))
            known.append(np.full(int(fair.sum()), person))
            owners.append(owner[fair])
    return Comparisons(np.concatenate(cosines), np.concatenate(known), np.concatenate(owners))


def pairs(crowd: Vector) -> Comparisons:
    """Every pair of a crowd (n, dim) of which each vector is taken for another person."""
    one, other = np.triu_indices(len(crowd), 1)
    return Comparisons((crowd @ crowd.T)[one, other].astype(np.float64), one, other)


def quantile_above(strangers: Cosines, share: float) -> float:
    """The least cosine that no more than `share` of the strangers reach."""
    ordered = np.sort(strangers)[::-1]
    allowed = int(share * len(ordered))
    return float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else -1.0


def rate(found: Comparisons, hit: npt.NDArray[np.bool_], *, same: bool) -> tuple[float, float]:
    """Share of the comparisons (with the same person, or with strangers) that hit, and the upper
    end of its 95 % confidence interval. Where none hits: the rule of three, over people."""
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


def calibrate(model: str, data: Data) -> Calibration:
    """The curve, and the error rates of the worst case; every case is in the notes."""
    thresholds = {
        title: quantile_above(found.strangers, FAR) for title, found in data.strangers.items()
    }
    threshold = max(thresholds.values())
    worst = data.strangers[max(thresholds, key=lambda title: thresholds[title])]
    fars = {
        title: rate(found, found.cosine >= threshold, same=False)
        for title, found in data.strangers.items()
    }
    frrs = {
        title: rate(found, found.cosine < threshold, same=True)
        for title, found in data.same.items()
    }
    corners = knots(
        strangers_median=float(np.median(worst.strangers)),
        one_in_100=quantile_above(worst.strangers, 1e-2),
        one_in_1000=threshold,
        same_median=float(np.median(np.concatenate([case.same for case in data.same.values()]))),
    )
    (far, far_upper), (frr, frr_upper) = max(fars.values()), max(frrs.values())
    return Calibration(
        model=model,
        domain=data.domain,
        knots=corners,
        threshold=threshold,
        far=far,
        far_upper_95=far_upper,
        frr=frr,
        frr_upper_95=frr_upper,
        strangers=len(worst.strangers),
        same=sum(len(case.same) for case in data.same.values()),
        people=data.people,
        source=data.source,
        licence=data.licence,
        notes=(*data.notes, *_notes("FAR", fars), *_notes("FRR", frrs)),
    )


def _notes(name: str, rates: dict[str, tuple[float, float]]) -> Iterator[str]:
    for title, (share, upper) in rates.items():
        yield f"{name}, {title}: {share:.5f} (95 % upper bound {upper:.5f})"
