"""What a repair leaves: the better picture of the two, its report, and what was tried."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, SkipValidation

from cluster.domain.identity.score import IdentityReport
from cluster.domain.story.job import Repair
from cluster.domain.value import Value


class RepairOutcome(Value):
    """Pixels uint8 (height, width, 3) RGB with their report; never worse than what came in."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    pixels: Annotated[npt.NDArray[np.uint8], SkipValidation]
    report: IdentityReport
    repair: Repair
