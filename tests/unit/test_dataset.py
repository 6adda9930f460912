"""The training set builder on drawn people, with an encoder that really looks for them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.face import Face
from cluster.domain.golden import GoldenImage
from cluster.domain.scene import SceneState
from cluster.ports import Pixels
from cluster.settings import StoreSettings
from cluster.store.blobs import Blobs
from training import dataset
from training.dataset import Source

SKIN = (222, 180, 150)


class DrawnFaces:
    """Finds what `person` draws: discs of skin, the two dark eyes in them."""

    model = "drawn"

    def faces(self, pixels: Pixels) -> tuple[Face, ...]:
        skin = (np.abs(pixels.astype(int) - SKIN).max(2) < 12).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(skin)
        found = [self._face(pixels, stats[index]) for index in range(1, count)]
        return tuple(face for face in found if face.width_px > 8)

    def _face(self, pixels: Pixels, stats: "np.ndarray[tuple[int], np.dtype[np.int32]]") -> Face:
        x, y, wide, high = (int(value) for value in stats[:4])
        dark = np.argwhere(pixels[y : y + high, x : x + wide].max(2) < 40)[:, ::-1] + (x, y)
        middle = dark[:, 0].mean() if len(dark) else x + wide / 2
        left = dark[dark[:, 0] < middle].mean(0) if len(dark) else np.array([x, y])
        right = dark[dark[:, 0] > middle].mean(0) if len(dark) else np.array([x + wide, y])
        vector = np.zeros(8, np.float32)
        vector[0] = 1.0
        return Face(
            box=(x, y, x + wide, y + high),
            landmarks=np.array([left, right, left, left, right], np.float32),
            score=1.0,
            embedding=vector,
        )


def person(seed: int, radius: int = 40, centre: tuple[int, int] = (128, 110), tilt: float = 0.0):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """A disc with eyes and freckles before a background of its own, 256 px."""
    rng = np.random.default_rng(seed)
    canvas = cv2.resize(rng.integers(60, 200, (9, 9, 3), np.uint8), (256, 256))
    cv2.circle(canvas, centre, radius, SKIN, -1)
    angle = np.deg2rad(tilt)
    for side in (-1, 1):
        dx, dy = side * 0.4 * radius * np.array([np.cos(angle), np.sin(angle)])
        cv2.circle(
            canvas, (round(centre[0] + dx), round(centre[1] + dy)), radius // 6, (10, 10, 10), -1
        )
    return canvas


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(StoreSettings(home=tmp_path).blob_root)


def put(blobs: Blobs, pixels: Pixels, caption: str = "a person") -> Source:
    return Source(sha256=blobs.put(dataset.encode(pixels)), caption=caption, kind="golden")


def build(blobs: Blobs, *wanted: Source) -> dataset.Manifest:
    return dataset.build("kairo", wanted, blobs, DrawnFaces(), 128)[1]


def test_every_sample_is_a_square_of_the_models_resolution_with_its_caption(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(1), "one"), put(blobs, person(2), "two"))
    assert [sample.caption for sample in manifest.samples] == ["one", "two"]
    for sample in manifest.samples:
        assert dataset.decode(blobs.get(sample.image)).shape == (128, 128, 3)


def test_the_same_inputs_make_the_same_snapshot(blobs: Blobs) -> None:
    wanted = [put(blobs, person(1)), put(blobs, person(2))]
    first, manifest = dataset.build("kairo", wanted, blobs, DrawnFaces(), 128)
    again, _ = dataset.build("kairo", wanted, blobs, DrawnFaces(), 128)
    assert first == again
    assert dataset.Manifest.model_validate_json(blobs.get(first)) == manifest
    assert json.loads(blobs.get(first))["character_id"] == "kairo"


def test_a_duplicate_is_dropped_and_says_so(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(1)), put(blobs, np.roll(person(1), 1, axis=0)))
    assert len(manifest.samples) == 1
    assert "nearly the same" in manifest.dropped[0].reason


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.random.default_rng(0).integers(60, 200, (256, 256, 3), np.uint8), "no face"),
        (cv2.GaussianBlur(person(3), (0, 0), 9), "blurred"),
        (person(3, radius=6), "only"),
    ],
    ids=["nobody", "blurred", "tiny"],
)
def test_pictures_that_teach_nothing_are_dropped_with_the_reason(
    blobs: Blobs, pixels: Pixels, reason: str
) -> None:
    manifest = build(blobs, put(blobs, pixels))
    assert manifest.samples == ()
    assert reason in manifest.dropped[0].reason


def test_a_picture_of_two_people_is_dropped(blobs: Blobs) -> None:
    two = person(4, centre=(60, 110))
    two[:, 128:] = person(4, centre=(190, 110))[:, 128:]
    assert "more than one person" in build(blobs, put(blobs, two)).dropped[0].reason


def test_bytes_that_are_no_picture_are_dropped(blobs: Blobs) -> None:
    source = Source(sha256=blobs.put(b"not a picture"), caption="", kind="reference")
    assert "not a picture" in build(blobs, source).dropped[0].reason


def test_a_small_face_is_cropped_closer_and_stays_in_the_frame() -> None:
    pixels = person(5, radius=24, centre=(200, 60))
    face = DrawnFaces().faces(pixels)[0]
    (found,) = DrawnFaces().faces(dataset.align(pixels, face, 128))
    assert found.width_px / 128 == pytest.approx(dataset.FACE_SHARE, abs=0.03)


@pytest.mark.parametrize(("tilt", "after"), [(8.0, 8.0), (30.0, 0.0), (-30.0, 0.0)])
def test_strong_tilts_are_levelled_and_slight_ones_kept(tilt: float, after: float) -> None:
    pixels = person(6, tilt=tilt)
    level = dataset.align(pixels, DrawnFaces().faces(pixels)[0], 256)
    assert dataset.tilt_deg(DrawnFaces().faces(level)[0]) == pytest.approx(after, abs=3)


def test_references_come_first_and_refused_images_never() -> None:
    def golden(job_id: str, accepted: bool) -> GoldenImage:
        return GoldenImage(
            character_id=CharacterId("kairo"),
            job_id=job_id,
            sha256=job_id * 2,
            idr=0.9,
            state=SceneState(),
            caption=job_id,
            phash="0" * 16,
            accepted=accepted,
        )

    kairo = Character(id=CharacterId("kairo"), name="Kairo", references=("r1", "r2"))
    wanted = dataset.sources(kairo, [golden("a", True), golden("b", False), golden("c", True)])
    assert [source.sha256 for source in wanted] == ["r1", "r2", "aa", "cc"]
    assert dataset.inputs_digest(wanted, 128) != dataset.inputs_digest(wanted, 256)
    assert dataset.inputs_digest(wanted, 128) != dataset.inputs_digest(wanted[:-1], 128)


def test_a_references_caption_names_every_known_trait() -> None:
    profile = Profile(
        gender="man",
        skin="tan",
        hair=Hair(colour="black", style="short"),
        left_eye=Eye(colour="amber", cyber=True),
        right_eye=Eye(colour="brown"),
        marks=(Mark(kind="scar", place="left cheek"),),
        outfit=Outfit(garment="cloak", colour="dark"),
    )
    assert dataset.reference_caption(profile) == (
        "portrait of a man, tan skin, short black hair, amber cyber left eye, brown right eye, "
        "scar on the left cheek, dark cloak"
    )
