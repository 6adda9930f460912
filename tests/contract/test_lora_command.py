"""`cineai lora` against a real server, over HTTP: what people and machines are told."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cluster.domain.learning.training import GateVerdict, Measure
from cluster.domain.story.job import JobId
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import Settings
from serve.api.services import Services
from serve.cli import app
from tests.local_api import cast_kairo, job_of, open_services, served
from tests.tiny_adapters import lora
from tests.values import adapter

REFUSED = GateVerdict(
    promoted=False,
    reason="variety fell",
    measures=(
        Measure(name="idr", champion=0.71, challenger=0.7, low=-0.05, high=0.02, passed=False),
    ),
    scenes=24,
)
KAIRO = ("--character", "kairo")
Lora = Callable[..., Result]


@pytest.fixture
def services(tiny_settings: Settings) -> Iterator[Services]:
    with open_services(tiny_settings) as services:
        cast_kairo(services)
        yield services


@pytest.fixture
def command(services: Services) -> Iterator[Lora]:
    """Calls `cineai lora …` on a server of its own."""
    with served(services) as url:
        yield lambda *words: CliRunner().invoke(app, ["lora", *words, "--url", url])


@pytest.fixture
def files(tmp_path: Path, tiny: BaseFolder) -> list[Path]:
    made = [tmp_path / f"{n}.safetensors" for n in (1, 2)]
    for n, path in enumerate(made):
        path.write_bytes(lora(tiny, seed=n))
    return made


def answer(result: Result) -> Any:  # noqa: ANN401 - JSON
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def answer_error(result: Result) -> str:
    return str(json.loads(result.stdout)["error"]["code"])


def words(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_versions_are_imported_promoted_rolled_back_and_told_of(
    command: Lora, files: list[Path]
) -> None:
    for n, path in enumerate(files, start=1):
        told = words(command("import", str(path), *KAIRO))
        for_base = rf"char_kairo_v{n}: rank 4, for unknown@[0-9a-f]{{12}}, active"
        assert re.fullmatch(for_base, told)
    book = answer(command("list", *KAIRO, "--json"))
    assert (book["active"], book["previous"]) == (2, 1)
    assert "char_kairo_v1 is active" in words(command("promote", "1", *KAIRO))
    assert answer(command("rollback", *KAIRO, "--json"))["version"] == 2
    assert answer(command("rollback", "2", *KAIRO, "--json"))["version"] == 1
    assert "no adapter is active" in words(command("promote", "0", *KAIRO))
    nothing = command("rollback", *KAIRO, "--json")
    assert (nothing.exit_code, answer_error(nothing)) == (1, "conflict")
    log = answer(command("history", *KAIRO, "--json"))["items"]
    assert [one["kind"] for one in log if one["kind"] != "staging"] == [
        "promoted",
        "promoted",
        "promoted",
        "rolled_back",
        "rolled_back",
        "cleared",
    ]
    assert "rolled back 2 1" in words(command("history", *KAIRO))


def test_an_export_is_named_after_the_version(
    command: Lora, files: list[Path], tmp_path: Path
) -> None:
    command("import", str(files[0]), *KAIRO)
    out = tmp_path / "out"
    out.mkdir()
    told = answer(command("export", "1", *KAIRO, "--out", str(out), "--json"))
    assert told["file"] == str(out / "char_kairo_v1.safetensors")
    assert told["bytes"] == files[0].stat().st_size
    assert Path(told["file"]).read_bytes() == files[0].read_bytes()
    elsewhere = tmp_path / "new" / "kairo.safetensors"
    assert elsewhere.name in words(command("export", "1", *KAIRO, "--out", str(elsewhere)))
    assert elsewhere.read_bytes() == files[0].read_bytes()


def test_a_refused_version_says_why_and_is_promoted_only_by_force(
    command: Lora, services: Services, tiny: BaseFolder, tmp_path: Path
) -> None:
    sheet = services.store.blobs.put(b"\x89PNG\r\n\x1a\n")
    content = services.store.blobs.put(lora(tiny))
    verdict = REFUSED.model_copy(update={"sheet": sheet})
    services.store.adapters.add(adapter(1, sha256=content, verdict=verdict))
    shown = words(command("show", "1", *KAIRO))
    assert "refused: variety fell" in shown
    assert "idr 0.710 0.700 -0.050 … 0.020" in shown
    out = tmp_path / "sheets" / "one.png"
    command("show", "1", *KAIRO, "--sheet", str(out))
    assert out.read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert answer(command("show", "1", *KAIRO, "--json"))["adapter"]["verdict"]["scenes"] == 24
    refused = command("promote", "1", *KAIRO, "--json")
    assert (refused.exit_code, answer_error(refused)) == (1, "refused")
    assert answer(command("promote", "1", *KAIRO, "--force", "--json"))["version"] == 1


def test_a_version_is_deleted_unless_it_is_active(command: Lora, files: list[Path]) -> None:
    for path in files:
        command("import", str(path), *KAIRO)
    assert answer_error(command("delete", "2", *KAIRO, "--json")) == "conflict"
    assert "char_kairo_v1 is deleted" in words(command("delete", "1", *KAIRO))
    assert [one["version"] for one in answer(command("list", *KAIRO, "--json"))["items"]] == [2]


def test_history_answers_who_served_when_and_whom(
    command: Lora, services: Services, files: list[Path]
) -> None:
    command("import", str(files[0]), *KAIRO)
    services.store.jobs.add(job_of("j1"))
    assert words(command("history", "--job", "j1")) == "not planned yet"
    services.store.adapters.pin(JobId("j1"), None)
    command("import", str(files[1]), *KAIRO)
    assert words(command("history", "--job", "j1")) == "char_kairo_v1"
    assert answer(command("history", "--job", "j1", "--json"))["version"] == 1
    at = services.store.switches.list()[1].at.isoformat()
    assert words(command("history", *KAIRO, "--at", at)).startswith("char_kairo_v1 since")
    early = ("history", *KAIRO, "--at", "2020-01-01T00:00:00Z")
    assert words(command(*early)) == "no adapter"
    assert answer(command(*early, "--json"))["version"] is None
    for odd in ((), (*KAIRO, "--job", "j1"), ("--job", "j1", "--at", at)):
        assert answer_error(command("history", *odd, "--json")) == "invalid"
