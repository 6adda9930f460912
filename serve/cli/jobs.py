"""`cineai jobs`: scenes on their way."""

from typing import Annotated

import typer
from rich.markup import escape

from cluster.domain.story.job import Job

from .console import Json, Key, Url, coloured, people, print_json, reports, score, server, table
from .progress import follow, follow_quietly

jobs = typer.Typer(help="Jobs: one scene each.", no_args_is_help=True)

JobArgument = Annotated[str, typer.Argument(metavar="JOB")]


@jobs.command("list")
@reports
def list_jobs(
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded …")] = None,
    character: Annotated[str | None, typer.Option(help="Of this character.")] = None,
    story: Annotated[str | None, typer.Option(help="Of this story.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show the newest jobs."""
    with server(url, key) as client:
        found = client.jobs(limit, status=status, character=character, story=story)
    if json_:
        print_json({"items": found})
        return
    rows = table("job", "status", "IDR", "character", "prompt")
    for job in found:
        idr = "" if job.result.idr is None else f"{job.result.idr:.3f}"
        prompt = escape(job.request.prompt)
        rows.add_row(job.id, coloured(job.status), idr, job.request.character_id, prompt)
    people().print(rows)


@jobs.command("show")
@reports
def show_job(id: JobArgument, url: Url = None, key: Key = None, json_: Json = False) -> None:
    """Show one job: its steps, score and what became of it."""
    with server(url, key) as client:
        job = client.job(id)
    if json_:
        print_json(job)
        return
    rows = table("step", "ms")
    for step in job.steps:
        rows.add_row(step.name, f"{step.duration_ms:.0f}")
    people().print(rows)
    tell(job)


@jobs.command("watch")
@reports
def watch_job(id: JobArgument, url: Url = None, key: Key = None, json_: Json = False) -> None:
    """Follow a job until it has ended."""
    with server(url, key) as client:
        job = follow_quietly(client, id) if json_ else follow(client, id, people())
    if json_:
        print_json(job)
        return
    tell(job)


@jobs.command("cancel")
@reports
def cancel_job(id: JobArgument, url: Url = None, key: Key = None, json_: Json = False) -> None:
    """Cancel a job that has not ended."""
    with server(url, key) as client:
        job = client.cancel(id)
    if json_:
        print_json(job)
        return
    tell(job)


def tell(job: Job) -> None:
    """How a job stands, in a line or two."""
    console = people()
    idr = f"  IDR {score(job.result.idr)}" if job.result.identity else ""
    console.print(f"{coloured(job.status)}{idr}  [dim]{job.id}[/]")
    if job.problem:
        console.print(f"  {job.problem.code}: {escape(job.problem.message)}")
        console.print(f"  [dim]→[/] {escape(job.problem.advice)}")
