import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.launch import ROOT, free_port
from cluster.settings import ASSETS, GeneratorSettings, IdentitySettings, Settings
from serve.cli import app
from serve.cli.doctor import findings

COMMANDS = (
    "demo",
    "serve",
    "render",
    "plan",
    "doctor",
    "characters add",
    "characters list",
    "characters show",
    "jobs list",
    "jobs show",
    "jobs watch",
    "jobs cancel",
    "keys create",
    "keys list",
    "keys revoke",
    "lora import",
    "lora list",
    "lora show",
    "lora promote",
    "lora rollback",
    "lora export",
    "lora delete",
    "lora history",
    "learn status",
    "learn watch",
    "learn run",
    "learn pause",
    "learn resume",
    "learn add",
)


def cineai(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_offers_json(command: str) -> None:
    result = cineai(*command.split(), "--help")
    assert result.exit_code == 0
    assert "--json" in re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def test_help_is_shown_before_anything_heavy_is_loaded() -> None:
    asked = (
        "import sys; from serve.cli import app; app(['--help'], standalone_mode=False);"
        "heavy = {'torch', 'ray', 'diffusers', 'fastapi', 'sqlalchemy', 'spacy'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, check=False)
    assert told.returncode == 0, told.stderr
    assert b"Permanent digital actors" in told.stdout


@pytest.mark.parametrize(
    "command",
    [
        "jobs list",
        "jobs show x",
        "jobs cancel x",
        "characters list",
        "lora list --character kairo",
        "render hello --character kairo",
        "plan hello --character kairo",
        "learn status kairo",
        "learn run kairo",
        "learn watch kairo",
    ],
)
def test_without_a_server_a_command_says_how_to_start_one(command: str) -> None:
    words = [*command.split(), "--url", f"http://127.0.0.1:{free_port()}"]
    people, machine = cineai(*words), cineai(*words, "--json")
    assert people.exit_code == machine.exit_code == 1
    assert "cineai serve" in " ".join(people.stderr.split())
    error = json.loads(machine.stdout)["error"]
    assert error["code"] == "unavailable"
    assert "cineai serve" in error["advice"]


def test_doctor_answers_with_one_object() -> None:
    result = cineai("doctor", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == (0 if told["healthy"] else 1)
    names = {one["name"] for one in told["findings"]}
    assert {
        "python",
        "torch",
        "model",
        "base model",
        "training",
        "face pack",
        "face licence",
    } <= names
    assert all(one["ok"] or one["advice"] for one in told["findings"])


def test_doctor_names_what_is_not_there_and_which_licence_is_not_accepted() -> None:
    settings = Settings(
        generator=GeneratorSettings(model="acme/never-fetched"),
        identity=IdentitySettings(pack="buffalo_l"),
    )
    bad = {one.name for one in findings(settings) if not one.ok}
    assert {"model", "face licence"} <= bad


def test_doctor_says_what_a_folder_would_give_and_where_each_value_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(ASSETS / "studio", folder)
    monkeypatch.setenv("CINEAI_GENERATOR__STEPS", "20")
    result = cineai("doctor", "--model", str(folder), "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["healthy"]) == (0, True)
    assert {"model", "base model", "training"} == {one["name"] for one in told["findings"]}
    assert (told["profile"]["steps"], told["sources"]["steps"]) == (20, "setting")
    assert (told["profile"]["guidance"], told["sources"]["guidance"]) == (3.0, "cineai.json")
    (folder / "cineai.json").write_text("{}")
    people = cineai("doctor", "--model", str(folder))
    assert "the folder says nothing" in people.stdout
    assert any(line.split() == ["steps", "20", "setting"] for line in people.stdout.splitlines())


def test_doctor_names_each_setting_that_does_not_go_with_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CINEAI_LEARNER__RESOLUTION_PX", "512")
    monkeypatch.setenv("CINEAI_GENERATOR__ADAPTER_MAX_RANK", "4")
    result = cineai("doctor", "--json")
    bad = {one["name"] for one in json.loads(result.stdout)["findings"] if not one["ok"]}
    assert result.exit_code == 1
    assert {"learner.resolution_px", "training.preset 'studio': rank"} <= bad


def test_doctor_of_a_model_that_is_not_there_has_no_profile() -> None:
    result = cineai("doctor", "--model", "acme/never-fetched", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["profile"]) == (1, None)
    assert "acme/never-fetched" in told["findings"][0]["found"]


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINEAI_STORE__HOME", str(settings.store.home))
    made = json.loads(cineai("keys", "create", "studio", "--json").stdout)
    assert made["key"].startswith("cine_")
    listed = cineai("keys", "list", "--json").stdout
    assert made["key"] not in listed
    assert [one["id"] for one in json.loads(listed)["items"]] == [made["id"]]
    assert json.loads(cineai("keys", "revoke", made["id"], "--json").stdout)["revoked"]
    assert json.loads(cineai("keys", "list", "--json").stdout)["items"][0]["revoked_at"]
    missing = cineai("keys", "revoke", "nobody", "--json")
    assert (missing.exit_code, json.loads(missing.stdout)["error"]["code"]) == (1, "not_found")
