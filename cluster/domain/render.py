"""What the generator is asked for, and what it answers."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, SkipValidation

from cluster.domain.adapter import AdapterVersion
from cluster.domain.value import Value


class Capabilities(Value):
    """What a backend can do, and its own picture size."""

    model: str
    lora: bool
    references: bool
    inpaint: bool
    video: bool
    seed: bool
    width_px: int
    height_px: int
    token_budget: int


class RenderOrder(Value):
    """One picture. `references` are blob digests, used by backends that can."""

    prompt: str
    negative_prompt: str = ""
    seed: int
    width_px: int | None = None
    height_px: int | None = None
    adapter: AdapterVersion | None = None
    references: tuple[str, ...] = ()


class Inpainting(Value):
    """Repaint where the mask is 255. `strength` in (0, 1]: how much of the old picture goes."""

    prompt: str
    negative_prompt: str = ""
    seed: int
    strength: float = Field(gt=0, le=1)
    adapter: AdapterVersion | None = None


class Rendering(Value):
    """Pixels uint8 (height, width, 3) RGB, and what made them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    pixels: Annotated[npt.NDArray[np.uint8], SkipValidation]
    model: str
    seed: int
