"""`python -m training …` on a store of its own: what people and machines are told."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.domain.character import Character
from cluster.errors import NotFound
from cluster.settings import ASSETS, Recipe, Settings
from cluster.store import Store
from training.__main__ import app
from training.data import dataset

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Calls the command in a home of its own, where Kairo is cast."""
    monkeypatch.setenv("CINEAI_STORE__HOME", str(tmp_path / "home"))
    store = Store.open(Settings().store)
    folder = ASSETS / "kairo"
    references = [store.blobs.put(one.read_bytes()) for one in folder.glob("reference_*.png")]
    profile = json.loads((folder / "profile.json").read_text())
    store.characters.add(Character.model_validate(profile | {"references": references}))
    store.close()
    return lambda *words: CliRunner().invoke(app, words)


def test_dataset_prints_the_digest_of_what_it_built(command: Command) -> None:
    result = command("dataset", "kairo")
    assert result.exit_code == 0, result.output
    store = Store.open(Settings().store)
    manifest = dataset.load_manifest(result.stdout.strip(), store.blobs)
    store.close()
    told = f"{len(manifest.samples)} samples of 8 pictures, {manifest.resolution_px} px"
    assert f"{told}; trigger {manifest.trigger}; 0 dropped" in result.stderr
    assert command("dataset", "kairo").stdout == result.stdout


def test_nobody_has_no_training_set(command: Command) -> None:
    assert isinstance(command("dataset", "nobody").exception, NotFound)


def test_recipe_prints_what_the_settings_make_of_the_preset(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINEAI_TRAINING__RECIPE", '{"steps": 7}')
    result = command("recipe")
    assert Recipe.model_validate_json(result.stdout).steps == 7
    assert "cineai/studio: preset studio" in result.stderr
