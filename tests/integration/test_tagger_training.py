"""What the tagger is trained on keeps its truth while it is made harder."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cluster.domain.vocabulary import EYE_COLOURS
from training.studio.actor import Mark, random_actor
from training.studio.shot import random_shot
from training.studio.tagger_data import SIZE, Pictures, affine, cover, forget, harder, moved
from training.studio.tagger_heads import SIGMOID, SOFTMAX, encode
from training.studio.tagger_net import KEYPOINTS, TaggerNet
from training.studio.tagger_report import (
    Calibration,
    calibration_error,
    columns,
    fit_platt,
    fit_temperature,
    sigmoid,
    softmax,
)


def pictures(count: int = 4) -> Pictures:
    """Grey squares; every truth is positive where it can be."""
    return Pictures(
        pixels=np.full((count, SIZE, SIZE, 3), 128, np.uint8),
        one_of=np.zeros((count, len(SOFTMAX)), np.int64),
        any_of=np.ones((count, sum(map(len, SIGMOID.values()))), np.float32),
        points=np.tile(np.linspace(0.2, 0.8, 7, dtype=np.float32)[None, :, None], (count, 1, 2)),
    )


def test_every_actor_and_shot_has_a_truth_in_the_tagger_s_words() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        one_of, any_of = encode(random_actor(rng), random_shot(rng))
        assert one_of.shape == (len(SOFTMAX),)
        assert (one_of >= 0).all()
        assert any_of.shape == (52,)


def test_a_mark_sets_exactly_its_own_label() -> None:
    rng = np.random.default_rng(1)
    actor, shot = random_actor(rng), random_shot(rng)
    plain = type(actor)(**{**vars(actor), "marks": ()})
    marked = type(actor)(**{**vars(actor), "marks": (Mark("scar", "left cheek"),)})
    difference = np.flatnonzero(encode(marked, shot)[1] != encode(plain, shot)[1])
    names = [f"{head}: {label}" for head, labels in SIGMOID.items() for label in labels]
    assert [names[int(index)] for index in difference] == ["marks: scar on the left cheek"]


def test_keypoints_move_with_the_picture() -> None:
    pixels = torch.zeros(8, 1, SIZE, SIZE)
    points = torch.rand(8, 1, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    for index in range(8):
        x, y = (points[index, 0] * SIZE).int().tolist()
        pixels[index, 0, y - 1 : y + 2, x - 1 : x + 2] = 1
    matrix = affine(8, np.random.default_rng(3))
    grid = functional.affine_grid(matrix, [8, 1, SIZE, SIZE], align_corners=False)
    shown = functional.grid_sample(pixels, grid, align_corners=False)
    expected = moved(points, matrix) * SIZE
    for index in range(8):
        y, x = divmod(int(shown[index, 0].argmax()), SIZE)
        assert abs(x - expected[index, 0, 0]) < 3
        assert abs(y - expected[index, 0, 1]) < 3


def test_a_covered_eye_is_not_visible_and_not_cyber() -> None:
    batch = pictures(1)
    forget(batch, 0, "left eye")
    left, right = (list(SOFTMAX).index(f"{side}_eye") for side in ("left", "right"))
    assert (batch.one_of[0, left], batch.one_of[0, right]) == (len(EYE_COLOURS), 0)
    cyber = columns(SIGMOID)["cyber"]
    assert batch.any_of[0, cyber].tolist() == [0, 1]


def test_paint_over_a_place_hides_its_marks_and_injuries() -> None:
    batch = pictures(1)
    cover(batch, 0, np.random.default_rng(0))
    hidden = {head: int((batch.any_of[0, at] == 0).sum()) for head, at in columns(SIGMOID).items()}
    assert hidden["marks"] == hidden["injuries"]
    assert sum(hidden.values()) > 0 or (batch.one_of[0] == len(EYE_COLOURS)).any()


def test_harder_pictures_stay_pictures() -> None:
    pixels, points = harder(pictures(8), np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert pixels.shape == (8, 3, SIZE, SIZE)
    assert float(pixels.min()) >= 0
    assert float(pixels.max()) <= 255
    assert points.shape == (8, len(KEYPOINTS), 2)


def test_the_network_answers_one_logit_a_label() -> None:
    softmax_logits, sigmoid_logits, maps = TaggerNet().eval()(torch.zeros(2, 3, SIZE, SIZE))
    assert softmax_logits.shape == (2, sum(map(len, SOFTMAX.values())))
    assert sigmoid_logits.shape == (2, sum(map(len, SIGMOID.values())))
    assert maps.shape == (2, len(KEYPOINTS), 32, 32)


def test_a_temperature_makes_overconfident_logits_honest() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 1.5, (4000, 5))
    truth = np.array([rng.choice(5, p=row) for row in softmax(honest)])
    temperature = fit_temperature(honest * 4, truth)
    assert temperature == pytest.approx(4, rel=0.1)
    confident = softmax(honest * 4 / temperature)
    assert calibration_error(confident.max(1), confident.argmax(1) == truth) < 0.03


def test_platt_s_line_undoes_a_shifted_mix() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(-2, 1, (4000, 3))
    truth = (rng.random((4000, 3)) < sigmoid(honest)).astype(float)
    scale, shift = fit_platt(honest * 2 + 3, truth)
    assert scale == pytest.approx(0.5, rel=0.1)
    assert shift == pytest.approx(-1.5, rel=0.15)
    assert Calibration({}, {"marks": (scale, shift)}).platt["marks"][0] == scale
