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
from cluster.providers.diffusers.profile import in_force
from cluster.settings import Recipe, Settings
from cluster.store.blobs import Blobs
from cluster.telemetry import logger
from training.data.captions import with_looks
from training.data.curation import signature_of
from training.data.dataset import Manifest, load_manifest
from training.gate.picture_scores import Scorer
from training.loop import State
from training.lora.adapter_writer import AdapterHeader, adapter_bytes
from training.lora.batch_sampler import BatchSampler
from training.lora.detail_weights import face_details
from training.lora.families import Denoiser, denoiser_of
from training.lora.identity_loss import IdentityLoss, pack_identity_loss
from training.lora.latent_cache import CaptionedImages, LatentCache
from training.lora.objectives import Objective, objective_of
from training.lora.painter import PipelinePainter
from training.lora.presets import family_of
from training.lora.prior import class_images
from training.lora.probe import PictureScore, Prober, ProbeScore, probes_for
from training.lora.progress_channel import ProgressChannel
from training.lora.run import Run
from training.lora.trainer import LoraTrainer

STATE = "state.pt"

log = logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerConfig:
    """All that a worker is told; `channel` is a handle of the run's ProgressChannel."""

    order: TrainingOrder
    settings: Settings
    recipe: Recipe
    character: Character
    channel: ProgressChannel
    threads: int


def train_loop_per_worker(configs: dict[str, WorkerConfig]) -> TrainedAdapter | CineError | None:
    """What every worker runs: the adapter, or None when it was stopped before its end. What another
    try would not mend is handed over and not raised, for Ray starts those that raise again."""
    try:
        return Worker(configs["worker"]).run()
    except CineError as error:
        return error


class Worker:
    """Lives in a process of Ray Train's, and nowhere else."""

    def __init__(self, config: WorkerConfig) -> None:
        self._began = time.monotonic()
        self._config = config
        context = ray.train.get_context()
        self._rank, self._workers = context.get_world_rank(), context.get_world_size()
        self._base: BaseFolder = base_folder(config.settings.generator.model)
        self._profile = in_force(self._base.profile, config.settings.generator).profile
        self._blobs = Blobs(config.settings.store.blob_root)
        self._manifest: Manifest = load_manifest(config.order.manifest, self._blobs)
        torch.set_num_threads(config.threads)

    def run(self) -> TrainedAdapter | None:
        trainer = LoraTrainer(
            self._denoiser,
            self._sampler(),
            self._config.recipe,
            identity=self._identity_loss(),
            rank=self._rank,
            workers=self._workers,
            began=self._began,
        )
        run = Run(trainer, self._config.recipe, self)
        checkpoint = ray.train.get_checkpoint()
        if checkpoint:
            with checkpoint.as_directory() as folder:
                state = torch.load(Path(folder) / STATE, weights_only=True, map_location="cpu")
            if not run.restore(state):
                log.warning("training.starts_again", run=self._config.order.run_id)
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
            ray.train.report({"step": state["loop"]["step"]}, checkpoint=checkpoint)

    def tell(self, step: int, total: int, loss: float, probe: ProbeScore | None) -> bool:
        due = probe or step == total or step % self._config.settings.training.report_every == 0
        if self._rank or not due:
            return True
        news = Progress(
            run_id=self._config.order.run_id,
            step=step,
            steps=total,
            loss=loss,
            probe_idr=probe.idr if probe else None,
        )
        return self._config.channel.tell(news)

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
        return IdentityJudge(self._config.settings)

    @cached_property
    def _painter(self) -> PipelinePainter:
        side_px = self._manifest.resolution_px
        return PipelinePainter(self._denoiser.pipe, self._profile, side_px)

    @cached_property
    def _prober(self) -> Prober:
        order, recipe = self._config.order, self._config.recipe
        frames = [sample for sample in self._manifest.samples if sample.crop == "frame"]
        known = [signature_of(decode_image(self._blobs.get(frame.image))) for frame in frames]
        return Prober(
            partial(self._painter, adapted=True),
            Scorer(self._judge, self._config.character, known),
            probes_for(self._config.character, order.trigger, self._manifest.looks, recipe.probes),
        )

    @cached_property
    def _own_images(self) -> LatentCache:
        samples = self._manifest.samples
        pixels = np.stack([decode_image(self._blobs.get(sample.image)) for sample in samples])
        wordings = [(one.caption, with_looks(one.caption, self._manifest.looks)) for one in samples]
        faces: list[Face | None] = []
        recipe = self._config.recipe
        if recipe.identity_weight or recipe.detail_weight:
            faces = [next(iter(self._judge.encoder.faces(one)), None) for one in pixels]
        return LatentCache(
            self._denoiser,
            CaptionedImages(pixels, wordings, faces),
            face_details(self._config.character.profile.marks),
            recipe.detail_weight,
        )

    @cached_property
    def _objective(self) -> Objective:
        tokens = self._own_images.latents.shape[-2] * self._own_images.latents.shape[-1] // 4
        return objective_of(self._denoiser.pipe.scheduler, self._config.recipe.snr_gamma, tokens)

    def _sampler(self) -> BatchSampler:
        recipe, prior = self._config.recipe, None
        if recipe.prior_share and recipe.prior_pictures:
            prior = LatentCache(self._denoiser, self._class_images(recipe.prior_pictures))
        empty_prompt = self._denoiser.encode_prompts([""])[0]
        return BatchSampler(self._own_images, prior, empty_prompt, self._objective, recipe)

    def _identity_loss(self) -> IdentityLoss | None:
        if not self._config.recipe.identity_weight:
            return None
        character = self._config.character
        return pack_identity_loss(
            self._config.settings.identity,
            self._denoiser,
            self._objective,
            known=self._judge.known(character),
            calibration=self._judge.calibration(character.domain),
        )

    def _class_images(self, count: int) -> CaptionedImages:
        profile, side_px = self._profile, self._manifest.resolution_px
        key = f"{self._base.sha256[:16]}-{side_px}-{profile.steps}-{profile.guidance:g}"
        cache = self._config.settings.store.folder / "cache" / "others"
        return class_images(self._painter, count, cache, key)

    def _finished(self, run: Run, trainer: LoraTrainer) -> TrainedAdapter:
        order, record = self._config.order, run.record
        rank, alpha = self._config.recipe.rank, self._config.recipe.alpha
        winner = record.winner
        header = AdapterHeader(
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
            sha256=self._blobs.put(adapter_bytes(record.best, header)),
            manifest=order.manifest,
            base_model=self._base.id,
            rank=rank,
            alpha=alpha,
            trigger=order.trigger,
            best_step=record.best_step,
            probe_idr=winner.idr if winner else None,
            train_s=trainer.loop.spent_s,
        )
