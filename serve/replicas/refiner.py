"""Face inpainting: repairs a face that drifted. Holds no weights: it asks the Generator.

Crop round the face, inpaint it at the model's own size with the strict identity prompt and the
job's adapter, blend it back without a seam, and let the Validator judge both images.
"""

import asyncio

import numpy as np

from cluster.domain.character import Character
from cluster.domain.identity.repair import RepairOutcome
from cluster.domain.identity.score import Box, IdentityReport
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities, Inpainting
from cluster.domain.story.job import Repair
from cluster.handles import GeneratorHandle, ValidatorHandle
from cluster.ports import Pixels
from cluster.settings import Settings

from ..lifecycle import Lifecycle
from .blending import Blend, face_distance, lay_in, resize, square_round

# Denoising strength of each try. A weak one keeps what is right, and much of what is wrong: at 0.8
# a wrong hair colour still shows through; at 1.0 another person is painted.
STRENGTHS = (0.45, 0.65, 0.8, 0.9)
MAX_SEED = 2**31


class Refiner(Lifecycle):
    """Repairs one face, one try at a time, and keeps the better of the two images."""

    def __init__(
        self,
        settings: Settings,
        *,
        generator: GeneratorHandle,
        validator: ValidatorHandle,
    ) -> None:
        super().__init__(settings)
        self._margin = settings.repair.margin
        self._generator, self._validator = generator, validator

    async def repair(
        self,
        pixels: Pixels,
        report: IdentityReport,
        character: Character,
        plan: Plan,
        adapter: AdapterVersion | None,
        seed: int,
        attempt: int,
    ) -> RepairOutcome:
        """The image after try `attempt` (from 1), or the one that came when that is better.

        Every try repaints more than the one before. Without a face to repair, or a model that can
        inpaint, nothing is changed and the reason says so.

        Args:
            pixels: uint8 RGB (height, width, 3); left as it is.
            report: The Validator's report on `pixels`.
            seed: Of the render; each try derives its own from it.

        Raises:
            BadAdapter: The adapter does not belong on the model that is served.
        """
        strength = STRENGTHS[min(max(attempt, 1), len(STRENGTHS)) - 1]
        tried = Repair(
            attempt=attempt,
            idr_before=report.idr,
            idr_after=report.idr,
            kept=False,
            strength=strength,
        )
        able = await self._generator.capabilities()
        if report.box is None:
            return _left(pixels, report, tried, "no face was found to repair; try another seed")
        if not able.inpaint:
            return _left(pixels, report, tried, f"{able.model} cannot inpaint")
        order = Inpainting(
            prompt=plan.identity_prompt,
            negative_prompt=plan.negative_prompt,
            adapter=adapter,
            seed=(seed + attempt) % MAX_SEED,
            strength=strength,
            references=character.references if able.references else (),
        )
        mended, blend = await self._repaint(pixels, report.box, able, order)
        after = await self._validator.validate(pixels=mended, character=character)
        tried = tried.model_copy(update={"idr_after": after.idr, "blend": blend})
        if not _better(after, report):
            return _left(pixels, report, tried, _why_not(after, report))
        tried = tried.model_copy(update={"kept": True, "reason": "the score rose"})
        return RepairOutcome(pixels=mended, report=after, repair=tried)

    async def _repaint(
        self, pixels: Pixels, box: Box, able: Capabilities, order: Inpainting
    ) -> tuple[Pixels, Blend]:
        square = square_round(box, pixels, self._margin)
        side = min(able.width_px, able.height_px) // able.side_multiple_px * able.side_multiple_px
        mask = np.where(face_distance(box, square, side) <= 1, 255, 0).astype(np.uint8)
        patch = await asyncio.to_thread(resize, square.of(pixels), side)
        painted = await self._generator.inpaint(pixels=patch, mask=mask, order=order)

        def lay_back() -> tuple[Pixels, Blend]:
            mended = pixels.copy()
            distance = face_distance(box, square, square.side)
            mended_square, blend = lay_in(resize(painted, square.side), square.of(pixels), distance)
            square.of(mended)[:] = mended_square
            return mended, blend

        return await asyncio.to_thread(lay_back)


def _better(after: IdentityReport, before: IdentityReport) -> bool:
    return after.idr is not None and (before.idr is None or after.idr > before.idr)


def _why_not(after: IdentityReport, before: IdentityReport) -> str:
    if after.idr is None:
        return f"the repaired picture could not be scored: {after.reason or after.verdict}"
    return f"no better: {after.idr:.3f} after, {before.idr:.3f} before"


def _left(pixels: Pixels, report: IdentityReport, tried: Repair, reason: str) -> RepairOutcome:
    """The outcome of a repair that changed nothing."""
    repair = tried.model_copy(update={"reason": reason})
    return RepairOutcome(pixels=pixels, report=report, repair=repair)
