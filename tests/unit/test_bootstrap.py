"""The gate's statistics: what they promise about chance, and about margins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.gate.bootstrap import PairedBootstrap, mean_distance

SCENES = 24
BOOTSTRAP = PairedBootstrap(SCENES, resamples=2000, confidence=0.95)
FEW_RESAMPLES = PairedBootstrap(SCENES, resamples=200, confidence=0.95)
SCORES = st.lists(st.floats(0, 1), min_size=SCENES, max_size=SCENES).map(np.array)
SHIFTS = st.floats(-0.5, 0.5)


def pictures(rng: np.random.Generator, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two painters of the same scenes, some of which are hard for both."""
    hardness = rng.uniform(0.2, 0.9, SCENES)
    noise = rng.normal(0, 0.1, (2, SCENES))
    return hardness + noise[0], hardness + gain + noise[1]


def promotions(gain: float, trials: int = 300) -> float:
    rng = np.random.default_rng(7)
    found = [BOOTSTRAP.better("idr", *pictures(rng, gain)).passed for _ in range(trials)]
    return float(np.mean(found))


def test_chance_alone_seldom_promotes() -> None:
    assert promotions(0.0) <= 0.06


def test_a_real_gain_is_found() -> None:
    assert promotions(0.1) >= 0.8


def test_what_is_worse_by_two_hundredths_is_not_promoted() -> None:
    scores = np.random.default_rng(1).uniform(0.3, 0.9, SCENES)
    assert not BOOTSTRAP.better("idr", scores, scores - 0.02).passed
    assert promotions(-0.02) <= 0.01


def test_the_same_pictures_are_not_better() -> None:
    scores = np.full(SCENES, 0.8)
    assert not BOOTSTRAP.better("idr", scores, scores).passed


@given(SCORES, SCORES)
def test_swapping_the_two_turns_the_interval_round(one: np.ndarray, other: np.ndarray) -> None:
    forth = BOOTSTRAP.better("idr", one, other)
    back = BOOTSTRAP.better("idr", other, one)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=2e-4)
    assert not (forth.passed and back.passed)


@given(SCORES, SHIFTS)
def test_a_shift_of_every_scene_is_the_whole_difference(scores: np.ndarray, by: float) -> None:
    measure = BOOTSTRAP.better("idr", scores, scores + by)
    assert (measure.low, measure.high) == pytest.approx((by, by), abs=2e-4)


@given(SCORES, st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_margin_allows_no_more_than_it_says(
    scores: np.ndarray, loss: float, margin: float
) -> None:
    measure = BOOTSTRAP.no_worse("face", scores, scores - loss, margin)
    if abs(loss - margin) > 1e-6:
        assert measure.passed == (loss < margin)


@given(SCORES, SHIFTS)
def test_where_low_is_good_a_rise_is_the_loss(scores: np.ndarray, rise: float) -> None:
    measure = BOOTSTRAP.no_worse("copy", scores, scores + rise, 0.05, good="low")
    if abs(rise - 0.05) > 1e-6:
        assert measure.passed == (rise < 0.05)


def test_pictures_that_are_all_alike_are_less_varied() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(SCENES, 4))
    apart = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    measure = FEW_RESAMPLES.no_less_varied("variety", apart, apart * 0.5, 0.1)
    assert not measure.passed
    assert measure.high is not None
    assert measure.high < 0
    assert FEW_RESAMPLES.no_less_varied("variety", apart, apart * 2, 0.1).passed


def test_a_picture_is_no_pair_of_its_own() -> None:
    assert mean_distance(np.array([[0.0, 0.4], [0.4, 0.0]])) == pytest.approx(0.4)


@pytest.mark.parametrize("scenes", [2, 3])
def test_a_gate_of_a_few_scenes_has_its_measures_too(scenes: int) -> None:
    bootstrap = PairedBootstrap(scenes, resamples=1000, confidence=0.95)
    scores = np.linspace(0.4, 0.6, scenes)
    assert bootstrap.better("idr", scores, scores + 0.1).passed
    assert not bootstrap.better("idr", scores, scores).passed
    apart = 1 - np.eye(scenes)
    assert bootstrap.no_less_varied("variety", apart, apart, 0.0).passed
    assert not bootstrap.no_less_varied("variety", apart, apart / 2, 0.1).passed
