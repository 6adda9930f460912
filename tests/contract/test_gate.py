"""The gate with the real face encoder and tagger, on painters whose faults are known."""

import json
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import IdentityReport
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.learning.training import GateVerdict, Measure
from cluster.domain.render import Rendering, RenderOrder
from cluster.errors import BadAdapter, ProviderMissing
from cluster.identity_judge import IdentityJudge
from cluster.ports import Pixels
from cluster.settings import GateSettings, Settings
from cluster.store import Store
from tests.actor_model import ActorModel, Role, blend
from training.gate.evaluate import Gate, GateReport
from training.studio.cast.kairo import KAIRO, reference_shots
from training.studio.cast.role import profile_of
from training.studio.renderer.actor import random_actor

pytestmark = pytest.mark.slow

BASE, GOOD, OTHER, NOISE, COPY, WORSE = range(6)
STRANGER = random_actor(np.random.default_rng(12))
DOUBLE = replace(KAIRO, features=STRANGER.features)
"""Another man with Kairo's hair, eyes, scar and cloak."""
Judged = Callable[[int, int | None], GateVerdict]


class Remembering(IdentityJudge):
    """Scores the same picture once: the champion of one test is another one's challenger."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._known: dict[bytes, IdentityReport] = {}

    def report(self, pixels: Pixels, character: Character) -> IdentityReport:
        key = pixels.tobytes()
        if key not in self._known:
            self._known[key] = super().report(pixels, character)
        return self._known[key]


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def store(settings: Settings) -> Store:
    return Store.open(settings.store)


@pytest.fixture(scope="module")
def references() -> list[Pixels]:
    if find_library("EGL") is None:
        pytest.skip("no EGL library (libegl1) to render off screen with")
    model = ActorModel({})
    return [model.picture(KAIRO, shot) for shot in reference_shots()]


@pytest.fixture(scope="module")
def kairo(store: Store, references: list[Pixels]) -> Character:
    kept = tuple(store.blobs.put(to_png(one)) for one in references)
    return Character(
        id=CharacterId("kairo"),
        name="Kairo",
        domain="studio",
        references=kept,
        profile=profile_of(KAIRO),
    )


@pytest.fixture(scope="module")
def judged(settings: Settings, store: Store, references: list[Pixels], kairo: Character) -> Judged:
    """The verdict on one role against another (None: no adapter, which shows `BASE`)."""
    roles = {
        BASE: Role(DOUBLE),
        GOOD: Role(KAIRO),
        OTHER: Role(DOUBLE),
        NOISE: Role(KAIRO, noise=0.6),
        COPY: Role(KAIRO, deaf=tuple(references)),
        WORSE: Role(blend(KAIRO, STRANGER, 0.2)),
    }
    try:
        identity = Remembering(settings)
    except ProviderMissing as missing:
        pytest.skip(missing.message)
    gate = Gate(ActorModel(roles), identity, store.blobs, settings)

    def verdict(challenger: int, champion: int | None = None) -> GateVerdict:
        against = None if champion is None else version(champion)
        return gate.judge(version(challenger), against, kairo, lambda _done, _all: None)

    return verdict


def version(number: int) -> AdapterVersion:
    return AdapterVersion(
        character_id=CharacterId("kairo"),
        version=number,
        sha256="0" * 64,
        base_model="actor-model",
        rank=4,
        alpha=4.0,
        trigger="moqik",
    )


def figure(verdict: GateVerdict, name: str) -> Measure:
    return next(one for one in verdict.measures if one.name == name)


def test_who_learned_the_character_is_promoted_with_a_full_report(
    judged: Judged, store: Store
) -> None:
    verdict = judged(GOOD, None)
    assert verdict.promoted, verdict.reason
    assert verdict.reason == ""
    assert figure(verdict, "idr").challenger > 0.8
    assert figure(verdict, "idr").low > 0
    assert verdict.report is not None
    told = GateReport.model_validate(json.loads(store.blobs.get(verdict.report)))
    assert len(told.scenes) == verdict.scenes == 24
    assert told.pass_rate[1] > told.pass_rate[0]
    assert store.blobs.exists(told.scenes[0].champion.image)
    assert verdict.sheet is not None
    assert decode_image(store.blobs.get(verdict.sheet)).shape[2] == 3


def test_another_identity_is_refused(judged: Judged) -> None:
    verdict = judged(OTHER, GOOD)
    assert not verdict.promoted
    assert "idr" in verdict.reason
    assert figure(verdict, "idr").high < 0


def test_noise_is_refused(judged: Judged) -> None:
    verdict = judged(NOISE, GOOD)
    assert not verdict.promoted
    assert figure(verdict, "idr").high < 0
    assert not figure(verdict, "face_found").passed


def test_a_copy_machine_is_refused_although_its_idr_is_the_best(judged: Judged) -> None:
    verdict = judged(COPY, None)
    assert figure(verdict, "idr").passed
    assert not verdict.promoted
    assert not figure(verdict, "copy").passed
    assert not figure(verdict, "adherence").passed
    assert not figure(verdict, "variety").passed


def test_who_is_a_little_worse_is_refused(judged: Judged) -> None:
    verdict = judged(WORSE, GOOD)
    idr = figure(verdict, "idr")
    assert -0.2 < idr.challenger - idr.champion <= -0.02
    assert not verdict.promoted


def test_the_champion_does_not_beat_himself(judged: Judged) -> None:
    assert not judged(GOOD, GOOD).promoted


def test_a_gate_of_few_scenes_judges_and_says_that_they_are_few(
    settings: Settings, store: Store, kairo: Character
) -> None:
    small = settings.model_copy(update={"gate": GateSettings(scenes=2, resamples=1000)})
    roles = {BASE: Role(DOUBLE), GOOD: Role(KAIRO)}
    gate = Gate(ActorModel(roles), IdentityJudge(small), store.blobs, small)
    with capture_logs() as logs:
        verdict = gate.judge(version(GOOD), None, kairo, lambda _done, _all: None)
    assert verdict.scenes == 2
    assert figure(verdict, "idr").challenger > figure(verdict, "idr").champion
    assert [one["scenes"] for one in logs if one["event"] == "gate.few_scenes"] == [2]


def test_a_file_that_cannot_be_used_is_refused_with_what_is_wrong(
    settings: Settings, store: Store, kairo: Character
) -> None:
    class Broken(ActorModel):
        def render(self, order: RenderOrder) -> Rendering:
            raise BadAdapter("unet.a.lora_A.weight holds NaN")

    gate = Gate(Broken({}), IdentityJudge(settings), store.blobs, settings)
    verdict = gate.judge(version(1), None, kairo, lambda _done, _all: None)
    assert not verdict.promoted
    assert "NaN" in verdict.reason
