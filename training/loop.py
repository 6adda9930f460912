"""The training loop: the VAE, text encoder, UNet, tagger and every adapter are trained by this one.

One step is `TrainingLoop.train_step`, from the loss to the average of the weights. What differs
between trainings is handed in: the loss, the optimiser, the budget, and hooks that watch a run.
What a step draws depends on its number alone, so that a resumed run sees what it would have seen.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.distributed
from torch import Tensor, nn

from training.ema import Ema
from training.schedule import Schedule

FORMAT = 2
"""Of a state. One of another format is not read: that run starts again."""

State = dict[str, Any]


class Optimizer(Protocol):
    """What the loop asks of `torch.optim.Optimizer`; a `Muon` with its two parts is one as well."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...

    def zero_grad(self, set_to_none: bool = True) -> None: ...

    def step(self) -> object: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state_dict: State, /) -> object: ...


@dataclass(frozen=True)
class Budget:
    """When a training is over: after so many steps, or so many seconds, whichever comes first."""

    steps: float = math.inf
    seconds: float = math.inf

    def used(self, step: int, spent_s: float) -> float:
        """How much of it is used, 0 to 1, before step `step`."""
        return min(1.0, max(step / self.steps, spent_s / self.seconds))


@dataclass(frozen=True)
class TrainingStep:
    """A step as the loss sees it: its number, and how much of the budget is used before it."""

    number: int
    progress: float
    seed: int

    @cached_property
    def rng(self) -> np.random.Generator:
        """The step's own random numbers. torch's are seeded for the step as well."""
        return np.random.default_rng([self.seed, self.number])


Loss = Callable[[TrainingStep], Tensor]
"""The loss of a step, a scalar; of a worker's part of it where there are several."""


class Hooks(Protocol):
    """What watches a run and may end it."""

    def enough(self) -> bool:
        """Whether the run has come to its end before its budget is used."""
        ...

    def after_step(self, loss: float) -> bool:
        """After every step: logs, checkpoints; False when the run is not wanted any more."""
        ...


class TrainingLoop:
    """Steps, schedule, average, budget and state of one training.

    loss: of a step.
    model: its weights that require a gradient are trained; its state dict is part of the state.
    optimizer: its learning rates are the peaks of `schedule`.
    ema: the average of the weights that require a gradient, where one is kept.
    workers: processes that train together (`torch.distributed`); their losses and gradients are
        summed. With factors of a few MB that is all the data parallelism there is to do, and
        unlike a DDP wrapper it minds neither unused layers nor checkpointing.
    began: when the time of the budget began on `clock`; now, when it is not given.
    """

    def __init__(
        self,
        loss: Loss,
        model: nn.Module,
        optimizer: Optimizer,
        budget: Budget,
        schedule: Schedule,
        *,
        max_grad_norm: float = 1.0,
        ema: Ema | None = None,
        seed: int = 0,
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        self.budget, self.step, self.last_step_s = budget, 0, 0.0
        self.losses: list[float] = []
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._loss, self._model, self._optimizer, self._ema = loss, model, optimizer, ema
        self._schedule, self._max_grad_norm = schedule, max_grad_norm
        self._peaks = [float(group["lr"]) for group in optimizer.param_groups]
        self._seed, self._workers, self._clock = seed, workers, clock
        self._spent_before_s, self._began = 0.0, clock() if began is None else began

    @property
    def spent_s(self) -> float:
        """Seconds of the budget that are used, those before a resume included."""
        return self._spent_before_s + self._clock() - self._began

    @property
    def progress(self) -> float:
        """How much of the budget is used, 0 to 1."""
        return self.budget.used(self.step, self.spent_s)

    def run(self, hooks: Hooks) -> bool:
        """Train to the end, or until it is stopped: whether it came to its end."""
        stop = False
        while self.progress < 1 and not hooks.enough():
            began = self._clock()
            loss, stopped = self.train_step(self.step, stop=stop)
            self.last_step_s = self._clock() - began
            self.step += 1
            self.losses.append(loss)
            if stopped:
                return False
            stop = not hooks.after_step(loss)
        return True

    def train_step(self, number: int, *, stop: bool = False) -> tuple[float, bool]:
        """Learn from step `number`: the loss, and whether any worker said stop."""
        torch.manual_seed(self._seed * 1_000_003 + number)
        progress = self.budget.used(number, self.spent_s)
        loss = self._loss(TrainingStep(number, progress, self._seed))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        total, stopped = summed(self.weights, loss.detach(), stop, self._workers)
        nn.utils.clip_grad_norm_(self.weights, self._max_grad_norm)
        share = self._schedule.share(number, progress)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share
        self._optimizer.step()
        if self._ema:
            self._ema.update(number)
        return total, stopped

    def state(self) -> State:
        """All that `restore` needs to go on as if nothing had happened; tensors are not copies."""
        return {
            "format": FORMAT,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._ema.average if self._ema else [],
            "step": self.step,
            "spent_s": self.spent_s,
            "losses": self.losses,
        }

    def restore(self, state: State) -> bool:
        """Go on from a state; False, and nothing is changed, when it is of another format."""
        if state.get("format") != FORMAT:
            return False
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._ema:
            self._ema.restore(state["average"])
        self.step, self.losses = state["step"], list(state["losses"])
        self._spent_before_s = state["spent_s"]
        return True


def summed(
    weights: Sequence[nn.Parameter], loss: Tensor, stop: bool, workers: int
) -> tuple[float, bool]:
    """Sum gradients, loss (a scalar) and stop flags over the workers, in one exchange."""
    if workers == 1:
        return float(loss), stop
    for weight in weights:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    grads = [weight.grad for weight in weights if weight.grad is not None]
    extra = torch.stack([loss.float(), torch.tensor(float(stop), device=loss.device)])
    flat = torch.cat([*(grad.flatten() for grad in grads), extra])
    torch.distributed.all_reduce(flat)
    sizes = [grad.numel() for grad in grads]
    for grad, total in zip(grads, torch.split(flat[:-2], sizes), strict=True):
        grad.copy_(total.view_as(grad))
    return float(flat[-2]), bool(flat[-1] > 0)
