"""How well the tagger reads held-out renders, and how far its confidence can be trusted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from training.studio.tagger.data import LabelledPictures
from training.studio.tagger.heads import IGNORE, SIGMOID, SOFTMAX

Logits = npt.NDArray[np.floating[Any]]
HeadFigures = dict[str, float]


@dataclass(frozen=True)
class HeadCalibration:
    """Temperature of each softmax head; (scale, shift) of each sigmoid head's logits."""

    temperature: dict[str, float]
    platt: dict[str, tuple[float, float]]


def columns(heads: dict[str, tuple[str, ...]]) -> dict[str, slice]:
    """Where each head's labels are among the concatenated logits."""
    ends = np.cumsum([len(labels) for labels in heads.values()]).tolist()
    starts = [0, *ends[:-1]]
    return {
        head: slice(*at) for head, at in zip(heads, zip(starts, ends, strict=True), strict=True)
    }


def softmax(logits: Logits) -> Logits:
    """Probabilities (n, labels) of logits (n, labels); rows sum to 1."""
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def sigmoid(logits: Logits) -> Logits:
    """Probabilities in (0, 1) of logits of any shape."""
    return np.asarray(1 / (1 + np.exp(-logits.clip(-30, 30))))


def fit_temperature(logits: Logits, truth: npt.NDArray[np.int64]) -> float:
    """Temperature scaling (Guo et al., 2017): the temperature of least cross-entropy.

    ``logits`` (n, labels), ``truth`` (n,), `IGNORE` where it is not known.
    """
    known = truth != IGNORE
    logits, truth = logits[known], truth[known]
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        probability = softmax(logits / np.exp(log_temperature))[rows, truth]
        return float(-np.log(probability + 1e-9).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def fit_platt(logits: Logits, truth: Logits) -> tuple[float, float]:
    """Platt scaling (1999): scale and shift of least cross-entropy, one pair for a head's labels.

    ``logits`` and ``truth`` (n, labels); truth is 0 or 1, NaN where it is not known.
    """
    known = np.isfinite(truth)
    logits, truth = logits[known], truth[known]

    def loss(parameters: Logits) -> float:
        probability = sigmoid(logits * np.exp(parameters[0]) + parameters[1])
        right = np.where(truth > 0.5, probability, 1 - probability)
        return float(-np.log(right + 1e-9).mean())

    log_scale, shift = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(log_scale)), float(shift)


def calibrate_heads(one_of: Logits, any_of: Logits, truth: LabelledPictures) -> HeadCalibration:
    """Fit every head's calibration on the natural mix of renders.

    ``one_of`` (n, softmax labels) and ``any_of`` (n, sigmoid labels) are the network's logits.
    """
    exclusive, independent = columns(SOFTMAX), columns(SIGMOID)
    return HeadCalibration(
        temperature={
            head: fit_temperature(one_of[:, at], truth.one_of[:, index])
            for index, (head, at) in enumerate(exclusive.items())
        },
        platt={
            head: fit_platt(any_of[:, at], truth.any_of[:, at]) for head, at in independent.items()
        },
    )


def calibration_error(confidence: Logits, right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error, 0 to 1: mean gap between confidence and hit rate over bins.

    ``confidence`` (n,) in [0, 1], ``right`` (n,).
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == one].mean() - right[which == one].mean()) * (which == one).mean()
        for one in np.unique(which)
    ]
    return float(np.sum(gaps))


def judge_exclusive(
    logits: Logits, truth: npt.NDArray[np.int64], temperature: float
) -> HeadFigures:
    """Accuracy, mean recall over labels, calibration error, and what is said with >= 0.7; where the
    truth is known. ``logits`` (n, labels), ``truth`` (n,)."""
    known = truth != IGNORE
    logits, truth = logits[known], truth[known]
    probability = softmax(logits / temperature)
    best, confidence = probability.argmax(1), probability.max(1)
    right = best == truth
    sure = confidence >= 0.7
    recalls = [right[truth == label].mean() for label in np.unique(truth)]
    return {
        "accuracy": round(float(right.mean()), 4),
        "recall": round(float(np.mean(recalls)), 4),
        "ece": round(calibration_error(confidence, right), 4),
        "sure": round(float(sure.mean()), 4),
        "sure_accuracy": round(float(right[sure].mean()) if sure.any() else 0.0, 4),
        "unknown": round(float(1 - known.mean()), 4),
    }


def judge_independent(logits: Logits, truth: Logits, platt: tuple[float, float]) -> HeadFigures:
    """Precision, recall and F1 over all known labels at 0.5; accuracy is that of whole pictures,
    ``false`` the share of absent labels that are claimed. ``logits`` and ``truth`` (n, labels)."""
    said, shown, known = (
        sigmoid(logits * platt[0] + platt[1]) >= 0.5,
        truth > 0.5,
        np.isfinite(truth),
    )
    said = said & known
    both = float((said & shown).sum())
    precision, recall = both / max(said.sum(), 1), both / max(shown.sum(), 1)
    return {
        "accuracy": round(float((said == shown).all(1).mean()), 4),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        "false": round(float((said & ~shown).sum() / (known & ~shown).sum()), 4),
        "unknown": round(float((~known).sum() / max((~known | shown).sum(), 1)), 4),
    }


def figures_of(
    one_of: Logits, any_of: Logits, truth: LabelledPictures, calibration: HeadCalibration
) -> dict[str, Any]:
    """Figures of every head, and the mean accuracy over heads; logits (n, labels)."""
    heads = {
        head: judge_exclusive(one_of[:, at], truth.one_of[:, index], calibration.temperature[head])
        for index, (head, at) in enumerate(columns(SOFTMAX).items())
    }
    heads |= {
        head: judge_independent(any_of[:, at], truth.any_of[:, at], calibration.platt[head])
        for head, at in columns(SIGMOID).items()
    }
    mean = float(np.mean([figures["accuracy"] for figures in heads.values()]))
    return {"macro_accuracy": round(mean, 4), "heads": heads}
