"""The refiner with a real pipeline, the real validator, and a photograph of scikit-image."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import IdentityReport
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.domain.story.scene import SceneState
from cluster.errors import BadAdapter
from cluster.ports import Pixels
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import GeneratorSettings, Settings
from cluster.store import Store
from serve.replicas.blending import Square, resize, square_round
from serve.replicas.generator import Generator
from serve.replicas.refiner import STRENGTHS, Refiner
from serve.replicas.validator import Validator
from tests.handles import started
from tests.photographs import astronaut
from tests.tiny_adapters import lora

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = Plan(
    prompt="an astronaut",
    negative_prompt="blurry",
    identity_prompt="the face of an astronaut",
    scene=SceneState(),
)


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings], sd15: BaseFolder) -> Settings:
    generator = GeneratorSettings(model=str(sd15.folder), device="cpu", steps=2)
    return new_settings().model_copy(update={"generator": generator})


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    """Eileen Collins, NASA portrait, public domain; (256, 256, 3)."""
    return resize(astronaut(), 256)


@pytest.fixture(scope="module")
def character(settings: Settings, photograph: Pixels) -> Character:
    store = Store.open(settings.store)
    found = Character(
        id=CharacterId("eileen"), name="Eileen", references=(store.blobs.put(to_png(photograph)),)
    )
    store.characters.add(found)
    return found


@pytest.fixture(scope="module")
def generator(settings: Settings) -> Generator:
    return started(Generator(settings))


@pytest.fixture(scope="module")
def validator(settings: Settings) -> Validator:
    return started(Validator(settings))


@pytest.fixture
def blurred(photograph: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(photograph, (0, 0), 3), np.uint8)


class Restorer:
    """Stands in for a model that paints this very face: it puts the photograph back."""

    def __init__(self, photograph: Pixels, square: Square) -> None:
        self._patch, self.orders = square.of(photograph), list[Inpainting]()

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            model="restorer",
            lora=False,
            references=False,
            inpaint=True,
            width_px=192,
            height_px=128,
            token_budget=77,
        )

    async def render(self, order: RenderOrder) -> Rendering:
        raise NotImplementedError(order)

    async def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        assert pixels.shape == (128, 128, 3)
        assert mask.shape == (128, 128)
        self.orders.append(order)
        return np.where(mask[..., None] > 0, resize(self._patch, 128), pixels)


class Unable(Restorer):
    async def capabilities(self) -> Capabilities:
        able = await super().capabilities()
        return able.model_copy(update={"inpaint": False})


async def judged(validator: Validator, pixels: Pixels, character: Character) -> IdentityReport:
    report: IdentityReport = await validator.validate(pixels, character)
    assert report.box is not None
    assert report.idr is not None
    return report


async def test_a_repair_that_helps_is_kept(
    settings: Settings,
    validator: Validator,
    character: Character,
    photograph: Pixels,
    blurred: Pixels,
) -> None:
    before = await judged(validator, blurred, character)
    assert before.box is not None
    square = square_round(before.box, blurred, settings.repair.margin)
    painter = Restorer(photograph, square)
    refiner = Refiner(settings, generator=painter, validator=validator)
    held = blurred.copy()
    blurred.setflags(write=False)
    outcome = await refiner.repair(blurred, before, character, PLAN, None, 5, 1)
    assert outcome.repair.kept
    assert outcome.report.idr is not None
    assert before.idr is not None
    assert outcome.report.idr > before.idr
    assert outcome.repair.idr_before == before.idr
    assert outcome.repair.idr_after == outcome.report.idr
    assert outcome.repair.blend in ("feather", "poisson")
    changed = (outcome.pixels != held).any(axis=2)
    square.of(changed[..., None])[:] = False
    assert not changed.any()
    assert painter.orders[0].prompt == PLAN.identity_prompt
    assert np.array_equal(blurred, held)


async def test_each_try_paints_over_more_with_another_seed(
    settings: Settings,
    validator: Validator,
    character: Character,
    photograph: Pixels,
    blurred: Pixels,
) -> None:
    before = await judged(validator, blurred, character)
    assert before.box is not None
    painter = Restorer(photograph, square_round(before.box, blurred, settings.repair.margin))
    refiner = Refiner(settings, generator=painter, validator=validator)
    for attempt in (1, 2, 9):
        await refiner.repair(blurred, before, character, PLAN, None, 5, attempt)
    assert [order.strength for order in painter.orders] == [*STRENGTHS[:2], STRENGTHS[-1]]
    assert len({order.seed for order in painter.orders}) == 3


async def test_a_repair_that_harms_is_thrown_away(
    settings: Settings,
    generator: Generator,
    validator: Validator,
    character: Character,
    photograph: Pixels,
) -> None:
    """The tiny pipeline's random weights paint noise where the face was."""
    before = await judged(validator, photograph, character)
    refiner = Refiner(settings, generator=generator, validator=validator)
    outcome = await refiner.repair(photograph, before, character, PLAN, None, 5, 2)
    assert not outcome.repair.kept
    assert np.array_equal(outcome.pixels, photograph)
    assert outcome.report == before
    assert outcome.repair.strength == 0.65
    assert outcome.repair.idr_after != before.idr
    assert outcome.repair.reason


async def test_without_a_face_nothing_is_tried(
    settings: Settings, generator: Generator, validator: Validator, character: Character
) -> None:
    wall = np.full((128, 128, 3), 90, np.uint8)
    report = await validator.validate(wall, character)
    assert report.box is None
    refiner = Refiner(settings, generator=generator, validator=validator)
    outcome = await refiner.repair(wall, report, character, PLAN, None, 5, 1)
    assert (outcome.repair.kept, outcome.repair.blend) == (False, None)
    assert "no face" in outcome.repair.reason
    assert np.array_equal(outcome.pixels, wall)


async def test_a_model_that_cannot_inpaint_is_not_asked(
    settings: Settings, validator: Validator, character: Character, photograph: Pixels
) -> None:
    before = await judged(validator, photograph, character)
    painter = Unable(photograph, Square(0, 0, 256))
    refiner = Refiner(settings, generator=painter, validator=validator)
    outcome = await refiner.repair(photograph, before, character, PLAN, None, 5, 1)
    assert "cannot inpaint" in outcome.repair.reason
    assert not painter.orders


async def test_the_jobs_adapter_is_used_and_a_foreign_one_refused(
    settings: Settings,
    generator: Generator,
    validator: Validator,
    character: Character,
    photograph: Pixels,
) -> None:
    base = base_folder(settings.generator.model)
    adapter = AdapterVersion(
        character_id=character.id,
        version=1,
        rank=4,
        alpha=4,
        base_model=base.id,
        sha256=Store.open(settings.store).blobs.put(lora(base)),
    )
    before = await judged(validator, photograph, character)
    refiner = Refiner(settings, generator=generator, validator=validator)
    outcome = await refiner.repair(photograph, before, character, PLAN, adapter, 5, 1)
    assert not outcome.repair.kept
    foreign = adapter.model_copy(update={"version": 2, "base_model": "acme/other"})
    with pytest.raises(BadAdapter):
        await refiner.repair(photograph, before, character, PLAN, foreign, 5, 1)


def test_the_photograph_is_shipped_with_scikit_image() -> None:
    import skimage

    assert (Path(skimage.__file__).parent / "data" / "astronaut.png").is_file()
