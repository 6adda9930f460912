"""One training loop for every stage: schedule, checkpoints, log; the same on CUDA and CPU."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

SAVE_SECONDS = 120.0


def device_of() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic."""
    return torch.autocast(device.type, torch.bfloat16)


class Loop:
    """Iterates until its seconds are spent; `learn` makes one optimiser step.

    The rate warms up over 100 steps and then falls as a cosine of the time spent. State is
    saved in ``folder`` every two minutes and at the end; a new loop on the same folder goes on.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        seconds: float,
        models: dict[str, Any],
        optimiser: torch.optim.Optimizer,
        rate: float,
        floor: float = 0.03,
    ) -> None:
        self.name, self.folder, self.seconds = name, folder, seconds
        self.models, self.optimiser, self.rate, self.floor = models, optimiser, rate, floor
        self.step, self.spent = 0, 0.0
        self.average: dict[str, list[torch.Tensor]] = {}
        self._losses: list[float] = []
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._resume()

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}.pt"

    def _resume(self) -> None:
        state = torch.load(self._path, weights_only=True, map_location=device_of())
        for name, model in self.models.items():
            model.load_state_dict(state["models"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self.average = state["step"], state["spent"], state["average"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "models": {name: model.state_dict() for name, model in self.models.items()},
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent": self.spent,
            "average": self.average,
        }
        part = self._path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._path)

    def keep_average(self) -> None:
        """Start or continue an exponential moving average of all weights."""
        if not self.average:
            self.average = {
                n: [p.detach().clone() for p in m.parameters()] for n, m in self.models.items()
            }

    def swap_average(self) -> None:
        """Exchange the weights with their moving average; twice restores them."""
        for name, kept in self.average.items():
            for parameter, mean in zip(self.models[name].parameters(), kept, strict=True):
                held = parameter.detach().clone()
                parameter.data.copy_(mean)
                mean.copy_(held)

    def _fraction(self) -> float:
        return min(1.0, self.spent / self.seconds)

    def __iter__(self) -> Iterator[int]:
        saved = time.monotonic()
        with tqdm(total=100, desc=self.name, unit="%", mininterval=5.0) as bar:
            while self.spent < self.seconds:
                began = time.monotonic()
                cosine = 0.5 + 0.5 * float(torch.cos(torch.tensor(self._fraction() * 3.14159265)))
                for group in self.optimiser.param_groups:
                    group["lr"] = (
                        self.rate * min(1.0, (self.step + 1) / 100) * max(self.floor, cosine)
                    )
                yield self.step
                self.spent += time.monotonic() - began
                if time.monotonic() - saved > SAVE_SECONDS:
                    self.save()
                    saved = time.monotonic()
                bar.n = round(100 * self._fraction(), 1)
                bar.refresh() if self.step % 50 == 0 else None
        self.save()

    def learn(self, loss: torch.Tensor) -> None:
        """Back-propagate, clip, step, average and log."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        weights = [p for group in self.optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        self.optimiser.step()
        self.step += 1
        if self.average:
            decay = min(0.9985, (1 + self.step) / (10 + self.step))
            for name, kept in self.average.items():
                torch._foreach_lerp_(
                    kept, [p.data for p in self.models[name].parameters()], 1 - decay
                )
        self._losses.append(float(loss.detach()))
        if self.step % 50 == 0:
            mean = sum(self._losses) / len(self._losses)
            self._losses.clear()
            line = {
                "stage": self.name,
                "step": self.step,
                "seconds": round(self.spent),
                "loss": round(mean, 5),
            }
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
