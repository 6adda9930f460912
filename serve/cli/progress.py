"""A job as it happens: one line a step, with its time and what it did."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from cluster.domain.story.job import Job, JobEvent

from .client import Client
from .console import coloured, score

DOING = {
    "context": "recalling the story",
    "adapter": "choosing the adapter",
    "prompt": "writing the prompt",
    "render": "rendering",
    "validate": "measuring the identity",
    "repair": "repairing the face",
    "analyze": "reading the picture",
    "remember": "remembering",
    "collect": "collecting",
}


def follow(client: Client, job_id: str, console: Console) -> Job:
    """Show a job until it has ended; the job as it ended."""
    with console.status("queued") as status:
        for event in client.events(job_id):
            show_event(event, console, status)
    return client.job(job_id)


def follow_quietly(client: Client, job_id: str) -> Job:
    """Wait until a job has ended."""
    for _ in client.events(job_id):
        pass
    return client.job(job_id)


def show_event(event: JobEvent, console: Console, status: Status) -> None:
    """One event: a finished step as a line, anything else as what is being done."""
    match event.kind:
        case "step":
            console.print(step_line(event.data))
        case "progress" if step := event.data.get("step"):
            status.update(DOING.get(str(step), str(step)))
        case "status":
            status.update(coloured(str(event.data.get("status", ""))))


def step_line(step: Mapping[str, Any], said: str | None = None) -> str:
    """` ✓ render     0.91 s   seed 7`, marked up; `said` in place of what the step itself tells."""
    name, detail = str(step["name"]), step.get("detail") or {}
    again = f" {step['attempt']}" if step.get("attempt", 1) > 1 else ""
    said = TELLING.get(name, _nothing)(detail) if said is None else escape(said)
    label = escape(f"{name}{again}")
    return f" [green]✓[/] {label:<12}{step['duration_ms'] / 1000:7.2f} s   [dim]{said}[/]"


def _nothing(_: Mapping[str, Any]) -> str:
    return ""


def _context(detail: Mapping[str, Any]) -> str:
    return f"after scene {detail.get('after_scene', 0)}"


def _adapter(detail: Mapping[str, Any]) -> str:
    return escape(str(detail.get("adapter") or "no adapter"))


def _prompt(detail: Mapping[str, Any]) -> str:
    said = [escape(str(detail.get("prompt", "")))]
    for one in detail.get("contradictions") or ():
        told = f"{one['field']}: {one['requested']} ≠ {one['state']}"
        level = one.get("level", "contradiction")  # jobs of an older version had no questions
        said.append(f"[yellow]{level} in {escape(told)}[/]")
    if left_out := detail.get("left_out"):
        said.append(f"[yellow]no room for {escape(', '.join(left_out))}[/]")
    return "\n".join([said[0], *(f"{'':26}{line}" for line in said[1:])])


def _render(detail: Mapping[str, Any]) -> str:
    return f"seed {detail.get('seed')}, {escape(str(detail.get('model', '')))}"


def _validate(detail: Mapping[str, Any]) -> str:
    colour = "green" if detail.get("verdict") == "pass" else "yellow"
    return f"[{colour}]IDR {score(detail.get('idr'))}, {detail.get('verdict')}[/]"


def _repair(detail: Mapping[str, Any]) -> str:
    kept = "kept" if detail.get("kept") else "not kept"
    return f"IDR {score(detail.get('idr_before'))} → {score(detail.get('idr'))}, {kept}"


def _remember(detail: Mapping[str, Any]) -> str:
    return f"scene {detail.get('scene')} of the story"


def _collect(detail: Mapping[str, Any]) -> str:
    if detail.get("golden"):
        return "golden: joins the training set"
    return escape(f"not golden: {detail.get('reason', '')}")


TELLING: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "context": _context,
    "adapter": _adapter,
    "prompt": _prompt,
    "render": _render,
    "validate": _validate,
    "repair": _repair,
    "remember": _remember,
    "collect": _collect,
}
