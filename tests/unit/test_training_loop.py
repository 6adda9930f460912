"""The one training loop: what a step sees, how its rate goes, how it resumes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from training.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from training.loop import Budget, State, TrainingLoop, TrainingStep


class Clock:
    """Seconds that pass when a step is made, and at no other time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Line:
    """Fits y = 2 x to random points, with dropout; `tick_s` pass in every step."""

    def __init__(self, budget: Budget, clock: Clock | None = None, tick_s: float = 1.0) -> None:
        import torch
        from torch import nn

        from training.ema import Ema
        from training.loop import TrainingLoop

        torch.manual_seed(5)
        self._clock, self._tick_s = clock or Clock(), tick_s
        self.model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.ema = Ema([*self.model.parameters()], 0.9)
        self.steps: list[TrainingStep] = []
        self.loop = TrainingLoop(
            self.loss,
            self.model,
            torch.optim.AdamW(self.model.parameters(), 1e-2),
            budget,
            Schedule(warmup_steps=3),
            ema=self.ema,
            seed=7,
            clock=self._clock,
        )

    def loss(self, step: TrainingStep) -> Tensor:
        import torch

        self._clock.now += self._tick_s
        self.steps.append(step)
        points = torch.from_numpy(step.rng.normal(size=(16, 1))).float()
        loss: Tensor = (self.model(points) - 2 * points).square().mean()
        return loss


class Until:
    """Hooks that want no more after so many steps, or have enough of it."""

    def __init__(
        self, loop: TrainingLoop, wanted: float = math.inf, enough: float = math.inf
    ) -> None:
        self._loop, self._wanted, self._enough = loop, wanted, enough

    def enough(self) -> bool:
        return self._loop.step >= self._enough

    def after_step(self, loss: float) -> bool:
        return self._loop.step < self._wanted


def test_the_rate_rises_in_a_line_stays_and_falls_as_a_cosine_to_its_floor() -> None:
    schedule = Schedule(warmup_steps=10, plateau=0.5, floor=0.1)
    assert [schedule.share(step, 0.0) for step in (0, 4, 9, 10)] == [0.1, 0.5, 1.0, 1.0]
    assert schedule.share(100, 0.5) == 1.0
    assert schedule.share(100, 0.75) == pytest.approx(0.5)
    assert schedule.share(100, 1.0) == 0.1
    assert Schedule(warmup_steps=0).share(0, 0.0) == 1.0


def test_a_budget_of_seconds_or_steps_ends_the_training() -> None:
    from training.loop import Budget

    timed, counted = Line(Budget(seconds=5.0)), Line(Budget(steps=4))
    assert timed.loop.run(Until(timed.loop))
    assert counted.loop.run(Until(counted.loop))
    assert [step.progress for step in timed.steps] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert [step.progress for step in counted.steps] == [0.0, 0.25, 0.5, 0.75]
    assert timed.loop.spent_s == 5.0


def test_a_run_that_has_enough_came_to_its_end_and_one_that_is_not_wanted_did_not() -> None:
    from training.loop import Budget

    enough, unwanted = Line(Budget(steps=9)), Line(Budget(steps=9))
    assert enough.loop.run(Until(enough.loop, enough=3))
    assert not unwanted.loop.run(Until(unwanted.loop, wanted=3))
    assert enough.loop.step == 3
    assert unwanted.loop.step == 4  # the flag travels with the next step's gradients


@pytest.mark.parametrize("limit", [{"steps": 12}, {"seconds": 12.0}], ids=["steps", "time"])
def test_a_resumed_training_makes_the_very_steps_that_it_would_have_made(
    limit: dict[str, Any],
) -> None:
    import torch

    from training.loop import Budget

    budget = Budget(**limit)
    whole, cut = Line(budget), Line(budget)
    whole.loop.run(Until(whole.loop))
    cut.loop.run(Until(cut.loop, enough=5))
    resumed = Line(budget)
    torch.manual_seed(1234)
    assert resumed.loop.restore(cut.loop.state())
    resumed.loop.run(Until(resumed.loop))
    assert resumed.loop.losses == whole.loop.losses
    for one, other in zip(resumed.ema.average, whole.ema.average, strict=True):
        assert torch.equal(one, other)


def test_the_average_follows_the_weights_and_is_applied_for_a_while_or_for_good() -> None:
    import torch

    from training.ema import Ema

    weight = torch.nn.Parameter(torch.zeros(2))
    ema = Ema([weight], 0.9)
    weight.data.fill_(1.0)
    ema.update(0)
    assert ema.average[0].tolist() == pytest.approx([0.9, 0.9])  # decay is 1/10 at first
    ema.update(10_000)
    assert ema.average[0].tolist() == pytest.approx([0.91, 0.91])
    with ema.applied():
        assert weight.tolist() == pytest.approx([0.91, 0.91])
    assert weight.tolist() == [1.0, 1.0]
    ema.settle()
    assert weight.tolist() == pytest.approx([0.91, 0.91])


def test_a_stage_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    from training.loop import Budget
    from training.studio.stage_run import run_stage

    first, second = Line(Budget(seconds=60.0)), Line(Budget(seconds=90.0))
    run_stage("line", tmp_path, first.loop)
    run_stage("line", tmp_path, second.loop)
    assert first.loop.step == 60
    assert second.steps[0].number == 60
    assert second.loop.step == 90
    assert sum(second.loop.losses[-10:]) < sum(second.loop.losses[:10])


@pytest.mark.parametrize("old", [{"step": 3, "spent": 9.0, "models": {}}, {}], ids=["old", "empty"])
def test_a_stage_s_checkpoint_of_another_version_is_not_read(tmp_path: Path, old: State) -> None:
    import torch

    from training.loop import Budget
    from training.studio.stage_run import run_stage

    torch.save(old, tmp_path / "line.pt")
    line = Line(Budget(steps=2))
    run_stage("line", tmp_path, line.loop)
    assert [step.number for step in line.steps] == [0, 1]
    assert torch.load(tmp_path / "line.pt", weights_only=True)["step"] == 2
