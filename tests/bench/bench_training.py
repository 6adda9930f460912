"""What a training run is worth on this machine: `python -m tests.bench.bench_training [--actor 1]`.

An actor whom the embedded model never saw is rendered, 8 references and 32 scenes, trained with
the preset, and painted on scenes of its own: the same words and seeds before (no adapter, no
trigger) and after. Prints one JSON object and writes a contact sheet, before above after.
"""

import json
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import psutil
import typer

from cluster import providers
from cluster.domain.adapter import AdapterVersion
from cluster.domain.character import Character
from cluster.domain.render import RenderOrder
from cluster.domain.training import TrainedAdapter, TrainingOrder
from cluster.identity_judge import IdentityJudge
from cluster.launch import local_ray
from cluster.pictures import to_png
from cluster.ports import ImageModel, Pixels
from cluster.settings import Settings, StoreSettings, TrainingSettings
from cluster.store import Store
from training import dataset
from training.captions import looks_of, other_caption, scene_caption, with_looks
from training.dataset import Source
from training.studio import role
from training.studio.actor import random_actor
from training.studio.render import Renderer, shipped_head
from training.studio.role import portraits, state_of
from training.studio.sheet import save, sheet
from training.studio.shot import random_shot

SCENES, JUDGED = 32, 24


def cast(number: int, store: Store, side_px: int) -> tuple[Character, list[Source]]:
    """A new actor with its pictures among the blobs."""
    dice = np.random.default_rng([99, number])
    actor = random_actor(dice)
    references = portraits(actor, Renderer(2 * side_px, shipped_head()))
    character = role.cast(f"actor-{number}", actor, references, store.blobs)
    store.characters.add(character)
    shots = [random_shot(dice) for _ in range(SCENES)]
    renderer = Renderer(side_px, shipped_head())
    golden = [
        Source(
            sha256=store.blobs.put(to_png(renderer.render(actor, shot))),
            kind="golden",
            state=state_of(shot),
            job_id=str(at),
        )
        for at, shot in enumerate(shots)
    ]
    return character, [*dataset.sources(character, []), *golden]


def judged(
    model: ImageModel, judge: IdentityJudge, character: Character, adapter: TrainedAdapter | None
) -> tuple[list[float], list[Pixels]]:
    """IDR (0 without a face) of every judged scene, and the pictures."""
    dice = np.random.default_rng(555)
    served = adapter and AdapterVersion(
        character_id=adapter.character_id, version=adapter.version, sha256=adapter.sha256,
        base_model=adapter.base_model, rank=adapter.rank, alpha=adapter.alpha,
    )  # fmt: skip
    scores, pictures = [], []
    for seed in range(JUDGED):
        state = state_of(random_shot(dice)).model_copy(update={"pose": "facing the camera"})
        words = other_caption(character.profile, state)
        if adapter:
            named = scene_caption(adapter.trigger, character.profile, state)
            words = with_looks(named, looks_of(character.profile))
        order = RenderOrder(prompt=words, seed=seed, adapter=served or None)
        pictures.append(model.render(order).pixels)
        scores.append(judge.report(pictures[-1], character).idr or 0.0)
    return scores, pictures


def watch_processor(seconds: list[float], over: threading.Event) -> None:
    """Keep the processor time of the one training worker, all threads."""
    while not over.wait(1.0):
        workers = [
            one for one in psutil.process_iter(["name"]) if "RayTrainWork" in one.info["name"]
        ]
        for worker in workers:
            times = worker.cpu_times()
            seconds.append(times.user + times.system)


def main(
    actor: Annotated[int, typer.Option(help="Which of the endless actors.")] = 1,
    recipe: Annotated[str, typer.Option(help="Changes to the preset, JSON.")] = "{}",
    out: Annotated[Path, typer.Option(help="The contact sheet.")] = Path("out/training.png"),
) -> None:
    with TemporaryDirectory() as home:
        settings = Settings(
            store=StoreSettings(home=Path(home)),
            training=TrainingSettings(recipe=json.loads(recipe)),
        )
        store = Store.open(settings.store)
        judge = IdentityJudge(settings)
        side_px = settings.learner.resolution_px
        character, sources = cast(actor, store, side_px)
        digest, manifest = dataset.build(
            character, sources, store.blobs, judge.encoder, side_px, judge.tagger
        )
        order = TrainingOrder(
            run_id="bench", character_id=character.id, version=1, manifest=digest,
            trigger=manifest.trigger,
        )  # fmt: skip
        figures: dict[str, float | None] = {
            "samples": len(manifest.samples),
            "dropped": len(manifest.dropped),
        }
        began, processor, over = time.monotonic(), [0.0], threading.Event()
        threading.Thread(target=watch_processor, args=(processor, over), daemon=True).start()
        with local_ray():
            from training.lora import fit

            adapter = fit(
                order, settings, lambda news: typer.echo(news.model_dump_json(), err=True)
            )
        over.set()
        figures |= {
            "seconds": round(time.monotonic() - began),
            "processor_seconds": round(max(processor)),
            "best_step": adapter.best_step,
            "probe_idr": adapter.probe_idr,
        }
        model = providers.image_model(settings.generator, store.blobs)
        before, plain = judged(model, judge, character, None)
        after, trained = judged(model, judge, character, adapter)
        store.close()
    figures |= {
        "idr_before": float(np.mean(before)),
        "idr_after": float(np.mean(after)),
        "pass_rate_before": float(np.mean(np.array(before) >= 0.75)),
        "pass_rate_after": float(np.mean(np.array(after) >= 0.75)),
    }
    rows = [
        part for at in range(0, JUDGED, 8) for part in (plain[at : at + 8], trained[at : at + 8])
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    save(str(out), sheet(np.stack([one for row in rows for one in row]), 8))
    typer.echo(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
