"""The kernel distance: nothing between equals, more the further two sets of pictures are apart."""

from itertools import product

import numpy as np
import pytest

from training.studio.report.tagger_mmd import Features, features, mmd2, tagger_mmd

NOISE = np.random.default_rng(0)


def sample(count: int, shift: float = 0.0) -> Features:
    return NOISE.normal(size=(count, 8)) + shift


def test_it_is_the_estimator_of_the_paper() -> None:
    one, other = sample(5), sample(7, 0.5)

    def k(x: Features, y: Features) -> float:
        return float((np.dot(x, y) / 8 + 1) ** 3)

    own = np.mean([k(one[i], one[j]) for i, j in product(range(5), repeat=2) if i != j])
    theirs = np.mean([k(other[i], other[j]) for i, j in product(range(7), repeat=2) if i != j])
    across = np.mean([k(x, y) for x in one for y in other])
    assert mmd2(one, other) == pytest.approx(own + theirs - 2 * across)


def test_it_grows_with_the_distance_and_is_nothing_between_equals() -> None:
    true = sample(300)
    (same, spread), (near, _), (far, _) = (
        tagger_mmd(sample(300, by), true) for by in (0, 0.3, 1.0)
    )
    assert abs(same) < spread
    assert same < near < far


def test_the_tagger_sees_that_noise_is_no_picture() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)
    plain = np.repeat(rng.integers(0, 256, (12, 1, 1, 3), dtype=np.uint8), 128, 1).repeat(128, 2)
    plain = np.ascontiguousarray(plain)
    assert features(noise).shape == features(plain).shape
    assert tagger_mmd(features(noise[:6]), features(plain))[0] > 10 * abs(
        tagger_mmd(features(plain[:6]), features(plain[6:]))[0]
    )
