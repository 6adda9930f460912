"""Trains a character's adapter: one to N workers under Ray Train, resumed by the run's id.

`train_lora` checks everything that can be checked before anything is spent, starts the workers,
passes their progress on, and answers with the file they left among the blobs. Lost workers are
replaced, and a run that is ordered again goes on from its last checkpoint, wherever it was cut off.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import ray
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import TrainingFailedError

from cluster.domain.character import Character
from cluster.domain.learning.training import Progress, TrainedAdapter, TrainingOrder
from cluster.domain.value import now
from cluster.errors import CineError, Invalid, Refused, Unavailable
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import Recipe, Settings, TrainingSettings
from cluster.store import Store
from training.data.dataset import Manifest, load_manifest
from training.lora.checkpoints import runs_url
from training.lora.preflight import check
from training.lora.presets import recipe_for
from training.lora.progress_channel import ProgressChannel, open_channel
from training.lora.worker import WorkerConfig, train_loop_per_worker

NEWS_S = 0.5
"""How often progress is fetched from the workers."""
EXCHANGE_TIMEOUT_S = 1800
"""How long workers wait for each other's gradients: the first one may be painting class images."""
KEPT_CHECKPOINTS = 2
"""The last, and one more should a machine stop while the last is being written."""

OnProgress = Callable[[Progress], None]
Resources = Mapping[str, float]


def train_lora(order: TrainingOrder, settings: Settings, on_progress: OnProgress) -> TrainedAdapter:
    """Train the adapter that is ordered; blocks until it is among the blobs.

    Ray must be running (`ray.init`). What `on_progress` raises stops the run at its next step,
    with a checkpoint kept, and is raised again from here. Raises NotFound, ConsentMissing, Invalid,
    Refused, Unsupported or Unavailable before anything is spent, CineError when workers fail more
    often than `training.max_failures`.
    """
    character, recipe = _checked(order, settings)
    with open_channel() as channel:
        config = WorkerConfig(order, settings, recipe, character, channel, _threads(settings))
        with _passed_on(channel, on_progress):
            adapter = _trained(config)
    if adapter is None:
        raise CineError(f"run {order.run_id} was stopped before its end")
    return adapter


def _checked(order: TrainingOrder, settings: Settings) -> tuple[Character, Recipe]:
    """What the order is about. Raises whatever speaks against it."""
    with closing(Store.open(settings.store)) as store:
        character = store.characters.get(order.character_id)
        manifest = load_manifest(order.manifest, store.blobs)
    _allow(order, character, manifest)
    recipe = recipe_for(base_folder(settings.generator.model), settings.training)
    check(settings)
    if not ray.is_initialized():
        raise Unavailable(
            "Ray is not running", advice="Call ray.init, or cluster.launch.local_ray."
        )
    everything = ray.cluster_resources()
    if settings.training.gpu and not _is_parted(everything) and not everything.get("GPU"):
        raise Unavailable(
            "training.gpu is set, but no node of the cluster has a GPU",
            advice="Set training.gpu to null: training then takes the CPU.",
        )
    return character, recipe


def _allow(order: TrainingOrder, character: Character, manifest: Manifest) -> None:
    character.require_consent("trained", on=now().date())
    if manifest.character_id != order.character_id:
        raise Invalid(f"the training set is {manifest.character_id}'s, not {order.character_id}'s")
    if manifest.trigger != order.trigger:
        raise Invalid(
            f"the training set calls {order.character_id} {manifest.trigger!r}, the order "
            f"{order.trigger!r}",
            advice="Order with the manifest's trigger: training.data.captions.trigger_for.",
        )
    if not manifest.samples:
        raise Refused(
            f"{order.character_id}'s training set is empty",
            advice="See why pictures were dropped in its manifest, and add better ones.",
        )


def _trained(config: WorkerConfig) -> TrainedAdapter | None:
    settings = config.settings
    resources = worker_resources(
        settings.training, ray.cluster_resources(), ray.available_resources()
    )
    trainer = TorchTrainer(
        train_loop_per_worker,  # type: ignore[arg-type]
        train_loop_config={"worker": config},
        torch_config=TorchConfig(timeout_s=EXCHANGE_TIMEOUT_S),
        scaling_config=ScalingConfig(
            num_workers=settings.training.workers,
            use_gpu="GPU" in resources,
            resources_per_worker=resources,
        ),
        run_config=RunConfig(
            name=config.order.run_id,
            storage_path=runs_url(settings),
            failure_config=FailureConfig(max_failures=settings.training.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=KEPT_CHECKPOINTS),
        ),
    )
    try:
        result: Any = trainer.fit()
    except TrainingFailedError as error:
        raise _cause(error) from error
    outcome: TrainedAdapter | CineError | None = result.return_value
    if isinstance(outcome, CineError):
        raise outcome
    return outcome


def _cause(error: TrainingFailedError) -> CineError:
    """What the first worker that failed said last."""
    failures = list(getattr(error, "worker_failures", {}).values())
    lines = str(failures[0] if failures else error).strip().splitlines()
    return CineError(
        f"training failed: {lines[-1] if lines else type(error).__name__}",
        advice="See the workers' logs; ordered again, the run goes on from its last checkpoint.",
    )


@contextmanager
def _passed_on(channel: ProgressChannel, on_progress: OnProgress) -> Iterator[None]:
    """Progress reaches `on_progress` from a thread of its own while the block runs, and all of it
    by the block's end. What `on_progress` raises stops the run and comes out of the block."""
    failed: list[BaseException] = []
    over = threading.Event()

    def forward() -> None:
        for news in channel.take():
            on_progress(news)

    def watch() -> None:
        try:
            while not over.wait(NEWS_S):
                forward()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            failed.append(error)
            channel.stop()

    watcher = threading.Thread(target=watch, name="training-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        if failed:
            raise failed[0]
    forward()


def worker_resources(
    settings: TrainingSettings, cluster: Resources, free: Resources
) -> dict[str, float]:
    """What one worker asks of Ray.

    On a parted cluster (cluster.yaml marks its nodes `serve` or `train`) that is a node for
    training alone, with a GPU if the cluster has any, which autoscaling may have to start first:
    serving never waits for training. On a machine of somebody's own it is a GPU that nobody holds,
    else the CPU.
    """
    parted = _is_parted(cluster)
    gpus = cluster.get("GPU", 0) >= 1 if parted else free.get("GPU", 0) >= settings.workers
    resources: dict[str, float] = {"CPU": 1}
    if gpus if settings.gpu is None else settings.gpu:
        resources["GPU"] = 1
    if parted:
        resources["train"] = 1
    return resources


def _is_parted(cluster: Resources) -> bool:
    return bool({"serve", "train"} & cluster.keys())


def _threads(settings: Settings) -> int:
    cores = os.cpu_count() or 1
    return settings.training.threads or max(1, cores // settings.training.workers)
