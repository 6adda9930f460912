"""A training as it happens, in words: where it stands, its steps, and the gate's verdict."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from cluster.domain.learning.runs import OVER, LearningStatus, TrainingEvent, TrainingRun
from cluster.domain.learning.training import Measure

from .client import Client
from .console import score

COLOURS = {"promoted": "green", "refused": "yellow", "failed": "red", "cancelled": "dim"}


def describe(status: LearningStatus) -> str:
    """How a character's learning stands, marked up."""
    lines = [f"{status.images} images; the next training begins by itself at {status.wanted}"]
    if status.paused:
        lines.append("[yellow]paused[/]: `cineai learn resume` lets it go on")
    if status.run:
        lines += run_lines(status.run)
    return f"[bold]{escape(status.character_id)}[/]: " + "\n  ".join(lines)


def run_lines(run: TrainingRun) -> list[str]:
    """A run and what came of it."""
    lines = [f"run {run.id[:8]}: [{COLOURS.get(run.status, 'cyan')}]{run.status}[/]"]
    if run.progress and run.status == "training":
        lines.append(_step(run.progress.model_dump()))
    if run.status == "judging":
        lines.append(f"{run.judged} of {run.to_judge} pictures judged")
    if run.problem:
        lines.append(f"[red]{escape(run.problem.message)}[/] → {escape(run.problem.advice)}")
    if run.verdict:
        if run.verdict.reason:
            lines.append(escape(run.verdict.reason))
        lines += [measure_line(one) for one in run.verdict.measures]
    return lines


def measure_line(measure: Measure) -> str:
    """` ✓ idr  0.412 → 0.803   +0.31 to +0.47`, marked up."""
    mark = "[green]✓[/]" if measure.passed else "[yellow]✗[/]"
    told = f"{mark} {measure.name.replace('_', ' '):<11}"
    told += f"{score(measure.champion):>7} → {score(measure.challenger):<7}"
    if measure.low is not None and measure.high is not None:
        told += f" [dim]difference {measure.low:+.3f} to {measure.high:+.3f}[/]"
    return told


def follow_training(
    client: Client, character: str, console: Console, *, after: str | None = None
) -> LearningStatus:
    """Show a character's training until the gate has decided; how it stands then.

    Args:
        after: A run that is over; the one after it is followed. Null: the first there is.
    """
    skipping = after is not None
    with _bars(console) as bars:
        task = bars.add_task("waiting", total=None)
        for event in client.training_events(character):
            if skipping:
                skipping = not (event.run_id == after and event.data.get("status") in OVER)
                continue
            _show(event, bars, task)
            if event.data.get("status") in OVER:
                break
    status = client.learning(character)
    console.print(describe(status))
    return status


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=console.quiet,
    )


def _show(event: TrainingEvent, bars: Progress, task: TaskID) -> None:
    data = event.data
    match event.kind:
        case "status":
            bars.update(task, description=str(data["status"]), total=None)
            if problem := data.get("problem"):
                bars.console.print(f"[red]{escape(str(problem['message']))}[/]; tried again later")
        case "progress":
            bars.update(task, description=_step(data), completed=data["step"], total=data["steps"])
        case "judging":
            done, of = data["judged"], data["to_judge"]
            bars.update(task, description="the gate judges", completed=done, total=of)


def _step(progress: dict[str, object]) -> str:
    said = [f"step {progress['step']} of {progress['steps']}"]
    if progress.get("loss") is not None:
        said.append(f"loss {progress['loss']:.4f}")
    if progress.get("probe_idr") is not None:
        said.append(f"probe IDR {progress['probe_idr']:.3f}")
    return ", ".join(said)
