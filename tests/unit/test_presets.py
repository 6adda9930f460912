"""Which recipe a base model gets, and what is refused before anything is spent on a run."""

import json
from pathlib import Path

import pytest
import ray
from pydantic import ValidationError

from cluster.domain.character import Character, CharacterId
from cluster.domain.consent import Consent
from cluster.domain.learning.training import TrainingOrder
from cluster.domain.model_families import PIPELINES
from cluster.errors import ConsentMissing, Invalid, NotFound, Refused, Unavailable, Unsupported
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import GeneratorSettings, Settings, TrainingSettings
from cluster.store import Store
from training.data.captions import trigger_for
from training.data.dataset import Manifest, Sample
from training.lora.presets import PRESETS, family_of, preset_of, recipe_for

ADA = Character(id=CharacterId("ada"), name="Ada")


def folder(tmp_path: Path, pipeline: str) -> BaseFolder:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    return BaseFolder(tmp_path)


def test_the_embedded_model_has_a_preset_of_its_own() -> None:
    assert preset_of(base_folder("studio"), TrainingSettings()) == "studio"
    assert PRESETS["studio"].max_minutes <= 8


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_an_unknown_base_gets_its_familys_preset(tmp_path: Path, pipeline: str) -> None:
    base = folder(tmp_path, pipeline)
    expected = {"sd": "sd15", "sdxl": "sdxl"}.get(family_of(base), "transformer")
    assert preset_of(base, TrainingSettings()) == expected


def test_an_unknown_pipeline_is_refused_with_what_can_be_trained(tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as refused:
        recipe_for(folder(tmp_path, "WanPipeline"), TrainingSettings())
    assert "WanPipeline" in refused.value.message
    assert "FluxPipeline" in refused.value.advice


def test_settings_change_single_fields_of_a_preset() -> None:
    changed = recipe_for(base_folder("studio"), TrainingSettings(recipe={"rank": 8}))
    assert changed == PRESETS["studio"].model_copy(update={"rank": 8})
    assert recipe_for(base_folder("studio"), TrainingSettings(preset="sdxl")) == PRESETS["sdxl"]


def test_a_field_that_no_recipe_has_is_refused_when_settings_are_read() -> None:
    with pytest.raises(ValidationError, match=r"recipe\.ranks"):
        TrainingSettings(recipe={"ranks": 8})


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"rank": "many"}, {"ema": 1.0}, {"layers": "some"}, {"probes": [8]}]
)
def test_a_value_that_no_recipe_can_have_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=rf"recipe\.{next(iter(wrong))}"):
        TrainingSettings.model_validate({"recipe": wrong})


def test_single_fields_of_a_recipe_are_set_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CINEAI_TRAINING__RECIPE__STEPS", "600")
    assert recipe_for(base_folder("studio"), Settings().training).steps == 600


def order(settings: Settings, who: Character = ADA, **changes: object) -> TrainingOrder:
    """An order on a set of one sample, with `changes` to its manifest."""
    sample = Sample(
        image="0" * 64, source="0" * 64, crop="frame", caption="", kind="golden", licence=""
    )
    manifest = Manifest(
        character_id=who.id,
        trigger=trigger_for(who.id),
        looks="",
        consent=who.consent,
        resolution_px=128,
        samples=(sample,),
        dropped=(),
    ).model_copy(update=changes)
    store = Store.open(settings.store)
    store.characters.add(who)
    digest = store.blobs.put(manifest.model_dump_json().encode())
    store.close()
    return TrainingOrder(
        run_id="run", character_id=who.id, version=1, manifest=digest, trigger=trigger_for(who.id)
    )


def refused(order: TrainingOrder, settings: Settings, error: type[Exception], match: str) -> None:
    from training.lora.ray_train import train_lora

    with pytest.raises(error, match=match):
        train_lora(order, settings, lambda _: None)


def test_nobody_trains_a_character_whose_consent_was_revoked(settings: Settings) -> None:
    revoked = ADA.model_copy(update={"consent": Consent(revoked=True)})
    refused(order(settings, revoked), settings, ConsentMissing, "revoked")


def test_an_empty_set_is_refused(settings: Settings) -> None:
    refused(order(settings, samples=()), settings, Refused, "empty")


def test_somebody_elses_set_is_refused(settings: Settings) -> None:
    refused(order(settings, character_id="kairo"), settings, Invalid, "kairo's, not ada's")


def test_an_order_by_another_word_than_the_sets_is_refused(settings: Settings) -> None:
    refused(order(settings, trigger="sks"), settings, Invalid, "'sks'")


def test_a_set_that_is_not_there_is_refused(settings: Settings) -> None:
    missing = order(settings).model_copy(update={"manifest": "1" * 64})
    refused(missing, settings, NotFound, "1111")


def test_a_rank_that_nobody_could_serve_is_refused(settings: Settings) -> None:
    small = settings.model_copy(update={"generator": GeneratorSettings(adapter_max_rank=8)})
    refused(order(small), small, Invalid, "adapter_max_rank = 8")


def test_more_workers_than_pictures_a_step_are_refused(settings: Settings) -> None:
    many = settings.model_copy(update={"training": TrainingSettings(workers=64)})
    refused(order(many), many, Invalid, "64 workers")


def test_on_a_parted_cluster_training_waits_for_a_node_of_its_own() -> None:
    """Even while there is none yet, and although serving's GPU is free."""

    from training.lora.ray_train import worker_resources

    share = worker_resources(
        TrainingSettings(), {"CPU": 8, "GPU": 1, "serve": 1}, {"CPU": 8, "GPU": 1}
    )
    assert share == {"CPU": 1, "GPU": 1, "train": 1}


@pytest.mark.parametrize(
    ("free", "share"),
    [({"CPU": 2}, {"CPU": 1}), ({"CPU": 2, "GPU": 1}, {"CPU": 1, "GPU": 1})],
    ids=["serving holds it", "free"],
)
def test_ones_own_machine_lends_a_gpu_that_nobody_holds(
    free: dict[str, float], share: dict[str, float]
) -> None:
    from training.lora.ray_train import worker_resources

    assert worker_resources(TrainingSettings(), {"CPU": 2, "GPU": 1}, free) == share


def test_a_gpu_can_be_insisted_on_or_declined() -> None:
    from training.lora.ray_train import worker_resources

    machine = {"CPU": 2.0, "GPU": 1.0}
    assert worker_resources(TrainingSettings(gpu=True), machine, {"CPU": 2}) == {"CPU": 1, "GPU": 1}
    assert worker_resources(TrainingSettings(gpu=False), machine, machine) == {"CPU": 1}


def test_without_ray_a_run_says_what_to_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests of this process may have left their Ray running.
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    refused(order(settings), settings, Unavailable, "Ray is not running")
