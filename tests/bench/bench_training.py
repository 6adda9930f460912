"""What a training run is worth on this machine: `python -m tests.bench.bench_training [--actor 1]`.

An actor whom the embedded model never saw is rendered, 8 references and 32 scenes, and trained with
the preset. Then the gate's scenes are painted three times, same words and seeds: from words alone,
with the references through the image-prompt adapter, and with the trained adapter; and the gate
decides. Prints one JSON object and writes a contact sheet, the three above one another.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import psutil
import typer

from cluster import providers
from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character
from cluster.domain.identity.score import PASS_IDR
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.learning.training import TrainedAdapter, TrainingOrder
from cluster.domain.render import RenderOrder
from cluster.identity_judge import IdentityJudge
from cluster.launch import local_ray
from cluster.ports import Pixels
from cluster.settings import Settings, StoreSettings, TrainingSettings
from cluster.store import Store
from training.data import dataset
from training.data.curation import signature_of
from training.data.dataset import Manifest, SourceImage
from training.gate.evaluate import gate_measures, is_pass, refusal_reason
from training.gate.picture_scores import ScoredImage, Scorer
from training.gate.scenes import GateScene, Prompter, gate_scenes
from training.studio.cast import role
from training.studio.cast.role import reference_pictures, state_of
from training.studio.renderer.actor import random_actor
from training.studio.renderer.render import Renderer, shipped_head
from training.studio.renderer.shot import random_shot
from training.studio.report.sheet import picture_grid, save_sheet

SCENES, COLUMNS = 32, 8


def cast(number: int, store: Store, side_px: int) -> tuple[Character, list[SourceImage]]:
    """A new actor with its pictures among the blobs."""
    dice = np.random.default_rng([99, number])
    actor = random_actor(dice)
    references = reference_pictures(actor, Renderer(2 * side_px, shipped_head()))
    character = role.character_of(f"actor-{number}", actor, references, store.blobs)
    store.characters.add(character)
    shots = [random_shot(dice) for _ in range(SCENES)]
    renderer = Renderer(side_px, shipped_head())
    golden = [
        SourceImage(
            sha256=store.blobs.put(to_png(renderer.render(actor, shot))),
            kind="golden",
            state=state_of(shot),
            job_id=str(at),
        )
        for at, shot in enumerate(shots)
    ]
    return character, [*dataset.source_images(character, []), *golden]


@dataclass(frozen=True)
class Batcher:
    """Paints the gate's scenes of one character in different ways."""

    settings: Settings
    store: Store
    judge: IdentityJudge
    character: Character
    manifest: Manifest

    def compared(self, adapter: TrainedAdapter) -> dict[str, list[ScoredImage]]:
        """Every scene's picture, scored, by what it was painted with."""
        scenes = gate_scenes(
            self.character,
            [sample.caption for sample in self.manifest.samples],
            self.settings.gate.scenes,
        )
        generator = self.settings.generator
        model = providers.image_model(generator, self.store.blobs, self.settings.identity)
        prompter = Prompter(
            model.capabilities.token_budget,
            providers.token_counter(generator),
            providers.model_profile(self.settings).profile,
        )
        served = AdapterVersion(
            character_id=adapter.character_id,
            version=adapter.version,
            sha256=adapter.sha256,
            base_model=adapter.base_model,
            rank=adapter.rank,
            alpha=adapter.alpha,
        )
        known = [
            signature_of(decode_image(self.store.blobs.get(one.image)))
            for one in self.manifest.samples
        ]
        scorer = Scorer(self.judge, self.character, known)

        def painted(order: Callable[[GateScene], RenderOrder]) -> list[ScoredImage]:
            return [scorer.score(model.render(order(one)).pixels, one.state) for one in scenes]

        def plain(scene: GateScene) -> RenderOrder:
            prompt, negative = prompter.prompts(scene, self.character, None)
            return RenderOrder(prompt=prompt, negative_prompt=negative, seed=scene.seed)

        def referred(scene: GateScene) -> RenderOrder:
            return plain(scene).model_copy(update={"references": self.character.references})

        def adapted(scene: GateScene) -> RenderOrder:
            prompt, negative = prompter.prompts(scene, self.character, adapter.trigger)
            return RenderOrder(
                prompt=prompt, negative_prompt=negative, seed=scene.seed, adapter=served
            )

        return {
            "words": painted(plain),
            "references": painted(referred),
            "adapter": painted(adapted),
        }


def figures_of(pictures: dict[str, list[ScoredImage]], settings: Settings) -> dict[str, object]:
    """Mean IDR (0 without a face), share that passes by the whole score and by the face alone of
    each row, and the gate's decision."""
    measures = gate_measures(pictures["words"], pictures["adapter"], settings.gate)
    return {
        "idr": {
            name: round(float(np.mean([one.idr or 0.0 for one in row])), 4)
            for name, row in pictures.items()
        },
        "pass_rate": {
            name: round(float(np.mean([is_pass(one) for one in row])), 4)
            for name, row in pictures.items()
        },
        "face_pass_rate": {
            name: round(float(np.mean([face_of(one) >= PASS_IDR for one in row])), 4)
            for name, row in pictures.items()
        },
        "promoted": all(one.passed for one in measures),
        "reason": "; ".join(refusal_reason(one) for one in measures if not one.passed),
        "measures": {
            one.name: (round(one.champion or 0, 3), round(one.challenger or 0, 3))
            for one in measures
        },
    }


def face_of(scored: ScoredImage) -> float:
    """The face's own part of the IDR; 0 without a face."""
    scores = [part.score for part in scored.identity.parts if part.name == "face"]
    return (scores[0] or 0.0) if scores else 0.0


def rows_of(pictures: dict[str, list[ScoredImage]]) -> list[Pixels]:
    """The pictures in the order of the contact sheet."""
    rows: list[Sequence[ScoredImage]] = list(pictures.values())
    count = len(rows[0])
    return [
        scored.pixels
        for at in range(0, count, COLUMNS)
        for row in rows
        for scored in row[at : at + COLUMNS]
    ]


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
    threads: Annotated[int | None, typer.Option(help="Of the worker; default: as served.")] = None,
    out: Annotated[Path, typer.Option(help="The contact sheet.")] = Path("out/training.png"),
) -> None:
    with TemporaryDirectory() as home:
        settings = Settings(
            store=StoreSettings(home=Path(home)),
            training=TrainingSettings(recipe=json.loads(recipe), threads=threads),
        )
        store = Store.open(settings.store)
        judge = IdentityJudge(settings)
        side_px = providers.model_profile(settings).profile.training_resolution_px
        character, sources = cast(actor, store, side_px)
        digest, manifest = dataset.build_dataset(
            character, sources, store.blobs, judge.encoder, side_px, judge.tagger
        )
        order = TrainingOrder(
            run_id="bench",
            character_id=character.id,
            version=1,
            manifest=digest,
            trigger=manifest.trigger,
        )
        began, processor, over = time.monotonic(), [0.0], threading.Event()
        threading.Thread(target=watch_processor, args=(processor, over), daemon=True).start()
        with local_ray():
            from training.lora.ray_train import train_lora

            adapter = train_lora(
                order, settings, lambda news: typer.echo(news.model_dump_json(), err=True)
            )
        over.set()
        figures: dict[str, object] = {
            "actor": actor,
            "samples": len(manifest.samples),
            "dropped": len(manifest.dropped),
            "seconds": round(time.monotonic() - began),
            "processor_seconds": round(max(processor)),
            "best_step": adapter.best_step,
            "probe_idr": adapter.probe_idr,
        }
        pictures = Batcher(settings, store, judge, character, manifest).compared(adapter)
        store.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    save_sheet(out, picture_grid(np.stack(rows_of(pictures)), COLUMNS))
    typer.echo(json.dumps(figures | figures_of(pictures, settings)))


if __name__ == "__main__":
    typer.run(main)
