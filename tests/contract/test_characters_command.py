"""`cineai characters` against a real server and the real validator."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cluster.settings import ASSETS, Settings
from serve.cli import app
from serve.replicas.validator import Validator
from tests.handles import started
from tests.local_api import open_services, served

KAIRO = ASSETS / "kairo"
PICTURES = [str(path) for path in sorted(KAIRO.glob("*.png"))]
Characters = Callable[..., Result]


@pytest.fixture
def command(settings: Settings) -> Iterator[Characters]:
    """Calls `cineai characters …` on a server of its own."""
    with open_services(settings, started(Validator(settings))) as services, served(services) as url:
        yield lambda *words: CliRunner().invoke(app, ["characters", *words, "--url", url])


def cast(command: Characters, *words: str) -> dict[str, Any]:
    result = command("add", *words, "--json")
    assert result.exit_code == 0, result.output
    character: dict[str, Any] = json.loads(result.stdout)
    return character


def test_a_shipped_profile_casts_its_actor(command: Characters) -> None:
    shipped = json.loads((KAIRO / "profile.json").read_text())
    kairo = cast(command, "Kairo", *PICTURES, "--profile", str(KAIRO / "profile.json"))

    assert (kairo["id"], kairo["domain"]) == ("kairo", "studio")
    assert kairo["profile"]["marks"] == shipped["profile"]["marks"]
    assert len(kairo["references"]) == len(PICTURES)


def test_a_profile_may_stand_alone_and_options_are_above_the_file(
    command: Characters, tmp_path: Path
) -> None:
    alone = tmp_path / "profile.json"
    alone.write_text(json.dumps({"hair": {"colour": "black"}}))
    twin = cast(command, "Twin", *PICTURES, "--profile", str(alone), "--domain", "studio")
    assert (twin["id"], twin["profile"]["hair"]["colour"]) == ("twin", "black")

    whole = ("--profile", str(KAIRO / "profile.json"), "--id", "second")
    assert cast(command, "Second", *PICTURES, *whole)["name"] == "Second"


@pytest.mark.parametrize(("text", "says"), [("{", "not JSON"), ("[]", "no JSON object")])
def test_a_file_that_is_no_profile_is_refused_by_name(
    command: Characters, tmp_path: Path, text: str, says: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    result = command("add", "Kairo", *PICTURES, "--profile", str(bad), "--json")

    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (1, "invalid")
    assert says in error["message"]
    assert str(bad) in error["message"]
