"""Is the challenger better? Paired bootstrap over scenes, and margins for all that must not suffer.

Both paint the same scenes from the same seeds, so that scenes are resampled as pairs and what
makes a scene hard cancels out (Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 13:
percentile intervals; Koehn 2004 for the paired test of two systems). Knows nothing of pictures.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from cluster.domain.learning.training import Measure

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Statistic = Callable[[Indices], Numbers]
"""Resampled scene numbers (resamples, n) -> the difference in each resample (resamples,)."""


def draws(scenes: int, resamples: int) -> Indices:
    """The scenes of each resample, int64 (resamples, scenes); the same ones every time."""
    return np.random.default_rng(scenes).integers(scenes, size=(resamples, scenes))


def interval(differences: Numbers, confidence: float) -> tuple[float, float]:
    """The percentile interval of resampled differences."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return float(low), float(high)


def better(
    name: str, champion: Numbers, challenger: Numbers, resampled: Indices, confidence: float
) -> Measure:
    """Passed when the whole interval of the mean difference is above zero.

    Scores are one a scene, float64 (n,).
    """
    low, high = interval((challenger - champion)[resampled].mean(axis=1), confidence)
    return _measure(name, champion.mean(), challenger.mean(), low, high, 0.0, low > 0)


def no_worse(
    name: str,
    champion: Numbers,
    challenger: Numbers,
    resampled: Indices,
    confidence: float,
    margin: float,
    good: Literal["high", "low"] = "high",
) -> Measure:
    """Passed unless the mean got worse by more than `margin`; `good` says which way is better."""
    low, high = interval((challenger - champion)[resampled].mean(axis=1), confidence)
    loss = (champion.mean() - challenger.mean()) * (1 if good == "high" else -1)
    return _measure(
        name, champion.mean(), challenger.mean(), low, high, margin, _within(loss, margin)
    )


def no_less_varied(
    name: str,
    champion: Numbers,
    challenger: Numbers,
    resampled: Indices,
    confidence: float,
    margin: float,
) -> Measure:
    """Passed unless the mean pairwise distance fell by more than `margin`.

    Distances are symmetric, float64 (n, n). A scene that was drawn twice is no pair of its own.
    """
    means = (spread(champion), spread(challenger))
    differences = np.array(
        [_spread_of(challenger, rows) - _spread_of(champion, rows) for rows in resampled]
    )
    low, high = interval(differences, confidence)
    return _measure(name, *means, low, high, margin, _within(means[0] - means[1], margin))


def spread(distances: Numbers) -> float:
    """Mean distance of two different ones, of (n, n)."""
    return _spread_of(distances, np.arange(len(distances)))


def _spread_of(distances: Numbers, rows: Indices) -> float:
    pairs = rows[:, None] != rows[None, :]
    return float(distances[np.ix_(rows, rows)][pairs].mean()) if pairs.any() else 0.0


def _within(loss: float, margin: float) -> bool:
    return bool(loss <= margin + 1e-9)


def _measure(
    name: str,
    champion: float,
    challenger: float,
    low: float,
    high: float,
    margin: float,
    passed: bool,
) -> Measure:
    return Measure(
        name=name,
        champion=round(float(champion), 4),
        challenger=round(float(challenger), 4),
        low=round(low, 4),
        high=round(high, 4),
        margin=margin,
        passed=bool(passed),
    )
