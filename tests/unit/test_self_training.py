"""Six generations of learning from one's own pictures: what the guards keep from happening."""

import numpy as np
import pytest

from tests.self_training import MEASURED, Generation, live

SEEDS = range(4)


def lives(*, guarded: bool) -> list[list[Generation]]:
    return [live(6, guarded=guarded, seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def with_guards() -> list[list[Generation]]:
    return lives(guarded=True)


@pytest.fixture(scope="module")
def without() -> list[list[Generation]]:
    return lives(guarded=False)


def left(all_lives: list[list[Generation]], field: str) -> float:
    """Share of the first generation's variety that the last one has."""
    first, last = (np.mean([one[at].variety[field] for one in all_lives]) for at in (0, -1))
    return float(last / first)


def copies(all_lives: list[list[Generation]], at: int) -> float:
    return float(np.mean([one[at].copies for one in all_lives]))


@pytest.mark.parametrize("field", MEASURED)
def test_with_the_guards_variety_stays(with_guards: list[list[Generation]], field: str) -> None:
    assert left(with_guards, field) >= 0.8


@pytest.mark.parametrize("field", MEASURED)
def test_without_them_it_shrinks(without: list[list[Generation]], field: str) -> None:
    assert left(without, field) < 0.8


def test_with_the_guards_no_more_is_recited_than_at_first(
    with_guards: list[list[Generation]],
) -> None:
    assert copies(with_guards, -1) <= copies(with_guards, 0) + 0.05


def test_without_them_ever_more_is_recited(without: list[list[Generation]]) -> None:
    assert copies(without, -1) >= copies(without, 0) + 0.25


def test_the_guards_do_not_starve_the_set(with_guards: list[list[Generation]]) -> None:
    assert all(one[-1].images > 100 for one in with_guards)
