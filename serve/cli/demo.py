"""`cineai demo`: the whole loop on this machine, from nothing to two scenes of one story."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.markup import escape

from cluster.domain.story.job import Job
from cluster.errors import ProviderMissing
from cluster.settings import ASSETS

from . import demo_learn, service
from .client import Client
from .console import Json, coloured, print_json, reports, score
from .contact_sheet import Panel, contact_sheet
from .progress import follow, follow_quietly, step_line

KAIRO = ASSETS / "kairo"
ADAPTER = "char_kairo_v1.safetensors"
STORY = "demo"
SCENES = (
    "Generate scene where Kairo fights in rain",
    "Kairo, still wounded, hides in the neon market",
)
SEED = 2077


class Finished(NamedTuple):
    """A scene of the demo, and where its picture and report lie."""

    job: Job
    picture: Path | None
    report: Path


@reports
def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the pictures go.")] = Path(
        "out"
    ),
    home: Annotated[
        Path | None, typer.Option(file_okay=False, help="By default a new temporary folder.")
    ] = None,
    without_adapter: Annotated[
        bool, typer.Option("--without-adapter", help="What the base model alone makes of him.")
    ] = False,
    learn: Annotated[
        bool, typer.Option("--learn", help="Have a new actor learned: takes up to ten minutes.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the service up until Ctrl-C.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the first scene.")] = SEED,
    json_: Json = False,
) -> None:
    """Cast Kairo, ask for two scenes of one story, and show what became of them."""
    begun = time.monotonic()
    console = Console(highlight=False, quiet=json_)
    # Ended from outside we leave by the same door as always: the service must not outlive us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out.mkdir(parents=True, exist_ok=True)
    with _home(home) as folder, _service(folder, console) as server, Client(server.url) as client:
        if learn:
            learned = demo_learn.learn(client, console, out)
            elapsed = time.monotonic() - begun
            demo_learn.conclude(console, learned, elapsed)
            if json_:
                print_json(demo_learn.summary(learned, elapsed))
            return
        _cast(client, console)
        jobs = [
            _scene(client, console, scene, seed + at, adapter=0 if without_adapter else None)
            for at, scene in enumerate(SCENES)
        ]
        finished = [_write(client, job, at, out) for at, job in enumerate(jobs, start=1)]
        sheet = _sheet(client, jobs, out)
        elapsed = time.monotonic() - begun
        _conclude(console, finished, sheet, elapsed, without_adapter=without_adapter)
        if json_:
            print_json(_summary(finished, sheet, server.url if keep else None, elapsed))
        if keep:
            _stay(server, console)


@contextmanager
def _home(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="cineai-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _service(home: Path, console: Console) -> Iterator[service.Service]:
    begun = time.monotonic()
    with ExitStack() as stack:
        with console.status("starting Ray and the service"):
            server = stack.enter_context(service.running(home))
        console.print(step_line({"name": "service", "duration_ms": ms_since(begun)}, server.url))
        yield server
        # The server takes seconds to leave: whoever watches should know why.
        stack.enter_context(console.status("stopping the service"))


def _cast(client: Client, console: Console) -> None:
    """Kairo, unless this home has him, and his adapter."""
    begun = time.monotonic()
    references = sorted(KAIRO.glob("*.png"))
    adapter = KAIRO / ADAPTER
    if not references:
        raise ProviderMissing(f"{KAIRO} holds no reference pictures")
    with console.status("casting Kairo"):
        if not any(one.id == "kairo" for one in client.characters()):
            client.cast(json.loads((KAIRO / "profile.json").read_text()), references)
        told = f"{len(references)} references"
        if adapter.is_file():
            told += f", adapter {client.import_adapter('kairo', adapter).id}"
    console.print(step_line({"name": "cast Kairo", "duration_ms": ms_since(begun)}, told))


def ms_since(begun: float) -> float:
    """Milliseconds since a moment of `time.monotonic()`."""
    return (time.monotonic() - begun) * 1000


def _scene(client: Client, console: Console, prompt: str, seed: int, *, adapter: int | None) -> Job:
    console.print(f"\n[bold]{escape(prompt)}[/]")
    job = client.submit(
        {
            "cast": ["kairo"],
            "prompt": prompt,
            "story_id": STORY,
            "seed": seed,
            "adapter_version": adapter,
        }
    )
    job = follow_quietly(client, job.id) if console.quiet else follow(client, job.id, console)
    repairs = f", {len(job.result.repairs)} repairs" if job.result.repairs else ""
    console.print(f" {coloured(job.status)}, IDR {score(job.result.idr)}{repairs}")
    return job


def scene_report(job: Job) -> dict[str, Any]:
    """What is told of a scene, as JSON types."""
    result = job.result
    told: dict[str, Any] = {
        "job_id": job.id,
        "status": job.status,
        "request": job.request.prompt,
        "idr": result.idr,
        "identity": to_jsonable_python(result.identity),
        "raw_identity": to_jsonable_python(result.raw_identity),
        "repairs": to_jsonable_python(result.repairs),
        "steps": [
            {"name": one.name, "attempt": one.attempt, "duration_ms": round(one.duration_ms, 1)}
            for one in job.steps
        ],
        "prompt": result.prompt,
        "contradictions": to_jsonable_python(result.contradictions),
        "adapter": result.adapter,
        "seed": result.seed,
        "state": {
            "before": to_jsonable_python(result.state_before),
            "after": to_jsonable_python(result.state_after),
        },
        "problem": to_jsonable_python(job.problem),
    }
    return told


def _write(client: Client, job: Job, number: int, out: Path) -> Finished:
    picture: Path | None = None
    if job.result.artifact:
        picture = out / f"scene_{number}.png"
        picture.write_bytes(client.artifact(job.result.artifact))
    file = out / f"scene_{number}.json"
    file.write_text(json.dumps(scene_report(job), indent=2, ensure_ascii=False) + "\n")
    return Finished(job, picture, file)


def _sheet(client: Client, jobs: list[Job], out: Path) -> Path:
    """Draw the contact sheet of what the server holds."""

    def fetch(sha256: str | None) -> bytes | None:
        return client.artifact(sha256) if sha256 else None

    references = [client.artifact(one) for one in client.character("kairo").references[:4]]
    panels = [
        Panel(job, fetch(job.result.raw_artifact), fetch(job.result.artifact)) for job in jobs
    ]
    file = out / "contact_sheet.png"
    contact_sheet("Kairo", references, panels).save(file)
    return file


def _conclude(
    console: Console,
    finished: list[Finished],
    sheet: Path,
    elapsed: float,
    *,
    without_adapter: bool,
) -> None:
    console.print()
    for scene in finished:
        console.print(f"[dim]→[/] {scene.picture or 'no picture'}  {scene.report}")
    console.print(f"[dim]→[/] {sheet}   [dim]{elapsed:.0f} s[/]")
    for scene in finished:
        if scene.job.status == "succeeded":
            continue
        console.print(
            f"\n[yellow]A scene was {scene.job.status}[/]: “{escape(scene.job.request.prompt)}”"
        )
        if problem := scene.job.problem:
            console.print(f"  {escape(problem.message)}\n  [dim]→[/] {escape(problem.advice)}")
        console.print("  Its best picture is shown; nothing of it went into Kairo's memory.")
        if without_adapter:
            console.print("  That is what his adapter is for: run the demo without that option.")


def _summary(
    finished: list[Finished], sheet: Path, url: str | None, elapsed: float
) -> dict[str, Any]:
    scenes = [
        scene_report(one.job)
        | {"picture": one.picture and str(one.picture), "report": str(one.report)}
        for one in finished
    ]
    return {
        "scenes": scenes,
        "contact_sheet": str(sheet),
        "url": url,
        "elapsed_s": round(elapsed, 1),
    }


def _stay(server: service.Service, console: Console) -> None:
    console.print(f"\nThe service stays up at {server.url}   API: {server.url}/docs   Stop: Ctrl-C")
    try:
        server.process.wait()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
