"""The learning-rate schedule of every training: a linear warm-up, a plateau, then half a cosine."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """What share of the peak rate a step has.

    A pure function of the step's number and of how much of the training is done, so that a resumed
    training goes on at the very rate it was stopped at. torch's `LambdaLR` counts steps of its own
    and cannot follow a budget of seconds, or one that is laid out anew once a step's cost is known.

    warmup_steps: steps in which the rate rises.
    plateau: share of the training after which it falls; until then a training may be given more
        time, or end earlier, as if it had been planned so.
    floor: share of the peak rate below which it never falls.
    """

    warmup_steps: int = 100
    plateau: float = 0.0
    floor: float = 0.03

    def share(self, step: int, progress: float) -> float:
        """Of the peak rate, in (0, 1]: of step `step`, when `progress` (0 to 1) is done."""
        rise = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        fallen = max(0.0, progress - self.plateau) / (1 - self.plateau)
        return rise * max(self.floor, 0.5 + 0.5 * math.cos(math.pi * min(1.0, fallen)))
