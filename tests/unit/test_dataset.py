"""The training set builder on drawn people, with an encoder that really looks for them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.consent import Consent
from cluster.domain.identity.face import Face
from cluster.domain.identity.tags import Tags
from cluster.domain.learning.golden import GoldenImage
from cluster.domain.story.scene import Injury, SceneState
from cluster.ports import Pixels
from cluster.settings import StoreSettings
from cluster.store.blobs import Blobs
from training.data import crops, dataset
from training.data.captions import read_state, scene_caption, trigger_for, with_looks
from training.data.dataset import SourceImage, SourceKind

KAIRO = Character(
    id=CharacterId("kairo"),
    name="Kairo",
    profile=Profile(
        gender="man",
        skin="tan",
        hair=Hair(colour="black", style="short"),
        left_eye=Eye(colour="amber", cyber=True),
        right_eye=Eye(colour="brown"),
        marks=(Mark(kind="scar", place="left cheek"),),
        outfit=Outfit(garment="cloak", colour="dark"),
    ),
)
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


def put(
    blobs: Blobs, pixels: Pixels, place: str = "forest", kind: SourceKind = "golden"
) -> SourceImage:
    state = SceneState(place=place, framing="portrait", props=("sword", "hat"))
    return SourceImage(
        sha256=blobs.put(to_png(pixels)), kind=kind, state=state, job_id=place, idr=0.9
    )


def build(blobs: Blobs, *wanted: SourceImage) -> dataset.Manifest:
    return dataset.build_dataset(KAIRO, wanted, blobs, DrawnFaces(), 128)[1]


def test_every_sample_is_a_square_of_the_models_resolution_with_its_caption(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(1), "forest"), put(blobs, person(2), "castle"))
    frames = [sample for sample in manifest.samples if sample.crop == "frame"]
    assert [frame.caption.rsplit(", ", 1)[1] for frame in frames] == ["forest", "castle"]
    for sample in manifest.samples:
        assert decode_image(blobs.get(sample.image)).shape == (128, 128, 3)


def test_the_same_inputs_make_the_same_snapshot(blobs: Blobs) -> None:
    wanted = [put(blobs, person(1)), put(blobs, person(2))]
    first, manifest = dataset.build_dataset(KAIRO, wanted, blobs, DrawnFaces(), 128)
    again, _ = dataset.build_dataset(KAIRO, wanted, blobs, DrawnFaces(), 128)
    assert first == again
    assert dataset.Manifest.model_validate_json(blobs.get(first)) == manifest
    assert json.loads(blobs.get(first))["character_id"] == "kairo"


def test_a_duplicate_is_dropped_and_says_so(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(1)), put(blobs, np.roll(person(1), 1, axis=0)))
    assert len({sample.source for sample in manifest.samples}) == 1
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
    source = SourceImage(sha256=blobs.put(b"not a picture"), kind="reference")
    assert "not a whole PNG, JPEG or WebP" in build(blobs, source).dropped[0].reason


def test_a_small_face_is_cropped_closer_and_stays_in_the_frame() -> None:
    pixels = person(5, radius=24, centre=(200, 60))
    face = DrawnFaces().faces(pixels)[0]
    (found,) = DrawnFaces().faces(crops.frame(pixels, face, 128))
    assert found.width_px / 128 == pytest.approx(crops.FRAME_FACE_SHARE, abs=0.03)


@pytest.mark.parametrize(("tilt", "after"), [(8.0, 8.0), (30.0, 0.0), (-30.0, 0.0)])
def test_strong_tilts_are_levelled_and_slight_ones_kept(tilt: float, after: float) -> None:
    pixels = person(6, tilt=tilt)
    level = crops.frame(pixels, DrawnFaces().faces(pixels)[0], 256)
    assert crops.tilt_deg(DrawnFaces().faces(level)[0]) == pytest.approx(after, abs=3)


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

    kairo = KAIRO.model_copy(update={"references": ("r1", "r2")})
    wanted = dataset.source_images(
        kairo, [golden("a", True), golden("b", False), golden("c", True)]
    )
    assert [source.sha256 for source in wanted] == ["r1", "r2", "aa", "cc"]
    assert dataset.inputs_digest(wanted, 128) != dataset.inputs_digest(wanted, 256)
    assert dataset.inputs_digest(wanted, 128) != dataset.inputs_digest(wanted[:-1], 128)


def test_a_copy_of_a_reference_is_no_golden_image(blobs: Blobs) -> None:
    reference = put(blobs, person(1), kind="reference")
    manifest = build(blobs, reference, put(blobs, np.roll(person(1), 1, axis=1)))
    assert [one.reason for one in manifest.dropped] == ["a copy of a reference"]


def test_every_picture_gives_its_frame_and_its_levelled_face(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(7, radius=34, tilt=10)))
    frame, close = manifest.samples
    assert (frame.crop, close.crop) == ("frame", "face")
    (whole,) = DrawnFaces().faces(decode_image(blobs.get(frame.image)))
    (face,) = DrawnFaces().faces(decode_image(blobs.get(close.image)))
    assert whole.width_px == pytest.approx(34, abs=2)
    assert face.width_px / 128 == pytest.approx(crops.CLOSE_FACE_SHARE, abs=0.05)
    assert crops.tilt_deg(whole) == pytest.approx(10, abs=3)
    assert crops.tilt_deg(face) == pytest.approx(0, abs=3)
    assert "holding a sword" in frame.caption
    assert close.caption.startswith("close-up of ")
    assert "sword" not in close.caption
    assert "wearing a hat" in close.caption


def test_a_frame_that_is_a_face_already_is_not_cropped_again(blobs: Blobs) -> None:
    assert [one.crop for one in build(blobs, put(blobs, person(8, radius=55))).samples] == ["frame"]


def test_a_covered_face_is_dropped() -> None:
    pixels = person(9)
    face = DrawnFaces().faces(pixels)[0]
    facing = face.landmarks.copy()
    facing[2] = (facing[0] + facing[1]) / 2
    face = face.model_copy(update={"landmarks": facing})
    crops.check_face(pixels, face, None)
    with pytest.raises(crops.Unfit, match="covered"):
        crops.check_face(pixels, face.model_copy(update={"score": 0.7}), None)
    blind = Tags(heads={"left_eye": {"": 0.9, "brown": 0.1}, "right_eye": {"": 0.1, "brown": 0.9}})
    with pytest.raises(crops.Unfit, match="no left eye"):
        crops.check_face(pixels, face, blind)


def test_the_manifest_says_where_everything_comes_from(blobs: Blobs) -> None:
    manifest = build(blobs, put(blobs, person(1), "forest"))
    sample = manifest.samples[0]
    assert (sample.job_id, sample.idr) == ("forest", 0.9)
    assert "image model" in sample.licence
    assert manifest.consent == KAIRO.consent
    assert manifest.trigger == trigger_for("kairo")


def test_a_revoked_consent_empties_the_set(blobs: Blobs) -> None:
    revoked = KAIRO.model_copy(
        update={"references": ("r1",), "consent": Consent(likeness="fictional", revoked=True)}
    )
    wanted = dataset.source_images(revoked, [])
    assert wanted == ()
    manifest = dataset.build_dataset(revoked, wanted, blobs, DrawnFaces(), 128)[1]
    assert manifest.samples == ()
    assert manifest.consent.revoked


def test_captions_say_everything_but_the_person() -> None:
    state = SceneState(
        framing="waist-up",
        outfit=Outfit(garment="suit", colour="red"),
        injuries=(Injury(kind="cut", place="chin"),),
        props=("sword", "glasses"),
        expression="angry",
        pose="looking left",
        place="castle",
        weather="rain",
    )
    caption = scene_caption("moqik", KAIRO.profile, state)
    assert caption == (
        "waist-up of moqik a man, red suit, cut on the chin, holding a sword, wearing glasses, "
        "angry, looking left, castle, rain"
    )
    assert with_looks(caption, "tan skin, short black hair").startswith(
        "waist-up of moqik a man, tan skin, short black hair, red suit"
    )


def test_a_trigger_is_one_rare_word_of_its_own() -> None:
    words = {trigger_for(f"character-{number}") for number in range(50)}
    assert len(words) == 50
    assert all(word.isalpha() and set(word) & set("jqxz") for word in words)


def test_a_picture_without_a_description_is_described_as_far_as_the_tagger_is_sure() -> None:
    tags = Tags(
        heads={
            "place": {"forest": 0.95, "": 0.05},
            "framing": {"portrait": 0.6, "close-up": 0.4},
            "outfit": {"cloak": 0.9},
            "outfit_colour": {"dark": 0.5, "grey": 0.5},
            "props": {"hat": 0.9, "sword": 0.3},
        }
    )
    state = read_state(tags)
    assert (state.place, state.framing, state.props) == ("forest", None, ("hat",))
    assert state.outfit == Outfit(garment="cloak")
