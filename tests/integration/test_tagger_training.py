"""What the tagger is trained on keeps its truth while it is augmented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cluster.domain.vocabulary import EYE_COLOURS
from cluster.providers.onnx_tagger import OnnxTagger
from cluster.settings import ASSETS
from training.studio.base.renders import RenderSet, render_all
from training.studio.renderer.actor import Actor, SkinMark, random_actor
from training.studio.renderer.render import shipped_head
from training.studio.renderer.shot import Shot, random_shot
from training.studio.tagger.heads import (
    HIDDEN,
    IGNORE,
    SIGMOID,
    SOFTMAX,
    UNKNOWN,
    Targets,
    labels_of,
    targets_of,
)
from training.studio.tagger.keypoints import KEYPOINTS, Landmarks
from training.studio.tagger.visibility import Visibility, tellable, visibility_of

if TYPE_CHECKING:
    from training.studio.tagger.data import LabelledPictures


PLAIN = Visibility(
    garment=True, cloth=True, hair_style=True, action=True, places=np.ones(5, np.float32), prop=1.0
)
"""All is visible."""


def pictures(count: int = 4) -> LabelledPictures:
    """Grey squares; every truth is positive where it can be."""

    from training.studio.tagger.data import SIZE, LabelledPictures

    return LabelledPictures(
        pixels=np.full((count, SIZE, SIZE, 3), 128, np.uint8),
        one_of=np.zeros((count, len(SOFTMAX)), np.int64),
        any_of=np.ones((count, sum(map(len, SIGMOID.values()))), np.float32),
        points=np.tile(
            np.linspace(0.2, 0.8, len(KEYPOINTS), dtype=np.float32)[None, :, None], (count, 1, 2)
        ),
    )


def someone(seed: int) -> tuple[Actor, Shot]:
    rng = np.random.default_rng(seed)
    return random_actor(rng), random_shot(rng)


def test_every_actor_and_shot_has_a_truth_in_the_tagger_s_words() -> None:
    for seed in range(50):
        one_of, any_of = targets_of(*someone(seed), PLAIN)
        assert one_of.shape == (len(SOFTMAX),)
        assert (one_of >= 0).all()
        assert any_of.shape == (52,)


def labels(difference: NDArray[np.bool_]) -> list[str]:
    names = [f"{head}: {label}" for head, labels in SIGMOID.items() for label in labels]
    return [names[int(index)] for index in np.flatnonzero(difference)]


def test_a_mark_sets_exactly_its_own_label() -> None:
    actor, shot = someone(1)
    plain = targets_of(replace(actor, marks=()), shot, PLAIN)[1]
    marked = targets_of(replace(actor, marks=(SkinMark("scar", "left cheek"),)), shot, PLAIN)[1]
    assert labels(marked != plain) == ["marks: scar on the left cheek"]


def test_what_an_injury_covers_is_unknown() -> None:
    actor, shot = someone(1)
    actor = replace(actor, marks=(SkinMark("scar", "chin"), SkinMark("burn", "nose")))
    shot = replace(shot, injuries=(SkinMark("blood", "chin"),))
    any_of = targets_of(actor, shot, PLAIN)[1]
    assert labels(np.isnan(any_of)) == ["marks: scar on the chin"]
    assert {"marks: burn on the nose", "injuries: blood on the chin"} <= set(labels(any_of == 1))


def test_a_detail_map_says_which_marks_show() -> None:
    actor, shot = someone(1)
    actor = replace(actor, marks=(SkinMark("scar", "forehead"), SkinMark("scar", "left cheek")))
    shot = replace(shot, injuries=(), prop=None)
    points = Landmarks(shipped_head()).of(actor, shot)
    x, y = (points[KEYPOINTS.index("forehead")] * 32).astype(int)
    details = np.zeros((32, 32, 2), np.uint8)
    details[y - 1 : y + 2, x - 1 : x + 2, 0] = 255
    visibility = visibility_of(actor, shot, points, details)
    shown = targets_of(actor, shot, visibility)[1]
    assert labels(shown == 1) == [
        "marks: scar on the forehead",
        *(f"cyber: {side}" for side in ("left", "right") if getattr(actor, f"{side}_cyber")),
    ]


def test_clothes_below_the_edge_and_hair_under_a_hat_are_not_visible() -> None:
    actor, shot = someone(2)
    actor = replace(actor, hair_style="bun", marks=())
    shot = replace(shot, outfit="shirt", prop="hat", injuries=(), action="running")
    points = np.full((len(KEYPOINTS), 2), 0.5, np.float32)
    points[KEYPOINTS.index("collar"), 1] = 1.2
    full = np.full((32, 32, 2), 255, np.uint8)
    hidden = labels_of(actor, shot, visibility_of(actor, shot, points, full))
    assert [hidden[head] for head in ("outfit", "outfit_colour", "hair_style")] == [HIDDEN] * 3
    points[KEYPOINTS.index("collar"), 1] = 0.8
    shot = replace(shot, prop=None)
    bare = labels_of(actor, shot, visibility_of(actor, shot, points, full))
    assert bare["outfit"] == "shirt"
    points[KEYPOINTS.index("collar"), 1] = 1.02
    edge = visibility_of(actor, shot, points, full)
    assert labels_of(actor, shot, edge)["outfit"] == UNKNOWN
    assert targets_of(actor, shot, edge)[0][list(SOFTMAX).index("outfit")] == IGNORE
    assert hidden["action"] == "running"


@pytest.mark.parametrize(
    ("action", "expression", "prop", "seen"),
    [
        ("standing", "neutral", None, True),
        ("fighting", "neutral", None, True),
        ("fighting", "shouting", "sword", True),
        ("standing", "shouting", "sword", False),
        ("talking", "neutral", "sword", True),
        ("talking", "shouting", None, False),
        ("standing", "surprised", "glasses", False),
        ("running", "shouting", "sword", True),
    ],
)
def test_an_action_that_looks_like_another_cannot_be_told(
    action: str, expression: str, prop: str | None, seen: bool
) -> None:
    shot = replace(someone(3)[1], action=action, expression=expression, prop=prop)
    assert tellable(shot) is seen


def test_keypoints_move_with_the_picture() -> None:
    from training.studio.tagger.augmentation import affine, moved
    from training.studio.tagger.data import SIZE

    rng = np.random.default_rng(3)
    for _ in range(8):
        picture = np.zeros((SIZE, SIZE), np.uint8)
        point = (rng.random((1, 2)) * 0.5 + 0.25).astype(np.float32)
        x, y = (point[0] * SIZE).astype(int)
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
        matrix = affine(rng)
        shown = cv2.warpAffine(picture, matrix, (SIZE, SIZE))
        down, across = np.nonzero(shown > 60)
        expected = moved(point, matrix)[0] * SIZE
        assert abs(across.mean() + 0.5 - expected[0]) < 1.5
        assert abs(down.mean() + 0.5 - expected[1]) < 1.5


def test_what_is_unknown_costs_nothing() -> None:
    import torch

    from training.studio.tagger.train import total_loss

    batch = pictures(2)
    outputs = (
        torch.zeros(2, sum(map(len, SOFTMAX.values()))),
        torch.full((2, 52), -9.0),
        torch.zeros(2, len(KEYPOINTS), 32, 32),
    )
    points = torch.from_numpy(batch.points)
    known = total_loss(outputs, batch, points)
    batch.any_of[:] = np.nan
    assert float(known - total_loss(outputs, batch, points)) == pytest.approx(2 * 9 * 52, rel=0.01)


def test_a_shipped_tagger_s_trunk_is_taken_up_again() -> None:
    import torch

    from training.studio.tagger.data import SIZE
    from training.studio.tagger.net import TaggerNet
    from training.studio.tagger.warm_start import folded, restore

    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(16, 3, SIZE, SIZE, generator=generator) * 255
    first, second = TaggerNet(), TaggerNet()
    for net in (first, second):
        restore(net, ASSETS / "tagger" / "tagger.onnx", pixels)
    maps = [net.train().trunk(pixels / 127.5 - 1)[0] for net in (first, second)]
    assert torch.allclose(maps[0], maps[1], atol=1e-3)
    assert len(folded(first)) == 12


def test_a_covered_eye_is_not_visible_and_not_cyber() -> None:
    from training.studio.tagger.augmentation import forget
    from training.studio.tagger.report import columns

    batch = pictures(1)
    forget(batch, 0, "left eye")
    left, right = (list(SOFTMAX).index(f"{side}_eye") for side in ("left", "right"))
    assert (batch.one_of[0, left], batch.one_of[0, right]) == (len(EYE_COLOURS), 0)
    cyber = columns(SIGMOID)["cyber"]
    assert batch.any_of[0, cyber].tolist() == [0, 1]


def test_paint_over_a_place_hides_its_marks_and_injuries() -> None:
    from training.studio.tagger.augmentation import cover
    from training.studio.tagger.report import columns

    batch = pictures(1)
    cover(batch, 0, np.random.default_rng(0))
    hidden = {head: int((batch.any_of[0, at] == 0).sum()) for head, at in columns(SIGMOID).items()}
    assert hidden["marks"] == hidden["injuries"]
    assert sum(hidden.values()) > 0 or (batch.one_of[0] == len(EYE_COLOURS)).any()


def test_augmented_pictures_stay_pictures() -> None:
    from training.studio.tagger.augmentation import augment
    from training.studio.tagger.data import SIZE

    pixels, points = augment(pictures(8), np.random.default_rng(0))
    assert pixels.shape == (8, 3, SIZE, SIZE)
    assert float(pixels.min()) >= 0
    assert float(pixels.max()) <= 255
    assert points.shape == (8, len(KEYPOINTS), 2)


def test_the_network_answers_one_logit_a_label() -> None:
    import torch

    from training.studio.tagger.data import SIZE
    from training.studio.tagger.net import TaggerNet

    softmax_logits, sigmoid_logits, maps = TaggerNet().eval()(torch.zeros(2, 3, SIZE, SIZE))
    assert softmax_logits.shape == (2, sum(map(len, SOFTMAX.values())))
    assert sigmoid_logits.shape == (2, sum(map(len, SIGMOID.values())))
    assert maps.shape == (2, len(KEYPOINTS), 32, 32)


def test_a_temperature_makes_overconfident_logits_honest() -> None:
    from training.studio.tagger.report import calibration_error, fit_temperature, softmax

    rng = np.random.default_rng(0)
    honest = rng.normal(0, 1.5, (4000, 5))
    truth = np.array([rng.choice(5, p=row) for row in softmax(honest)])
    temperature = fit_temperature(honest * 4, truth)
    assert temperature == pytest.approx(4, rel=0.1)
    confident = softmax(honest * 4 / temperature)
    assert calibration_error(confident.max(1), confident.argmax(1) == truth) < 0.03


def test_platt_s_line_undoes_a_shifted_mix() -> None:
    from training.studio.tagger.report import HeadCalibration, fit_platt, sigmoid

    rng = np.random.default_rng(0)
    honest = rng.normal(-2, 1, (4000, 3))
    truth = (rng.random((4000, 3)) < sigmoid(honest)).astype(float)
    scale, shift = fit_platt(honest * 2 + 3, truth)
    assert scale == pytest.approx(0.5, rel=0.1)
    assert shift == pytest.approx(-1.5, rel=0.15)
    assert HeadCalibration({}, {"marks": (scale, shift)}).platt["marks"][0] == scale


def test_of_a_picture_painted_over_a_render_nobody_claims_to_know_the_small_things() -> None:
    from training.studio.tagger.painted import MARKED_STRENGTH, what_is_left

    every = pictures(2)
    strength = np.array([MARKED_STRENGTH - 0.01, MARKED_STRENGTH])
    left = what_is_left(Targets(every.one_of, every.any_of), strength)
    kept = {head for at, head in enumerate(SOFTMAX) if left.one_of[0, at] != IGNORE}
    assert kept == set(SOFTMAX) - {"expression", "left_eye", "right_eye"}
    known = [{one.split(":")[0] for one in labels(np.isfinite(row))} for row in left.any_of]
    assert known == [{"marks", "injuries", "props"}, {"props"}]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")
def test_the_model_paints_over_renders_and_their_shapes_stay(tmp_path: Path) -> None:
    from training.studio.tagger.data import SIZE, load_painted, load_pictures
    from training.studio.tagger.painted import keep_painted

    renders = RenderSet(tmp_path, 6, SIZE, seed=1)
    for _ in render_all(renders, shipped_head(), workers=1):
        pass
    keep_painted(renders, ASSETS / "studio", 6)
    found, plain = (
        load_painted(renders, shipped_head()),
        load_pictures(renders, shipped_head(), np.arange(6)),
    )
    assert found is not None
    assert found.pixels.shape == plain.pixels.shape
    assert (found.points == plain.points).all()
    apart = np.abs(found.pixels.astype(float) - plain.pixels).mean((1, 2, 3))
    assert (apart > 2).all()  # it is not the render
    assert (apart < 40).all()  # but still that picture


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
def test_a_tagger_is_trained_goes_on_with_more_time_and_is_exported(tmp_path: Path) -> None:
    from training.studio.stage_run import read_checkpoint
    from training.studio.tagger.data import SIZE
    from training.studio.tagger.train import TaggerPlan, evaluate_tagger, train_tagger

    renders = RenderSet(tmp_path, 60, SIZE, seed=1)
    for _ in render_all(renders, shipped_head(), workers=1):
        pass
    start = ASSETS / "tagger" / "tagger.onnx"
    plan = TaggerPlan(renders, shipped_head(), tmp_path / "run", 0.02, threads=1, start=start)
    with pytest.raises(FileNotFoundError, match="run `train` first"):
        evaluate_tagger(plan, renders, tmp_path / "out")
    train_tagger(plan)
    first = read_checkpoint("tagger", plan.folder)
    assert first is not None
    train_tagger(replace(plan, minutes=first["spent_s"] / 60 + 0.02))
    second = read_checkpoint("tagger", plan.folder)
    assert second is not None
    assert second["step"] > first["step"] > 0
    figures = evaluate_tagger(plan, renders, tmp_path / "out")
    assert figures["steps"] == second["step"]
    assert set(figures["heads"]) == {*SOFTMAX, *SIGMOID}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tagger.onnx", "tagger.json"}
    assert OnnxTagger(tmp_path / "out").measured_on == {"studio"}
