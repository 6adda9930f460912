"""What the generator is asked for, and what it answers."""

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, SkipValidation

from cluster.domain.identity.score import Domain
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.value import Value
from cluster.errors import Invalid

MIN_SIDE_PX = 64


class Capabilities(Value):
    """What a backend can do, what its pictures are like, and its own picture size.

    Sides are multiples of `side_multiple_px`, from 64 px to `max_side_px`.
    """

    model: str
    lora: bool
    references: bool
    inpaint: bool
    width_px: int
    height_px: int
    token_budget: int
    domain: Domain = "photo"
    side_multiple_px: int = 8
    max_side_px: int = 2048

    def size(self, width_px: int | None, height_px: int | None) -> tuple[int, int]:
        """(width, height) in px; the backend's own where not given. Invalid, naming the field."""
        width = self.width_px if width_px is None else width_px
        height = self.height_px if height_px is None else height_px
        for field, side in (("width_px", width), ("height_px", height)):
            if not MIN_SIDE_PX <= side <= self.max_side_px or side % self.side_multiple_px:
                raise Invalid(
                    f"{field} = {side}: {self.model} paints multiples of {self.side_multiple_px} "
                    f"from {MIN_SIDE_PX} to {self.max_side_px} px"
                )
        return width, height


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
    """Repaint where the mask is 255. `strength` in (0, 1]: how much of the old picture goes.
    `references` are as in a RenderOrder."""

    prompt: str
    negative_prompt: str = ""
    seed: int
    strength: float = Field(gt=0, le=1)
    adapter: AdapterVersion | None = None
    references: tuple[str, ...] = ()


class Rendering(Value):
    """Pixels uint8 (height, width, 3) RGB, and what made them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    pixels: Annotated[npt.NDArray[np.uint8], SkipValidation]
    model: str
    seed: int
