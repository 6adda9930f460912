"""The score's maths: the curve, the weights, and what they must never allow."""

import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from cluster.domain.identity.score import (
    GOLDEN_IDR,
    PASS_IDR,
    Calibration,
    Curve,
    Part,
    combine,
    knots,
    off_centre,
    verdict,
    weighed,
)
from cluster.providers.calibrations import SHIPPED

CORNERS = {"strangers_median": 0.1, "one_in_100": 0.3, "one_in_1000": 0.4, "same_median": 0.7}


def curve(references: int = 1, **changed: float) -> Curve:
    corners = {**CORNERS, **changed}
    return Curve(
        references=references,
        knots=knots(**corners),
        threshold=corners["one_in_1000"],
        far=0.001,
        far_upper_95=0.002,
        frr=0.01,
        frr_upper_95=0.02,
        strangers=1000,
        same=100,
    )


def calibration(*curves: Curve) -> Calibration:
    return Calibration(
        model="m", domain="photo", curves=curves, people=50, source="a test", licence="none"
    )


def parts(face: float | None, **others: float | None) -> tuple[Part, ...]:
    scores = {"face": face, **others}
    return weighed(Part(name=name, score=score, weight=0) for name, score in scores.items())


def test_the_curve_rises_from_zero_to_one() -> None:
    scores = [curve().score(cosine / 100) for cosine in range(-100, 101)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 1.0)


def test_the_threshold_scores_exactly_the_pass_mark() -> None:
    assert curve().score(0.4) == PASS_IDR
    assert curve().score(0.4 - 1e-9) < PASS_IDR < curve().score(0.4 + 1e-9)


def test_the_score_reaches_the_golden_line_before_the_typical_picture() -> None:
    assert curve().score(0.6) == pytest.approx(GOLDEN_IDR)
    assert curve().score(0.7) == pytest.approx(0.9)


def test_poorly_separated_people_still_give_a_rising_curve() -> None:
    overlapping = curve(one_in_1000=0.8, same_median=0.6, one_in_100=0.8)
    assert overlapping.score(0.8) == PASS_IDR
    assert overlapping.score(0.6) < PASS_IDR


def test_a_falling_curve_is_refused() -> None:
    with pytest.raises(ValidationError, match="rise"):
        Curve.model_validate(
            {**curve().model_dump(), "knots": ((0.4, 0.75), (0.6, 0.5), (1.0, 1.0))}
        )


def test_a_curve_that_misses_the_pass_mark_is_refused() -> None:
    with pytest.raises(ValidationError, match="threshold"):
        Curve.model_validate({**curve().model_dump(), "threshold": 0.5})


def test_a_stranger_with_the_right_hair_eyes_and_marks_fails() -> None:
    idr = combine(parts(0.74, hair=1.0, left_eye=1.0, right_eye=1.0, scar=1.0))
    assert idr is not None
    assert idr < PASS_IDR
    assert verdict(idr) == "fail"


def test_no_part_lifts_the_face() -> None:
    assert combine(parts(0.8, hair=1.0)) == 0.8


def test_a_missing_mark_costs() -> None:
    with_mark = combine(parts(0.9, hair=0.9, scar=0.9))
    without = combine(parts(0.9, hair=0.9, scar=0.0))
    assert with_mark == pytest.approx(0.9)
    assert without is not None
    assert without < GOLDEN_IDR


def test_what_cannot_be_seen_costs_nothing() -> None:
    assert combine(parts(0.9, hair=None, scar=None)) == pytest.approx(0.9)


def test_without_a_face_there_is_no_score() -> None:
    assert combine(parts(None, hair=1.0)) is None
    assert verdict(None) == "no_face"


def test_visible_weights_sum_to_one_and_the_face_dominates() -> None:
    weights = {part.name: part.weight for part in parts(0.5, hair=0.5, scar=None, burn=0.5)}
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["scar"] == 0
    assert weights["face"] > 0.7


def test_several_marks_share_one_weight() -> None:
    one = parts(0.5, hair=0.5, scar=0.5)[2].weight
    two = parts(0.5, hair=0.5, scar=0.5, burn=0.5)
    assert two[2].weight + two[3].weight == pytest.approx(one)


def test_what_all_faces_share_is_taken_off() -> None:
    shared = np.array([0.0, 1.0], np.float32)
    alike = np.array([[0.6, 0.8], [-0.6, 0.8], [0, 0]], np.float32)
    assert off_centre(alike, 0.8 * shared).tolist() == [[1, 0], [-1, 0], [0, 0]]
    assert calibration(curve()).centred(alike) is alike


def test_a_calibration_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(calibration(curve()))) == calibration(curve())


def test_the_curve_goes_by_the_number_of_references() -> None:
    measured = calibration(curve(1), curve(3, one_in_1000=0.35), curve(5, one_in_1000=0.33))
    assert [measured.curve(count).references for count in (0, 1, 2, 3, 4, 8)] == [1, 1, 1, 3, 3, 5]


def test_a_calibration_starts_with_one_reference() -> None:
    with pytest.raises(ValidationError, match="from 1"):
        calibration(curve(3))


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.json")), ids=lambda file: file.name)
def test_every_shipped_calibration_keeps_its_promise(file: object) -> None:
    from pathlib import Path

    shipped = Calibration.model_validate_json(Path(str(file)).read_text())
    assert Path(str(file)).name == f"{shipped.model}.{shipped.domain}.json"
    assert shipped.source
    assert shipped.licence
    for one in shipped.curves:
        assert one.score(one.threshold) == PASS_IDR
        assert one.far <= 1e-3 < one.far_upper_95
        assert one.strangers > 10_000
