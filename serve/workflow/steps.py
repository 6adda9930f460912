"""What each step of a job does: it asks the right part, and keeps what the next step needs.

Images travel to the parts as pixels and between the steps as blob digests. Knows nothing of the
steps' order, nor of what happens when one is cut off: each may be done twice.
"""

import asyncio
import hashlib

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.codecs.images import decode_image, to_png
from cluster.domain.learning.adapter import NO_ADAPTER
from cluster.domain.render import RenderOrder
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.job import JobId
from cluster.domain.story.scene import SceneRequest, SceneState
from cluster.domain.story.state import StoryState
from cluster.domain.value import now
from cluster.errors import CineError, NotFound, Unavailable, Unsupported
from cluster.handles import Actors, Deployments
from cluster.ports import Pixels
from cluster.store import Store
from cluster.telemetry import logger

from .outcomes import (
    Analyzed,
    Collected,
    Judged,
    Planned,
    Remembered,
    RenderContext,
    Rendered,
    Repaired,
    ResolvedAdapter,
    SceneTake,
    StoryContext,
)

MEMORIES = 3
MEMORY_WAIT_S = 0.5
"""After the world state is known. A search takes 30 ms, one that hangs takes for ever."""


class Steps:
    """One method a step."""

    def __init__(
        self, store: Store, parts: Deployments, actors: Actors, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._store, self._clock = store, clock
        self._parts = parts
        self._memory, self._learner = actors.memory, actors.learner

    async def recall_story(self, request: SceneRequest) -> StoryContext:
        """Raises NotFound for a deleted character, ConsentMissing when consent has ended."""
        character = await asyncio.to_thread(self._store.characters.get, request.character_id)
        character.require_consent("rendered", on=now().date())
        search = asyncio.create_task(self._memories(request))
        try:
            world = await self._memory.recall(character_id=character.id, story_id=request.story_id)
            told = await self._told(request)
            memories = await self._at_hand(search)
        finally:
            search.cancel()
        return StoryContext(character=character, world=world, told=told, memories=memories)

    async def _at_hand(self, search: "asyncio.Task[tuple[str, ...]]") -> tuple[str, ...]:
        """What a search has found, if it can answer at once: no scene waits for memories."""
        patience = asyncio.create_task(self._clock.sleep(MEMORY_WAIT_S))
        try:
            await asyncio.wait({search, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        return search.result() if search.done() else ()

    async def _memories(self, request: SceneRequest) -> tuple[str, ...]:
        """Prompts of the scenes that this one reminds of; none while they cannot be searched."""
        try:
            found = await self._memory.search(
                character_id=request.character_id,
                text=request.prompt,
                story_id=None,
                limit=MEMORIES,
                wait_s=0.0,
            )
        except CineError as error:
            logger("director").info("nothing comes to mind", problem=error.message)
            return ()
        return tuple(episode.prompt for episode, _ in found)

    async def _told(self, request: SceneRequest) -> StoryState:
        return await self._memory.story_state(
            character_id=request.character_id, story_id=request.story_id, at=None
        )

    async def resolve_adapter(self, job_id: str, request: SceneRequest) -> ResolvedAdapter:
        """Decides, once, which adapter version the job is rendered with.

        Raises, before anything is spent, Invalid for a size that the generator cannot paint,
        Unsupported where it cannot load the adapter that is asked for, NotFound for one that is
        not there any more.
        """
        able = await self._parts.generator.capabilities()
        able.size(request.width_px, request.height_px)
        wanted = request.adapter_version
        if wanted and not able.lora:
            raise Unsupported(
                f"adapter_version {wanted}: {able.model} loads no adapters",
                advice="Leave `adapter_version` out.",
            )
        pinned = wanted if able.lora else NO_ADAPTER
        adapter = await asyncio.to_thread(self._store.adapters.pin, JobId(job_id), pinned)
        return ResolvedAdapter(adapter=adapter, capabilities=able)

    async def plan(
        self, request: SceneRequest, story: StoryContext, resolved: ResolvedAdapter
    ) -> Planned:
        plan = await self._parts.prompt_engine.plan(
            character=story.character,
            request=request,
            world=story.world,
            story=story.told or await self._told(request),
            trigger=resolved.adapter.trigger if resolved.adapter else None,
            memories=story.memories,
            token_budget=resolved.capabilities.token_budget,
        )
        return Planned(plan=plan)

    async def render(self, context: RenderContext, seed: int) -> Rendered:
        request, able = context.request, context.resolved.capabilities
        order = RenderOrder(
            prompt=context.plan.prompt,
            negative_prompt=context.plan.negative_prompt,
            seed=seed,
            width_px=request.width_px,
            height_px=request.height_px,
            adapter=context.adapter,
            references=context.character.references if able.references else (),
        )
        rendering = await self._parts.generator.render(order=order)
        artifact = await self._keep(rendering.pixels)
        return Rendered(artifact=artifact, seed=rendering.seed, model=rendering.model)

    async def judge(self, context: RenderContext, artifact: str) -> Judged:
        pixels = await self._pixels(artifact)
        report = await self._parts.validator.validate(pixels=pixels, character=context.character)
        return Judged(report=report)

    async def repair(self, context: RenderContext, take: SceneTake, attempt: int) -> Repaired:
        outcome = await self._parts.refiner.repair(
            pixels=await self._pixels(take.artifact),
            report=take.report,
            character=context.character,
            plan=context.plan,
            adapter=context.adapter,
            seed=take.raw.seed,
            attempt=attempt,
        )
        artifact = await self._keep(outcome.pixels)
        repair = outcome.repair.model_copy(update={"artifact": artifact})
        return Repaired(artifact=artifact, report=outcome.report, repair=repair)

    async def analyze(self, context: RenderContext, take: SceneTake) -> Analyzed:
        pixels = await self._pixels(take.artifact)
        state = await self._parts.analyzer.analyze(
            pixels=pixels, planned=context.plan.scene, domain=context.domain
        )
        return Analyzed(state=state)

    async def remember(
        self, context: RenderContext, take: SceneTake, state: SceneState
    ) -> Remembered:
        """Commits the episode under the job's id: doing it twice does it once."""
        request, report = context.request, take.report
        pixels = await self._pixels(take.artifact)
        face = await self._parts.validator.embed(pixels=pixels, box=report.box)
        episode = Episode(
            id=EpisodeId(context.job_id),
            character_id=request.character_id,
            story_id=request.story_id,
            scene=context.story.world.scene + 1,
            prompt=request.prompt,
            state=state,
            artifact=take.artifact,
            idr=report.idr,
            changes=context.plan.reading.changes,
        )
        return Remembered(
            episode=await self._memory.remember(episode=episode, face=face),
            world=await self._memory.recall(
                character_id=request.character_id, story_id=request.story_id
            ),
        )

    async def collect(
        self, context: RenderContext, take: SceneTake, state: SceneState
    ) -> Collected:
        """An image that cannot be collected is none the worse a scene: the reason says why."""
        try:
            image = await self._learner.collect(
                job_id=context.job_id,
                character_id=context.request.character_id,
                sha256=take.artifact,
                idr=take.report.idr,
                state=state,
                caption=context.plan.prompt,
            )
        except Unavailable:  # the Learner is being replaced: the step is tried again
            raise
        except CineError as error:
            return Collected(golden=False, reason=error.message)
        return Collected(golden=image.accepted, reason=image.reason)

    async def forget(self, job_id: str) -> None:
        """Take back the episode of a job that did not succeed, if it left one."""
        try:
            await self._memory.forget(episode_id=EpisodeId(job_id))
        except NotFound:
            return

    async def _keep(self, pixels: Pixels) -> str:
        content = await asyncio.to_thread(to_png, pixels)
        return await asyncio.to_thread(self._store.blobs.put, content)

    async def _pixels(self, artifact: str) -> Pixels:
        content = await asyncio.to_thread(self._store.blobs.get, artifact)
        return await asyncio.to_thread(decode_image, content)


def take_seed(job_id: str, request: SceneRequest, take: int) -> int:
    """The seed of a job's n-th render, n from 1: what was asked for, else one that a replay finds
    again."""
    if take == 1 and request.seed is not None:
        return request.seed
    root = job_id if request.seed is None else str(request.seed)
    # 31 bits: every generator takes them, those with signed seeds included.
    return int.from_bytes(hashlib.sha256(f"{root}:{take}".encode()).digest()[:4]) >> 1
