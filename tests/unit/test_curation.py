"""The guards of a training set, on real pixels: a photograph (public domain) and edits of it."""

import cv2
import numpy as np
import pytest
from skimage import data

from cluster.domain.character import Outfit
from cluster.domain.story.scene import SceneState
from cluster.ports import Pixels
from training.data.curation import (
    FREE_SLOTS,
    SAME_SCENE,
    ImageSignature,
    quality_problem,
    refusal,
    same_picture,
    signature_of,
    variety_problem,
)

RAIN = SceneState(
    pose="facing the camera",
    expression="neutral",
    framing="portrait",
    outfit=Outfit(garment="cloak", colour="dark"),
    place="street",
)


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.ascontiguousarray(data.astronaut()[:256, 100:356])


@pytest.fixture(scope="module")
def other() -> Pixels:
    return np.ascontiguousarray(data.chelsea()[:256, :256])


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])


def judge(
    pixels: Pixels,
    idr: float | None = 0.9,
    state: SceneState = RAIN,
    references: tuple[ImageSignature, ...] = (),
    accepted: tuple[tuple[ImageSignature, SceneState], ...] = (),
) -> str:
    return refusal(pixels, idr, state, references=references, accepted=accepted)


def test_a_sharp_new_image_above_the_golden_score_is_accepted(photo: Pixels) -> None:
    assert judge(photo) == ""


@pytest.mark.parametrize("idr", [None, 0.2, 0.85])
def test_a_score_that_is_not_above_golden_is_refused(photo: Pixels, idr: float | None) -> None:
    assert judge(photo, idr).startswith("idr: ")


@pytest.mark.parametrize("quality", [95, 60, 30])
def test_a_recompressed_copy_is_the_same_picture(photo: Pixels, quality: int) -> None:
    assert same_picture(signature_of(photo), signature_of(jpeg(photo, quality)))


def test_a_resized_copy_is_the_same_picture(photo: Pixels) -> None:
    assert same_picture(signature_of(photo), signature_of(cv2.resize(photo, (90, 90))))


def test_a_slightly_brighter_shifted_copy_is_the_same_picture(photo: Pixels) -> None:
    moved = np.roll(photo, 2, axis=1)
    assert same_picture(
        signature_of(photo), signature_of(cv2.convertScaleAbs(moved, alpha=1.05, beta=6))
    )


def test_two_photographs_are_not_the_same_picture(photo: Pixels, other: Pixels) -> None:
    assert not same_picture(signature_of(photo), signature_of(other))


def test_alike_faces_lower_what_a_thumbnail_has_to_show() -> None:
    first = np.zeros(768, np.float32)
    first[0] = 1.0
    second = first.copy()
    second[:2] = 0.87, np.sqrt(1 - 0.87**2)
    face = np.eye(128, dtype=np.float32)[0]
    assert not same_picture(ImageSignature(0, first), ImageSignature(0xFFF, second))
    assert same_picture(ImageSignature(0, first, face), ImageSignature(0xFFF, second, face))


def test_a_copy_of_a_reference_is_refused(photo: Pixels) -> None:
    assert judge(jpeg(photo, 80), references=(signature_of(photo),)).startswith("reference: ")


def test_a_near_duplicate_of_an_accepted_image_is_refused(photo: Pixels, other: Pixels) -> None:
    held = ((signature_of(other), RAIN), (signature_of(photo), RAIN))
    assert judge(jpeg(photo, 80), accepted=held).startswith("duplicate: ")


@pytest.mark.parametrize(
    ("spoil", "flaw"),
    [
        (lambda x: cv2.GaussianBlur(x, (0, 0), 8), "blurred"),
        (lambda x: (x * 0.05).astype(np.uint8), "too dark"),
        (lambda x: cv2.convertScaleAbs(x, alpha=1.0, beta=200), "wrongly exposed"),
    ],
)
def test_blemished_images_are_refused_with_the_flaw(
    photo: Pixels, spoil: "object", flaw: str
) -> None:
    assert callable(spoil)
    spoilt = spoil(photo)
    assert flaw in quality_problem(spoilt)
    assert judge(spoilt).startswith("quality: ")


def test_the_same_scene_is_accepted_only_a_few_times() -> None:
    assert variety_problem(RAIN, [RAIN] * (SAME_SCENE - 1)) == ""
    assert "already show" in variety_problem(RAIN, [RAIN] * SAME_SCENE)


def test_one_place_may_not_crowd_out_the_others() -> None:
    def scene(number: int, place: str) -> SceneState:
        return SceneState(pose=f"pose {number}", expression=f"mood {number}", place=place)

    held = [scene(number, "street") for number in range(FREE_SLOTS)]
    assert "place 'street' already takes 6 of 6" in variety_problem(scene(9, "street"), held)
    assert variety_problem(scene(9, "forest"), held) == ""
    varied = [*held, *(scene(10 + number, f"place {number}") for number in range(12))]
    assert variety_problem(scene(9, "street"), varied) == ""


def test_what_is_not_known_takes_part_in_no_quota() -> None:
    assert variety_problem(SceneState(), [SceneState()] * 50) == ""
