"""One LoRA run from its first step to its best adapter: looks, early stop, time, checkpoints.

Watches the steps of `training.loop`. Knows nothing of Ray: `RunServices` is what it needs of the
world.
"""

import statistics
import time
from dataclasses import dataclass, field
from typing import Protocol

import torch

from cluster.settings import Recipe
from training.loop import Budget, State
from training.lora.probe import PictureScore, ProbeScore
from training.lora.trainer import LoraTrainer

MEASURED_STEPS = 7
"""Steps after which it is known how long one takes: the median leaves out the slow first ones."""
CLOCK_STEPS = 5
"""Steps between two looks at the clock: a machine may become slower than it was at first."""

Factors = dict[str, torch.Tensor]


class RunServices(Protocol):
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
    """What a run has come to beside the loop's state; part of every checkpoint."""

    probes: list[ProbeScore] = field(default_factory=list)
    best: Factors = field(default_factory=dict)
    best_step: int = 0

    @property
    def first(self) -> ProbeScore | None:
        """The base model's, before the first step."""
        return self.probes[0] if self.probes else None

    @property
    def winner(self) -> ProbeScore | None:
        """The look at which the best adapter was found."""
        return next((probe for probe in self.probes if probe.step == self.best_step), None)


class Run:
    """`go` trains from where the record stands. Without probes the last step wins."""

    def __init__(self, trainer: LoraTrainer, recipe: Recipe, services: RunServices) -> None:
        self.record = Record()
        self._trainer, self._loop = trainer, trainer.loop
        self._recipe, self._services = recipe, services
        self._look_s = 0.0
        self._durations_s: list[float] = []

    def restore(self, state: State) -> bool:
        """Go on from what `RunServices.save` was given; False, and the run starts from nothing,
        when an earlier version of this code saved it."""
        if not self._loop.restore(state.get("loop", {})):
            return False
        self._loop.budget = Budget(steps=state["total_steps"])
        kept = dict(state["record"])
        kept["probes"] = [ProbeScore.model_validate(one) for one in kept["probes"]]
        self.record = Record(**kept)
        return True

    def go(self) -> bool:
        """Train to the end, or until it is stopped: whether it came to its end."""
        record, loop = self.record, self._loop
        if loop.step == 0 and self._recipe.probes and not record.probes:
            self._look()
        if not loop.run(self):
            self._save()
            return False
        if not record.best or not self._recipe.probes:
            record.best, record.best_step = self._trainer.factors(), loop.step
        return True

    def enough(self) -> bool:
        """Whether the last looks, as many as patience allows, were all worse than the best."""
        looks = [probe for probe in self.record.probes if probe.step > self.record.best_step]
        return bool(self.record.best_step) and len(looks) >= self._recipe.patience

    def after_step(self, loss: float) -> bool:
        """Lay out the rest of the run, look, report and save, each when it is due."""
        loop, recipe = self._loop, self._recipe
        self._durations_s.append(loop.last_step_s)
        if loop.step == MEASURED_STEPS:
            self._plan(statistics.median(self._durations_s))
        elif loop.step % CLOCK_STEPS == 0:
            self._cut()
        last = loop.step == loop.budget.steps
        probe = None
        if recipe.probes and (loop.step % recipe.probe_every == 0 or last):
            probe = self._look()
        wanted = self._services.tell(loop.step, int(loop.budget.steps), loss, probe)
        if probe or last or loop.step % recipe.checkpoint_every == 0:
            self._save()
        return wanted

    def _look(self) -> ProbeScore:
        """Judge what the averaged adapter paints, and keep it if no earlier one is better."""
        began, record, step = time.monotonic(), self.record, self._loop.step
        with self._trainer.ema.applied():
            score = ProbeScore.of(step, self._services.scores())
        record.probes.append(score)
        if step and self._holds(score):
            record.best, record.best_step = self._trainer.factors(), step
        self._look_s = time.monotonic() - began
        return score

    def _holds(self, last: ProbeScore) -> bool:
        """Whether the last look rivals the best of all looks at the adapter."""
        base, *looks = self.record.probes
        return last.rivals(max(looks, key=lambda look: look.merit(base)), base)

    @property
    def _left_s(self) -> float:
        """Of the time budget, before the last look."""
        return self._recipe.max_minutes * 60 - self._look_s - self._loop.spent_s

    def _plan(self, step_s: float) -> None:
        """Lay the schedule out for as many steps as the time budget holds."""
        cost_s = step_s + self._look_s / self._recipe.probe_every
        fits = max(self._loop.step + int(self._left_s / cost_s), self._recipe.min_steps)
        self._end_after(min(self._recipe.steps, fits))

    def _cut(self) -> None:
        """End here when the time is over. The schedule stays, so that a step that is made again
        after a kill is the same step: what is cut off is its end, where the rate is near nothing.
        """
        over = self._left_s <= 0 and self._loop.step >= self._recipe.min_steps
        self._end_after(self._loop.step if over else int(self._loop.budget.steps))

    def _end_after(self, steps: int) -> None:
        """The first worker's clock decides for all of them."""
        self._loop.budget = Budget(steps=self._services.agree(steps))

    def _save(self) -> None:
        probes = [probe.model_dump() for probe in self.record.probes]
        self._services.save(
            {
                "loop": self._loop.state(),
                "total_steps": int(self._loop.budget.steps),
                "record": vars(self.record) | {"probes": probes},
            }
        )
