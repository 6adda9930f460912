from collections.abc import Callable

import numpy as np
import pytest

from cluster.ports import Pixels
from serve.replicas.blending import (
    INNER,
    Distance,
    face_distance,
    feather,
    lay_in,
    match_luminance,
    poisson,
    resize,
    seam,
    square_round,
)

SIDE = 96
Blending = Callable[[Pixels, Pixels, Distance], Pixels]
BOX = (28.0, 20.0, 64.0, 68.0)
PICTURE: Pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
WHOLE = square_round((0, 0, SIDE, SIDE), PICTURE, 1.0)
DISTANCE = face_distance(BOX, WHOLE, SIDE)


def texture(seed: int, level: float, contrast: float = 12.0) -> Pixels:
    """A soft grey texture of a given lightness."""
    import cv2

    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    grey = level + contrast * soft / soft.std()
    return np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def coloured(pixels: Pixels, rgb: tuple[int, int, int]) -> Pixels:
    shifted: Pixels = np.clip(pixels.astype(int) + np.array(rgb), 0, 255).astype(np.uint8)
    return shifted


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((40, 40, 60, 60), 1.6, (34, 34, 32)),
        ((0, 0, 20, 20), 1.6, (0, 0, 32)),
        ((80, 70, 95, 95), 2.0, (46, 46, 50)),
        ((10, 10, 90, 90), 4.0, (0, 0, 96)),
        ((-10, -10, 15, 15), 1.6, (0, 0, 40)),
        ((50, 50, 50, 50), 1.6, (50, 50, 1)),
    ],
)
def test_the_crop_is_square_and_stays_in_the_picture(
    box: tuple[float, float, float, float], margin: float, expected: tuple[int, int, int]
) -> None:
    assert tuple(square_round(box, PICTURE, margin)) == expected


def test_the_crop_of_a_wide_picture_is_no_higher_than_it() -> None:
    wide = np.zeros((64, 200, 3), np.uint8)
    square = square_round((90, 5, 150, 60), wide, 1.6)
    assert (square.side, square.y) == (64, 0)
    assert square.of(wide).shape == (64, 64, 3)


def test_the_ellipse_is_centred_on_the_face_at_any_scale() -> None:
    square = square_round(BOX, PICTURE, 1.6)
    for side in (square.side, 32, 256):
        distance = face_distance(BOX, square, side)
        y, x = np.unravel_index(distance.argmin(), distance.shape)
        scale = square.side / side
        assert abs(square.x + (x + 0.5) * scale - 46) <= scale
        assert abs(square.y + (y + 0.5) * scale - 44) <= scale


@pytest.mark.parametrize("blend", [feather, poisson])
def test_no_blend_touches_what_lies_outside_the_rim(blend: Blending) -> None:
    original, paint = texture(1, 120), texture(2, 180)
    mended = blend(paint, original, DISTANCE)
    assert np.array_equal(mended[DISTANCE > 1], original[DISTANCE > 1])
    assert not np.array_equal(mended[DISTANCE < INNER], original[DISTANCE < INNER])


@pytest.mark.parametrize("blend", [feather, poisson])
def test_blending_a_picture_into_itself_changes_nothing(blend: Blending) -> None:
    original = texture(1, 120)
    mended = blend(original, original, DISTANCE)
    assert np.abs(mended.astype(int) - original.astype(int)).max() <= 1


def test_the_core_of_a_feathered_face_is_the_new_paint() -> None:
    original, paint = texture(1, 120), texture(2, 180)
    core = DISTANCE <= INNER
    assert np.array_equal(feather(paint, original, DISTANCE)[core], paint[core])


def test_a_face_at_the_border_is_not_cloned() -> None:
    distance = face_distance((-10, 20, 30, 68), WHOLE, SIDE)
    assert poisson(texture(2, 180), texture(1, 120), distance) is None
    assert lay_in(texture(2, 180), texture(1, 120), distance)[1] == "feather"


def test_lightness_is_matched_and_colour_is_left_alone() -> None:
    original = texture(1, 140)
    paint = coloured(texture(2, 110), (20, -10, -10))
    matched = match_luminance(paint, original, DISTANCE).astype(float)
    rim = (DISTANCE > INNER) & (DISTANCE <= 1)
    gap = abs(matched[rim].mean() - original[rim].mean())
    assert gap < abs(paint[rim].mean() - original[rim].mean()) / 4
    assert matched[rim][:, 0].mean() - matched[rim][:, 1].mean() > 15


def test_another_light_is_not_forced_on_the_paint() -> None:
    dark = match_luminance(texture(2, 30), texture(1, 220), DISTANCE)
    assert dark.mean() < 100


def test_a_hard_edge_is_the_worse_seam() -> None:
    original, paint = texture(1, 120), texture(1, 160)
    hard = np.where((DISTANCE <= 1)[..., None], paint, original)
    assert seam(original, original, DISTANCE) == 0
    assert (
        seam(feather(paint, original, DISTANCE), original, DISTANCE)
        < seam(hard, original, DISTANCE) / 2
    )


def test_the_blend_with_the_smaller_seam_is_taken() -> None:
    original = texture(1, 120)
    paint = texture(2, 120, contrast=2)
    mended, blend = lay_in(paint, original, DISTANCE)
    matched = match_luminance(paint, original, DISTANCE)
    both = {"feather": feather(matched, original, DISTANCE)}
    cloned = poisson(matched, original, DISTANCE)
    assert cloned is not None
    both["poisson"] = cloned
    assert np.array_equal(mended, both[blend])
    other = next(name for name in both if name != blend)
    assert seam(both[blend], original, DISTANCE) <= seam(both[other], original, DISTANCE)


def test_cloning_that_would_tint_the_face_is_not_taken() -> None:
    green = coloured(texture(1, 110), (-30, 40, -30))
    mended, blend = lay_in(coloured(texture(2, 110), (30, 0, 0)), green, DISTANCE)
    assert blend == "feather"
    core = mended[DISTANCE < INNER / 2].mean(axis=0)
    assert core[0] > core[1]


@pytest.mark.parametrize("side", [24, 200])
def test_resizing_keeps_the_picture(side: int) -> None:
    picture = texture(3, 128)
    there = resize(picture, side)
    assert there.shape == (side, side, 3)
    assert abs(there.mean() - picture.mean()) < 1
