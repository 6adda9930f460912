"""`cineai demo --learn`: an actor whom nobody has seen is cast, learned, judged and promoted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from cluster.domain.identity.score import PASS_IDR
from cluster.domain.learning.runs import LearningStatus, TrainingRun
from cluster.domain.story.job import Job
from cluster.errors import CineError, ProviderMissing
from cluster.settings import ASSETS

from .before_after import BeforeAfter, Take, before_after
from .client import Client
from .console import score
from .learning import follow_training
from .progress import follow_quietly

NEWCOMER = ASSETS / "newcomer"
PROMPTS = (
    "Mira waits in the rain on a street",
    "Mira, smiling, at the market",
    "Mira fights in the castle",
    "Mira looks up in the snow field",
    "Mira hides in the neon city",
)
SEED = 31
BATCH = 8
"""Pictures that are sent at once: a request is answered within seconds."""


class Learned(NamedTuple):
    """What the demo came to: the run, the pairs of pictures, and where the sheet lies."""

    run: TrainingRun
    pairs: list[BeforeAfter]
    sheet: Path


def learn(client: Client, console: Console, out: Path) -> Learned:
    """Cast, paint, feed, train, judge, and paint again. Raises CineError when training fails."""
    id = _cast(client, console)
    before = [_scene(client, console, id, at, 0) for at in range(len(PROMPTS))]
    run = _trained(client, console, id)
    version = run.adapter.version if run.adapter else 0
    after = [_scene(client, console, id, at, version) for at in range(len(PROMPTS))]
    pairs = [
        BeforeAfter(prompt, _take(client, one), _take(client, other))
        for prompt, one, other in zip(PROMPTS, before, after, strict=True)
    ]
    return Learned(run, pairs, _sheet(client, id, run, pairs, out))


def summary(learned: Learned, elapsed_s: float) -> dict[str, Any]:
    """What is told of it, as JSON types. A picture without a face has an IDR of 0."""
    run, pairs = learned.run, learned.pairs
    before, after = [one.before.idr for one in pairs], [one.after.idr for one in pairs]
    return {
        "pass_rate_before": pass_rate(before),
        "pass_rate_after": pass_rate(after),
        "idr_before": mean_idr(before),
        "idr_after": mean_idr(after),
        "promoted": run.status == "promoted",
        "reason": run.verdict.reason if run.verdict else "",
        "train_seconds": round(run.adapter.train_s, 1) if run.adapter else None,
        "verdict": run.verdict.model_dump(mode="json") if run.verdict else None,
        "contact_sheet": str(learned.sheet),
        "elapsed_s": round(elapsed_s, 1),
    }


def conclude(console: Console, learned: Learned, elapsed_s: float) -> None:
    """Tell a person what came of it."""
    told = summary(learned, elapsed_s)
    console.print(
        f"\nIDR {told['idr_before']:.3f} → {told['idr_after']:.3f}, "
        f"passing at once {told['pass_rate_before']:.0%} → {told['pass_rate_after']:.0%}"
    )
    if not told["promoted"]:
        console.print("[yellow]The gate refused it[/]: what was served before stays. The lower row")
        console.print(f"  shows what it would have painted. {escape(str(told['reason']))}")
    console.print(f"[dim]→[/] {learned.sheet}   [dim]{elapsed_s:.0f} s[/]")


def pass_rate(idrs: Sequence[float | None]) -> float:
    """Share that passes at once, without a repair."""
    return round(sum((one or 0.0) >= PASS_IDR for one in idrs) / len(idrs), 3)


def mean_idr(idrs: Sequence[float | None]) -> float:
    return round(sum(one or 0.0 for one in idrs) / len(idrs), 4)


def _cast(client: Client, console: Console) -> str:
    references = sorted(NEWCOMER.glob("reference_*.webp"))
    if not references:
        raise ProviderMissing(
            f"{NEWCOMER} holds no reference pictures",
            advice="Render them with `python -m training.studio newcomer`.",
        )
    document = json.loads((NEWCOMER / "profile.json").read_text())
    id = str(document["id"])
    if not any(one.id == id for one in client.characters()):
        client.cast(document, references)
    console.print(f"cast {escape(document['name'])}: {len(references)} references, no adapter")
    return id


def _trained(client: Client, console: Console, id: str) -> TrainingRun:
    """Feed approved scenes until a training begins by itself, and follow it to its end."""
    known = client.learning(id)
    last = known.run.id if known.run else None
    fed = _feed(client, console, id)
    if fed.images < fed.wanted:
        raise CineError(
            f"only {fed.images} of {fed.wanted} images were accepted",
            advice="Start from an empty home, or see `cineai learn status`.",
        )
    console.print(f"{fed.images} images: training begins")
    run = follow_training(client, id, console, after=last).run
    if run is None or run.status not in {"promoted", "refused"}:
        problem = run.problem if run else None
        raise CineError(
            f"training ended {run.status if run else 'before it began'}"
            f"{f': {problem.message}' if problem else ''}",
            advice=problem.advice if problem else "See the service's log.",
        )
    return run


def _feed(client: Client, console: Console, id: str) -> LearningStatus:
    pictures = sorted(NEWCOMER.glob("golden_*.webp"))
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        said = {one: one.with_suffix(".txt").read_text().strip() for one in batch}
        verdicts = client.add_golden(id, said)
        for picture, verdict in zip(batch, verdicts, strict=True):
            if not verdict.accepted:
                console.print(f"  [dim]{picture.name}: {escape(verdict.reason)}[/]")
        if (now := client.learning(id)).images >= now.wanted:
            return now
    return client.learning(id)


def _scene(client: Client, console: Console, id: str, at: int, version: int) -> Job:
    """One prompt in a story of its own, so that nothing before it shows in it."""
    order = {
        "character_id": id,
        "prompt": PROMPTS[at],
        "seed": SEED + at,
        "adapter_version": version,
        "story_id": f"{id}-v{version}-{at}",
    }
    job = follow_quietly(client, client.submit(order).id)
    if job.problem and job.result.raw_artifact is None:
        raise CineError(job.problem.message, advice=job.problem.advice)
    raw = job.result.raw_identity
    idr = score(raw.idr if raw else None)
    console.print(f"  {escape(PROMPTS[at]):<40} {job.result.adapter or 'no adapter'}: IDR {idr}")
    return job


def _take(client: Client, job: Job) -> Take:
    """The picture as it was painted, before any repair."""
    raw, artifact = job.result.raw_identity, job.result.raw_artifact
    return Take(client.artifact(artifact) if artifact else None, raw.idr if raw else None)


def _sheet(client: Client, id: str, run: TrainingRun, pairs: list[BeforeAfter], out: Path) -> Path:
    character = client.character(id)
    references = [client.artifact(one) for one in character.references]
    names = ("no adapter", f"char_{id}_v{run.adapter.version if run.adapter else 0}, {run.status}")
    file = out / "learned.png"
    before_after(f"{character.name} before and after", names, references, pairs).save(file)
    return file
