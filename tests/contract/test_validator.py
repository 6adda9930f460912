"""The validator on real faces: every kind of picture has a defined answer."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import skimage.data

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId, Hair, Profile
from cluster.domain.identity.score import PASS_IDR
from cluster.errors import BadImage, OddOneOut, ProviderMissing
from cluster.ports import Pixels
from cluster.settings import ASSETS, Settings
from cluster.store import Store
from serve.replicas.validator import Validator
from tests import photographs
from tests.handles import started
from tests.photographs import FRIENDS, HANKS, photograph

Cast = Callable[..., Character]


def framed(pixels: Pixels, scale: float, side: int = 256) -> Pixels:
    """A picture, scaled, on a plain square."""
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((side, side, 3), 90, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas


def beside(one: Pixels, other: Pixels) -> Pixels:
    height = min(one.shape[0], other.shape[0])
    return np.concatenate([one[:height], other[:height]], axis=1)


@pytest.fixture(scope="module")
def home(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def validator(home: Settings) -> Validator:
    try:
        return started(Validator(home))
    except ProviderMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="module")
def cast(home: Settings) -> Cast:
    blobs = Store.open(home.store).blobs

    def made(*references: Pixels, domain: str = "photo", hair: str | None = None) -> Character:
        return Character.model_validate(
            {
                "id": CharacterId("someone"),
                "name": "Someone",
                "profile": Profile(hair=Hair(colour=hair)),
                "references": [blobs.put(to_png(pixels)) for pixels in references],
                "domain": domain,
            }
        )

    return made


@pytest.fixture(scope="module")
def astronaut() -> Pixels:
    return photographs.astronaut()


@pytest.fixture(scope="module")
def actor() -> Pixels:
    return photograph(HANKS)


@pytest.fixture(scope="module")
def kairo() -> list[Pixels]:
    return [photograph(file) for file in sorted((ASSETS / "kairo").glob("reference_*.png"))]


async def test_the_same_picture_scores_one(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    report = await validator.validate(astronaut, cast(astronaut))
    assert report.idr == pytest.approx(1, abs=1e-3)
    assert report.verdict == "pass"
    assert report.faces == 1
    assert report.model
    assert report.calibration.endswith("/photo")


async def test_another_picture_of_the_same_face_passes(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    changed = framed((astronaut * 0.6).astype(np.uint8), 0.4)
    report = await validator.validate(changed, cast(astronaut))
    assert report.verdict == "pass"


async def test_a_stranger_fails(
    validator: Validator, cast: Cast, astronaut: Pixels, actor: Pixels
) -> None:
    report = await validator.validate(actor, cast(astronaut))
    assert report.verdict == "fail"
    assert report.idr is not None
    assert report.idr < PASS_IDR
    assert "not" in report.reason


async def test_no_face_is_a_verdict_of_its_own(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    scenery = np.ascontiguousarray(skimage.data.chelsea())
    report = await validator.validate(scenery, cast(astronaut))
    assert (report.idr, report.verdict, report.faces) == (None, "no_face", 0)
    assert report.box is None
    assert report.reason == "no face was found"


async def test_of_several_faces_the_characters_is_judged(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    group = photograph(FRIENDS)
    together = beside(np.full_like(group[:512], 90), group)
    together[:512, :512] = astronaut
    report = await validator.validate(together, cast(astronaut, hair="brown"))
    assert report.verdict == "pass"
    assert report.faces > 1
    assert report.box is not None
    assert report.box[2] < 512
    assert "most like the character" in report.reason


async def test_a_tiny_face_is_not_judged(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    report = await validator.validate(framed(astronaut, 0.12), cast(astronaut))
    assert (report.idr, report.verdict) == (None, "no_face")
    assert "px" in report.reason or report.faces == 0


async def test_photographs_are_judged_by_the_face_alone(
    validator: Validator, cast: Cast, astronaut: Pixels
) -> None:
    report = await validator.validate(astronaut, cast(astronaut, hair="blue"))
    assert [(part.name, part.score) for part in report.parts[1:]] == [("hair", None)]
    assert report.parts[0].weight == 1


async def test_every_reference_of_kairo_is_kairo(
    validator: Validator, cast: Cast, kairo: list[Pixels]
) -> None:
    character = cast(*kairo, domain="studio")
    reports = [await validator.validate(pixels, character) for pixels in kairo]
    assert [report.verdict for report in reports] == ["pass"] * len(kairo)


async def test_a_photograph_of_somebody_is_not_kairo(
    validator: Validator, cast: Cast, kairo: list[Pixels], actor: Pixels
) -> None:
    report = await validator.validate(actor, cast(*kairo, domain="studio"))
    assert report.verdict == "fail"


async def test_references_without_a_face_are_named(validator: Validator, cast: Cast) -> None:
    nobody = cast(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(BadImage, match="none of the character's reference images"):
        await validator.validate(np.zeros((64, 64, 3), np.uint8), nobody)


async def test_agreeing_references_give_their_faces(
    validator: Validator, kairo: list[Pixels]
) -> None:
    faces = await validator.check_references(kairo, domain="studio")
    assert len(faces) == len(kairo)


async def test_the_odd_one_out_is_named(
    validator: Validator, kairo: list[Pixels], actor: Pixels
) -> None:
    names = ["one.png", "hanks.png", "two.png"]
    with pytest.raises(OddOneOut, match=r"image 1 \(hanks.png\)") as caught:
        await validator.check_references([kairo[0], actor, kairo[1]], names)
    assert caught.value.index == 1


async def test_a_reference_with_several_people_is_refused(
    validator: Validator, astronaut: Pixels
) -> None:
    with pytest.raises(BadImage, match="6 faces") as caught:
        await validator.check_references([astronaut, photograph(FRIENDS)])
    assert caught.value.index == 1


async def test_a_reference_without_a_face_is_refused(validator: Validator) -> None:
    with pytest.raises(BadImage, match="image 0: no face"):
        await validator.check_references([np.zeros((64, 64, 3), np.uint8)])


async def test_embed_gives_the_face_at_the_box(
    validator: Validator, astronaut: Pixels, actor: Pixels
) -> None:
    pair = beside(framed(astronaut, 0.5), framed(actor, 256 / max(actor.shape[:2])))
    left = await validator.embed(pair, (80.0, 20.0, 140.0, 100.0))
    alone = await validator.embed(astronaut, None)
    assert left is not None
    assert alone is not None
    assert left[0] == alone[0]
    assert float(np.dot(left[1], alone[1])) > 0.6
    assert await validator.embed(np.zeros((64, 64, 3), np.uint8), None) is None
