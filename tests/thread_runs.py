"""A run launcher without Ray: training runs in threads, on work that costs nothing.

The stages are the product's own; only what would train and paint is replaced by a `Lesson`, which
also says when it is to be interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from actors.run_launcher import RunHandle
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import Character
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.learning.training import (
    GateVerdict,
    Measure,
    Progress,
    TrainedAdapter,
    TrainingOrder,
)
from cluster.settings import Settings
from cluster.store import Store
from training.lora.checkpoints import discard, runs_url

if TYPE_CHECKING:
    from actors.training_run import AdapterRegistry


STEPS = 4


class Lesson:
    """What the next runs learn: `idr`, against champions of `champion_idr`; `file` is the blob of
    the LoRA file that they leave.

    `fails` is how many attempts end in an error; `may_go_on` holds a run after its first step.
    """

    def __init__(self, file: str, base_model: str) -> None:
        self.file, self.base_model = file, base_model
        self.idr, self.champion_idr, self.fails = 0.9, 0.4, 0
        self.fitted: list[TrainingOrder] = []
        self.judged: list[tuple[str, str | None]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.running = 0
        self.most_at_once = 0

    def train(
        self, order: TrainingOrder, settings: Settings, report: Callable[[Progress], None]
    ) -> TrainedAdapter:
        self.fitted.append(order)
        checkpoint = Path(runs_url(settings), order.run_id, "checkpoint_000000", "state.pt")
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.touch()
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            for step in range(1, STEPS + 1):
                report(Progress(run_id=order.run_id, step=step, steps=STEPS, probe_idr=0.5))
                self.may_go_on.wait(30)
            if self.fails:
                self.fails -= 1
                raise RuntimeError("the worker ran out of memory")
        finally:
            self.running -= 1
        return self._trained(order)

    def judge(
        self,
        challenger: AdapterVersion,
        champion: AdapterVersion | None,
        character: Character,
        settings: Settings,
        report: Callable[[int, int], None],
    ) -> GateVerdict:
        self.judged.append((challenger.id, champion.id if champion else None))
        report(48, 48)
        better = self.idr > self.champion_idr
        measure = Measure(
            name="idr", champion=self.champion_idr, challenger=self.idr, passed=better
        )
        reason = "" if better else "idr: not surely better"
        return GateVerdict(promoted=better, reason=reason, measures=(measure,), scenes=24)

    def _trained(self, order: TrainingOrder) -> TrainedAdapter:
        return TrainedAdapter(
            run_id=order.run_id,
            character_id=order.character_id,
            version=order.version,
            sha256=self.file,
            manifest=order.manifest,
            base_model=self.base_model,
            rank=2,
            alpha=2.0,
            trigger=order.trigger,
            best_step=STEPS,
            probe_idr=0.5,
            train_s=1.0,
        )


class ThreadLauncher:
    """Begins each run in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        registry: AdapterRegistry,
        lesson: Lesson,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings, self._registry, self._lesson = settings, registry, lesson
        self._clock = clock
        self.begun: list[str] = []

    def begin(self, run_id: str) -> RunHandle:
        self.begun.append(run_id)
        return ThreadRun(lambda: self._carry_out(run_id))

    def clear(self, run_id: str) -> None:
        discard(run_id, self._settings)

    def _carry_out(self, run_id: str) -> None:
        from actors.training_run import carry_out

        store = Store.open(self._settings.store)
        try:
            carry_out(
                run_id,
                self._settings,
                store,
                self._registry,
                train=self._lesson.train,
                judge=self._lesson.judge,
            )
        finally:
            store.close()


class ThreadRun:
    """A thread cannot be killed: one that was stopped is forgotten, and what it says ignored."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def stop(self) -> None:
        return

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks
            self._error = error
