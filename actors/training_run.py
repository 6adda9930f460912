"""One training run from where it stands to its end: trained, judged, promoted or refused.

Steps 13 to 16 of a character's life, readable from top to bottom. Each stage leaves its result
in the store before the next begins; the same run again goes on behind the last one.
"""

from collections.abc import Callable
from typing import Protocol

from actors.eligibility import trainable, training_set
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.adapter import AdapterVersion, TrainingFigures
from cluster.domain.learning.runs import OVER, RunStatus, TrainingRun
from cluster.domain.learning.training import GateVerdict, Progress, TrainedAdapter, TrainingOrder
from cluster.errors import Conflict
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import logger
from training.data import dataset
from training.gate.evaluate import judge as judge_by_gate
from training.lora.checkpoints import discard
from training.lora.ray_train import train_lora

REPORT_EVERY_S = 1.0

Trainer = Callable[[TrainingOrder, Settings, Callable[[Progress], None]], TrainedAdapter]
Judge = Callable[
    [AdapterVersion, AdapterVersion | None, Character, Settings, Callable[[int, int], None]],
    GateVerdict,
]

log = logger(__name__)


class AdapterRegistry(Protocol):
    """What a run asks of the LoRA registry, waiting for the answer."""

    def add_trained(
        self, adapter: TrainedAdapter, verdict: GateVerdict, activate: bool
    ) -> AdapterVersion: ...

    def promote(self, character_id: CharacterId, version: int) -> object: ...


def carry_out(
    run_id: str,
    settings: Settings,
    store: Store,
    registry: AdapterRegistry,
    *,
    train: Trainer = train_lora,
    judge: Judge = judge_by_gate,
    clock: Clock = SYSTEM_CLOCK,
) -> TrainingRun:
    """Bring a run to its end. Raises NotFound, ConsentMissing, and what a stage fails with."""
    run = store.training.get(run_id)
    if run.status in OVER:
        return run
    character = trainable(store, run.character_id, clock.now().date())
    order = run.order or _ordered(store, run)
    adapter = run.adapter or _trained(store, run, order, settings, train, clock)
    verdict = _judged(store, run, adapter, character, settings, judge)
    trainable(store, run.character_id, clock.now().date())  # it may have been revoked meanwhile
    kept = registry.add_trained(adapter, verdict, False)
    if verdict.promoted:
        registry.promote(character.id, kept.version)
    discard(run_id, settings)  # before it is over: whoever is cut off here comes by again
    status: RunStatus = "promoted" if verdict.promoted else "refused"
    log.info("training.over", run=run_id, status=status, reason=verdict.reason)
    return store.training.change(run_id, status=status, verdict=verdict, problem=None)


def _ordered(store: Store, run: TrainingRun) -> TrainingOrder:
    """The order, written down before anything is spent on it. Raises Conflict without a set."""
    snapshot = training_set(store, run.character_id)
    manifest = dataset.load_manifest(snapshot.manifest, store.blobs)
    order = TrainingOrder(
        run_id=run.id,
        character_id=run.character_id,
        version=store.adapters.next_version(run.character_id),
        manifest=snapshot.manifest,
        trigger=manifest.trigger,
    )
    store.training.change(run.id, order=order)
    return order


def _trained(
    store: Store,
    run: TrainingRun,
    order: TrainingOrder,
    settings: Settings,
    train: Trainer,
    clock: Clock,
) -> TrainedAdapter:
    store.training.change(run.id, status="training", problem=None)
    next_report_s = clock.monotonic_s()

    def report(progress: Progress) -> None:
        nonlocal next_report_s
        if progress.probe_idr is None and clock.monotonic_s() < next_report_s:
            return
        next_report_s = clock.monotonic_s() + REPORT_EVERY_S
        store.training.change(run.id, progress=progress)

    adapter = train(order, settings, report)
    store.training.change(run.id, adapter=adapter)
    return adapter


def _judged(
    store: Store,
    run: TrainingRun,
    adapter: TrainedAdapter,
    character: Character,
    settings: Settings,
    judge: Judge,
) -> GateVerdict:
    """The verdict on the trained adapter against what is served now, which may change meanwhile:
    then it is judged again. Raises Conflict when somebody has ended the run."""

    def report(judged: int, to_judge: int) -> None:
        store.training.change(run.id, judged=judged, to_judge=to_judge)

    store.training.change(run.id, status="judging", problem=None)
    while True:
        champion = store.adapters.active(character.id)
        if run.verdict is not None and run.champion == (champion and champion.id):
            return run.verdict
        verdict = judge(challenger_of(adapter), champion, character, settings, report)
        run = store.training.change(
            run.id, verdict=verdict, champion=champion.id if champion else None
        )
        if run.status in OVER:
            raise Conflict(f"run {run.id} was {run.status} while it was judged")


def challenger_of(adapter: TrainedAdapter) -> AdapterVersion:
    """A trained adapter as the version it would be."""
    return AdapterVersion(
        character_id=adapter.character_id,
        version=adapter.version,
        sha256=adapter.sha256,
        base_model=adapter.base_model,
        rank=adapter.rank,
        alpha=adapter.alpha,
        trigger=adapter.trigger,
        origin="training",
        training=TrainingFigures.of(adapter),
    )
