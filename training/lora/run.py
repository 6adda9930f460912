"""One run from its first step to its best adapter: looks, early stop, time budget, checkpoints.

Knows nothing of Ray: what it needs of the world is in `Hooks`.
"""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from cluster.settings import Recipe
from training.lora.probe import PictureScore, ProbeScore
from training.lora.trainer import LoraTrainer

MEASURED_STEPS = 7
"""Steps after which it is known how long one takes."""
CLOCK_STEPS = 5
"""Steps between two looks at the clock: a machine may become slower than it was at first."""

Factors = dict[str, torch.Tensor]
State = dict[str, Any]


class Hooks(Protocol):
    """How a run talks to whoever started it. All workers call all of them together, but `tell`."""

    def scores(self) -> list[PictureScore]:
        """Of the probe pictures that the model paints now, those of all workers."""
        ...

    def agree(self, total: int) -> int:
        """The first worker's number of steps."""
        ...

    def save(self, state: State) -> None: ...

    def tell(self, step: int, total: int, loss: float, probe: ProbeScore | None) -> bool:
        """Report progress; False when the run is not wanted any more."""
        ...


@dataclass
class Record:
    """What a run has come to; part of every checkpoint. `losses` is one mean loss a step."""

    step: int = 0
    spent_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    probes: list[ProbeScore] = field(default_factory=list)
    best: Factors = field(default_factory=dict)
    best_step: int = 0

    @property
    def first(self) -> ProbeScore | None:
        """The base model's, before the first step."""
        return self.probes[0] if self.probes else None

    @property
    def winner(self) -> ProbeScore | None:
        return next((probe for probe in self.probes if probe.step == self.best_step), None)


class Run:
    """`go` trains from where the record stands. Without probes the last step wins."""

    def __init__(
        self, trainer: LoraTrainer, recipe: Recipe, hooks: Hooks, *, started: float
    ) -> None:
        self.record = Record()
        self._trainer, self._recipe, self._hooks = trainer, recipe, hooks
        self._began = started
        self._look_s = 0.0

    def restore(self, state: State) -> None:
        """Go on from what `Hooks.save` was given."""
        self._trainer.restore(state["trainer"])
        kept = dict(state["record"])
        kept["probes"] = [ProbeScore.model_validate(one) for one in kept["probes"]]
        self.record = Record(**kept)

    def go(self) -> bool:
        """Train to the end, or until it is stopped: whether it came to its end."""
        record, trainer = self.record, self._trainer
        if record.step == 0 and self._recipe.probes and not record.probes:
            self._look()
        stop, durations_s = False, list[float]()
        while record.step < trainer.total and not self._stale():
            since = time.monotonic()
            loss, stopped = trainer.step(record.step, float(stop))
            durations_s.append(time.monotonic() - since)
            record.losses.append(loss)
            record.step += 1
            if stopped:
                self._save()
                return False
            if record.step == MEASURED_STEPS:
                self._plan(statistics.median(durations_s))
            elif record.step % CLOCK_STEPS == 0:
                self._cut()
            stop = not self._after_step(loss)
        if not record.best or not self._recipe.probes:
            record.best, record.best_step = trainer.factors(), record.step
        return True

    def _after_step(self, loss: float) -> bool:
        record, last = self.record, self.record.step == self._trainer.total
        probe = None
        if self._recipe.probes and (record.step % self._recipe.probe_every == 0 or last):
            probe = self._look()
        wanted = self._hooks.tell(record.step, self._trainer.total, loss, probe)
        if probe or last or record.step % self._recipe.checkpoint_every == 0:
            self._save()
        return wanted

    def _look(self) -> ProbeScore:
        """Judge what the averaged adapter paints, and keep it if no earlier one is better."""
        began, record = time.monotonic(), self.record
        with self._trainer.averaged():
            score = ProbeScore.of(record.step, self._hooks.scores())
        record.probes.append(score)
        if record.step and self._holds(score):
            record.best, record.best_step = self._trainer.factors(), record.step
        self._look_s = time.monotonic() - began
        return score

    def _holds(self, last: ProbeScore) -> bool:
        """Whether the last look rivals the best of all looks at the adapter."""
        base, *looks = self.record.probes
        return last.rivals(max(looks, key=lambda look: look.merit(base)), base)

    def _stale(self) -> bool:
        """Whether the last looks, as many as patience allows, were all worse than the best."""
        looks = [probe for probe in self.record.probes if probe.step > self.record.best_step]
        return bool(self.record.best_step) and len(looks) >= self._recipe.patience

    @property
    def _left_s(self) -> float:
        """Of the time budget, before the last look."""
        spent_s = self.record.spent_s + time.monotonic() - self._began
        return self._recipe.max_minutes * 60 - self._look_s - spent_s

    def _plan(self, step_s: float) -> None:
        """Lay the schedule out for as many steps as the time budget holds."""
        cost_s = step_s + self._look_s / self._recipe.probe_every
        fits = max(self.record.step + int(self._left_s / cost_s), self._recipe.min_steps)
        self._trainer.total = self._hooks.agree(min(self._recipe.steps, fits))

    def _cut(self) -> None:
        """End here when the time is over. The schedule stays, so that a step that is made again
        after a kill is the same step: what is cut off is its end, where the rate is near nothing.
        """
        over = self._left_s <= 0 and self.record.step >= self._recipe.min_steps
        total = self.record.step if over else self._trainer.total
        self._trainer.total = self._hooks.agree(total)

    def _save(self) -> None:
        self.record.spent_s += time.monotonic() - self._began
        self._began = time.monotonic()
        probes = [probe.model_dump() for probe in self.record.probes]
        kept = vars(self.record) | {"probes": probes}
        self._hooks.save({"trainer": self._trainer.state(), "record": kept})
