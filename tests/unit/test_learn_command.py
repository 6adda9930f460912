"""What `cineai learn` shows of a training, and what it sends."""

import io
import json
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from cluster.domain.character import CharacterId
from cluster.domain.learning.runs import LearningStatus, TrainingEvent, TrainingRun
from cluster.domain.learning.training import GateVerdict, Measure, Progress
from cluster.domain.story.job import Problem
from serve.cli import app
from serve.cli.client import Client
from serve.cli.learning import describe, follow_training

KAIRO = CharacterId("kairo")
REFUSED = GateVerdict(
    promoted=False,
    reason="idr 0.800 to 0.780: not surely better",
    scenes=24,
    measures=(
        Measure(name="idr", champion=0.8, challenger=0.78, low=-0.04, high=0.0, passed=False),
        Measure(name="face_found", champion=1.0, challenger=1.0, passed=True),
    ),
)


def run(id: str = "r1", **fields: object) -> TrainingRun:
    return TrainingRun.model_validate({"id": id, "character_id": KAIRO, "images": 31, **fields})


def status(last: TrainingRun | None, *, paused: bool = False) -> LearningStatus:
    return LearningStatus(character_id=KAIRO, paused=paused, images=31, wanted=41, run=last)


def plain(markup: str) -> str:
    return " ".join(Text.from_markup(markup).plain.split())


def test_a_status_says_what_is_there_and_what_is_wanted() -> None:
    assert plain(describe(status(None))) == (
        "kairo: 31 images; the next training begins by itself at 41"
    )
    assert "`cineai learn resume`" in plain(describe(status(None, paused=True)))


def test_a_refusal_is_told_with_its_figures() -> None:
    said = plain(describe(status(run(status="refused", verdict=REFUSED))))
    assert "refused idr 0.800 to 0.780: not surely better" in said
    assert "✗ idr 0.800 → 0.780 difference -0.040 to +0.000" in said
    assert "✓ face found 1.000 → 1.000" in said


def test_a_run_says_where_it_is_and_what_went_wrong() -> None:
    progress = Progress(run_id="r1", step=40, steps=300, loss=0.0812, probe_idr=0.713)
    said = plain(describe(status(run(status="training", progress=progress))))
    assert "step 40 of 300, loss 0.0812, probe IDR 0.713" in said
    problem = Problem(code="internal", message="[out] of memory", advice="See the log.")
    assert "[out] of memory → See the log." in plain(describe(status(run(problem=problem))))


def events(*pairs: tuple[str, str, dict[str, object]]) -> list[TrainingEvent]:
    return [
        TrainingEvent.model_validate({"seq": seq, "run_id": id, "kind": kind, "data": data})
        for seq, (id, kind, data) in enumerate(pairs, start=1)
    ]


def serving(log: list[TrainingEvent], final: LearningStatus) -> httpx.MockTransport:
    """A server that has this log, and closes every stream after two events."""

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json=final.model_dump(mode="json"))
        after = int(request.headers["Last-Event-ID"])
        left = [one for one in log if one.seq > after][:2]
        lines = [f"id: {one.seq}\ndata: {one.model_dump_json()}\n\n" for one in left]
        return httpx.Response(200, content="".join(lines).encode())

    return httpx.MockTransport(answer)


def test_watching_goes_on_until_the_gate_has_decided() -> None:
    progress: dict[str, object] = {"step": 9, "steps": 9, "loss": 0.1, "probe_idr": None}
    log = events(
        ("r1", "status", {"status": "queued"}),
        ("r1", "status", {"status": "training"}),
        ("r1", "progress", progress),
        ("r1", "judging", {"judged": 4, "to_judge": 48}),
        ("r1", "status", {"status": "refused"}),
        ("r2", "status", {"status": "queued"}),
    )
    final = status(run(status="refused", verdict=REFUSED))
    out = io.StringIO()
    with Client("http://server", transport=serving(log, final)) as client:
        assert follow_training(client, "kairo", Console(file=out, width=120)) == final
    assert "not surely better" in out.getvalue()


def test_watching_skips_the_run_that_is_over() -> None:
    log = events(
        ("r1", "status", {"status": "queued"}),
        ("r1", "status", {"status": "refused"}),
        ("r2", "status", {"status": "queued"}),
        ("r2", "status", {"status": "promoted"}),
    )
    seen: list[int] = []
    transport = serving(log, status(run("r2", status="promoted")))

    def counted(request: httpx.Request) -> httpx.Response:
        seen.append(int(request.headers.get("Last-Event-ID", -1)))
        return transport.handle_request(request)

    with Client("http://server", transport=httpx.MockTransport(counted)) as client:
        follow_training(client, "kairo", Console(quiet=True), after="r1")
    assert seen == [0, 2, -1]


def test_a_picture_without_a_caption_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    result = CliRunner().invoke(app, ["learn", "add", "kairo", str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert "a.txt" in json.loads(result.stdout)["error"]["message"]


@pytest.mark.parametrize("there", [[], ["notes.md"]])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, there: list[str]) -> None:
    for name in there:
        (tmp_path / name).write_text("x")
    result = CliRunner().invoke(app, ["learn", "add", "kairo", str(tmp_path), "--json"])
    assert json.loads(result.stdout)["error"]["code"] == "invalid"
