"""One Ray Train worker: it loads the model and the training set, trains its part of every batch,
and lets Ray keep its checkpoints. The first worker speaks for all and writes the adapter.
"""

import tempfile
import time
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import ray
import ray.train
import ray.train.torch
import torch
import torch.distributed

from cluster.codecs.images import decode_image
from cluster.domain.character import Character
from cluster.domain.identity.face import Face
from cluster.domain.learning.training import Progress, TrainedAdapter, TrainingOrder
from cluster.errors import CineError
from cluster.identity_judge import IdentityJudge
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.providers.diffusers.load import load_pipeline
from cluster.settings import Recipe, Settings
from cluster.store.blobs import Blobs
from training.data.captions import with_looks
from training.data.curation import look
from training.data.dataset import Manifest, load
from training.gate.picture_scores import Scorer
from training.lora.adapter_writer import Label, write
from training.lora.examples import BatchSampler, Captioned, LatentCache
from training.lora.families import Denoiser, denoiser_of
from training.lora.identity_loss import IdentityLoss
from training.lora.objectives import Objective, objective_of
from training.lora.painter import PipelinePainter
from training.lora.presets import family_of
from training.lora.prior import other_people
from training.lora.probe import PictureScore, Prober, ProbeScore, probes_for
from training.lora.progress_channel import ProgressChannel
from training.lora.recogniser import recogniser_of
from training.lora.run import Run, State
from training.lora.spots import spots_of
from training.lora.trainer import LoraTrainer

STATE = "state.pt"

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """All that a worker is told; `channel` is a handle of the run's ProgressChannel."""

    order: TrainingOrder
    settings: Settings
    recipe: Recipe
    character: Character
    channel: ProgressChannel
    threads: int


def work(config: dict[str, Job]) -> TrainedAdapter | CineError | None:
    """What every worker runs: the adapter, or None when it was stopped before its end. What another
    try would not mend is handed over and not raised, for Ray starts those that raise again."""
    try:
        return Worker(config["job"]).run()
    except CineError as error:
        return error


class Worker:
    """Lives in a process of Ray Train's, and nowhere else."""

    def __init__(self, job: Job) -> None:
        self._began = time.monotonic()
        self._job = job
        context = ray.train.get_context()
        self._rank, self._workers = context.get_world_rank(), context.get_world_size()
        self._base: BaseFolder = base_folder(job.settings.generator.model)
        self._blobs = Blobs(job.settings.store.blob_root)
        self._manifest: Manifest = load(job.order.manifest, self._blobs)
        torch.set_num_threads(job.threads)

    def run(self) -> TrainedAdapter | None:
        trainer = LoraTrainer(
            self._denoiser,
            self._course(),
            self._job.recipe,
            identity=self._identity_loss(),
            rank=self._rank,
            workers=self._workers,
        )
        run = Run(trainer, self._job.recipe, self, started=self._began)
        checkpoint = ray.train.get_checkpoint()
        if checkpoint:
            with checkpoint.as_directory() as folder:
                run.restore(torch.load(Path(folder) / STATE, weights_only=True))
        if not run.go():
            return None
        return self._finished(run, trainer) if self._rank == 0 else None

    def scores(self) -> list[PictureScore]:
        mine = self._prober.scores(self._rank, self._workers)
        return [score for part in self._gathered(mine) for score in part]

    def agree(self, total: int) -> int:
        return self._gathered(total)[0]

    def save(self, state: State) -> None:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if self._rank == 0:
                torch.save(state, Path(folder) / STATE)
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report({"step": state["record"]["step"]}, checkpoint=checkpoint)

    def tell(self, step: int, total: int, loss: float, probe: ProbeScore | None) -> bool:
        due = probe or step == total or step % self._job.settings.training.report_every == 0
        if self._rank or not due:
            return True
        news = Progress(
            run_id=self._job.order.run_id,
            step=step,
            steps=total,
            loss=loss,
            probe_idr=probe.idr if probe else None,
        )
        return self._job.channel.tell(news)

    def _gathered(self, mine: T) -> list[T]:
        """Every worker's value, in order of rank."""
        if self._workers == 1:
            return [mine]
        found = [mine] * self._workers
        torch.distributed.all_gather_object(found, mine)
        return found

    @cached_property
    def _denoiser(self) -> Denoiser:
        pipe = load_pipeline(self._base, ray.train.torch.get_device())
        return denoiser_of(family_of(self._base), pipe, self._base.component)

    @cached_property
    def _judge(self) -> IdentityJudge:
        return IdentityJudge(self._job.settings)

    @cached_property
    def _painter(self) -> PipelinePainter:
        settings = self._job.settings.generator
        return PipelinePainter(self._denoiser.pipe, settings, self._manifest.resolution_px)

    @cached_property
    def _prober(self) -> Prober:
        order, recipe = self._job.order, self._job.recipe
        frames = [sample for sample in self._manifest.samples if sample.crop == "frame"]
        known = [look(decode_image(self._blobs.get(frame.image))) for frame in frames]
        return Prober(
            partial(self._painter, adapted=True),
            Scorer(self._judge, self._job.character, known),
            probes_for(self._job.character, order.trigger, self._manifest.looks, recipe.probes),
        )

    @cached_property
    def _own(self) -> LatentCache:
        samples = self._manifest.samples
        pictures = np.stack([decode_image(self._blobs.get(sample.image)) for sample in samples])
        wordings = [(one.caption, with_looks(one.caption, self._manifest.looks)) for one in samples]
        faces: list[Face | None] = []
        recipe = self._job.recipe
        if recipe.identity_weight or recipe.detail_weight:
            faces = [next(iter(self._judge.encoder.faces(one)), None) for one in pictures]
        return LatentCache(
            self._denoiser,
            Captioned(pictures, wordings, faces),
            spots_of(self._job.character.profile.marks),
            recipe.detail_weight,
        )

    @cached_property
    def _objective(self) -> Objective:
        tokens = self._own.latents.shape[-2] * self._own.latents.shape[-1] // 4
        return objective_of(self._denoiser.pipe.scheduler, self._job.recipe.snr_gamma, tokens)

    def _course(self) -> BatchSampler:
        recipe, others = self._job.recipe, None
        if recipe.prior_share and recipe.prior_pictures:
            others = LatentCache(self._denoiser, self._others(recipe.prior_pictures))
        return BatchSampler(
            self._own, others, self._denoiser.read([""])[0], self._objective, recipe
        )

    def _identity_loss(self) -> IdentityLoss | None:
        if not self._job.recipe.identity_weight:
            return None
        character, judge = self._job.character, self._judge
        recogniser = recogniser_of(self._job.settings.identity)
        return IdentityLoss(
            self._denoiser,
            self._objective,
            recogniser.to(ray.train.torch.get_device()),
            known=judge.known(character),
            centre=judge.calibration(character.domain).centre,
        )

    def _others(self, count: int) -> Captioned:
        generator, side_px = self._job.settings.generator, self._manifest.resolution_px
        key = f"{self._base.sha256[:16]}-{side_px}-{generator.steps}-{generator.guidance:g}"
        cache = self._job.settings.store.folder / "cache" / "others"
        return other_people(self._painter, count, cache, key)

    def _finished(self, run: Run, trainer: LoraTrainer) -> TrainedAdapter:
        order, record = self._job.order, run.record
        rank, alpha = self._job.recipe.rank, self._job.recipe.alpha
        winner = record.winner
        label = Label(
            character_id=order.character_id,
            version=order.version,
            base_model=self._base.id,
            base_sha256=self._base.sha256,
            family=family_of(self._base),
            component=self._base.component,
            manifest=order.manifest,
            trigger=order.trigger,
            rank=rank,
            alpha=alpha,
            targets=tuple(trainer.targets),
            resolution_px=self._manifest.resolution_px,
            best_step=record.best_step,
            idr_before=record.first.idr if record.first else None,
            idr_after=winner.idr if winner else None,
        )
        return TrainedAdapter(
            run_id=order.run_id,
            character_id=order.character_id,
            version=order.version,
            sha256=self._blobs.put(write(record.best, label)),
            manifest=order.manifest,
            base_model=self._base.id,
            rank=rank,
            alpha=alpha,
            trigger=order.trigger,
            best_step=record.best_step,
            probe_idr=winner.idr if winner else None,
            train_s=record.spent_s,
        )
