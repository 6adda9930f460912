"""The calibration's statistics, on people whose likeness is known by construction."""

import numpy as np
import pytest

from cluster.ports import Vector
from training.calibration.curve import (
    CalibrationData,
    compare,
    error_rate,
    fit_calibration,
    pairs,
    quantile_above,
)


def crowd(people: int, pictures: int, spread: float, seed: int = 1) -> list[Vector]:
    """Unit vectors about one random direction a person."""
    rng = np.random.default_rng(seed)
    everyone = []
    for _ in range(people):
        own = rng.normal(size=32) + spread * rng.normal(size=(pictures, 32))
        everyone.append((own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32))
    return everyone


def data(people: list[Vector]) -> CalibrationData:
    cases = {count: {"made up": compare(people, people, count)} for count in (1, 3)}
    return CalibrationData("photo", cases, len(people), "made up", "none")


def test_no_picture_is_compared_with_itself() -> None:
    people = crowd(5, 3, 0.5)
    assert compare(people, people, 1).same.max() < 0.999


def test_no_more_strangers_pass_than_are_allowed() -> None:
    strangers = np.linspace(-1, 1, 10_000)
    assert (strangers >= quantile_above(strangers, 1e-3)).sum() == 10


def test_equal_cosines_do_not_slip_past_the_limit() -> None:
    strangers = np.repeat([0.0, 0.9], [990, 10])
    assert (strangers >= quantile_above(strangers, 5e-3)).sum() == 0


def test_well_separated_people_are_told_apart() -> None:
    result = fit_calibration("m", data(crowd(40, 6, 0.3)))
    for curve in result.curves:
        assert curve.far <= 1e-3 < curve.far_upper_95
        assert curve.frr == 0
        assert curve.score(curve.threshold) == 0.75
    assert len(result.notes) == 4


def test_more_references_refuse_fewer_of_the_right_person() -> None:
    one, three = fit_calibration("m", data(crowd(40, 6, 1.0))).curves
    assert three.frr < one.frr


def test_people_who_look_alike_are_reported_as_refused() -> None:
    assert fit_calibration("m", data(crowd(40, 6, 1.5))).curves[0].frr > 0.05


def test_the_interval_is_wider_with_fewer_people() -> None:
    few, many = (compare(people, people, 1) for people in (crowd(10, 5, 1), crowd(80, 5, 1)))
    uppers = [error_rate(found, found.cosine > 0.3, same=False) for found in (few, many)]
    assert uppers[0][1] - uppers[0][0] > uppers[1][1] - uppers[1][0] > 0


def test_nothing_seen_is_not_reported_as_impossible() -> None:
    found = pairs(np.concatenate(crowd(30, 1, 0.5)))
    share, upper = error_rate(found, found.cosine > 2, same=False)
    assert share == 0
    assert upper == pytest.approx(3 / 30)
