"""One stage of the studio's training: the training loop until its budget is used."""

import json
import time
from pathlib import Path

import torch
from tqdm.auto import tqdm

from cluster.telemetry import logger
from training.loop import FORMAT, State, TrainingLoop

SAVE_EVERY_S = 120.0
LOG_EVERY = 50

log = logger(__name__)


def run_stage(name: str, folder: Path, loop: TrainingLoop) -> None:
    """Train until the budget is used; a second call on the same folder goes on where the first was
    cut off. Leaves ``{name}.pt`` and adds lines to ``log.jsonl``.

    A checkpoint of another version of this code is not read: the stage starts again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if state := read_checkpoint(name, folder):
        loop.restore(state)
    run = StageRun(name, folder, loop)
    loop.run(run)
    run.save()


def checkpoint_path(name: str, folder: Path) -> Path:
    """Where a stage's checkpoint is."""
    return folder / f"{name}.pt"


def read_checkpoint(name: str, folder: Path) -> State | None:
    """The state of a stage's loop, on the CPU; None where there is none that can be read."""
    path = checkpoint_path(name, folder)
    if not path.exists():
        return None
    state: State = torch.load(path, weights_only=True, map_location="cpu")
    if state.get("format") == FORMAT:
        return state
    log.warning("studio.checkpoint_of_another_version", stage=name, file=str(path))
    return None


class StageRun:
    """The hooks of a stage: a progress bar, a log line every 50 steps, a checkpoint every 2 min."""

    def __init__(self, name: str, folder: Path, loop: TrainingLoop) -> None:
        self._name, self._folder, self._loop = name, folder, loop
        self._saved = time.monotonic()
        self._bar = tqdm(total=100, desc=name, unit="%", mininterval=5.0)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        path = checkpoint_path(self._name, self._folder)
        part = path.with_suffix(".part")
        torch.save(self._loop.state(), part)
        part.replace(path)

    def enough(self) -> bool:
        """Never: the budget alone ends a stage."""
        return False

    def after_step(self, loss: float) -> bool:  # noqa: ARG002 - the mean of several is logged
        """Show, log and save, each when it is due; a stage is always wanted."""
        self._bar.update(round(100 * self._loop.progress, 1) - self._bar.n)
        if self._loop.step % LOG_EVERY == 0:
            self._log()
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save()
            self._saved = time.monotonic()
        return True

    def _log(self) -> None:
        line = {
            "stage": self._name,
            "step": self._loop.step,
            "seconds": round(self._loop.spent_s),
            "loss": round(sum(self._loop.losses[-LOG_EVERY:]) / LOG_EVERY, 5),
        }
        with (self._folder / "log.jsonl").open("a") as lines:
            lines.write(json.dumps(line) + "\n")
