"""What each step of a job does: it asks the right part, and keeps what the next step needs.

Pictures travel to the parts as pixels and between the steps as blob digests. Knows nothing of the
steps' order, nor of what happens when one is cut off: each may be done twice.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character
from cluster.domain.episode import Episode, EpisodeId
from cluster.domain.identity.score import IdentityReport
from cluster.domain.job import STEP_NAMES, JobId, Repair
from cluster.domain.learning.adapter import NO_ADAPTER, AdapterVersion
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities, RenderOrder
from cluster.domain.scene import SceneRequest, SceneState
from cluster.domain.value import Value, now
from cluster.domain.world import WorldState
from cluster.errors import CineError, NotFound, Unsupported
from cluster.handles import (
    AnalyzerHandle,
    GeneratorHandle,
    LearnerHandle,
    MemoryStoreHandle,
    PromptEngineHandle,
    RefinerHandle,
    ValidatorHandle,
)
from cluster.ports import Pixels
from cluster.store import Store

from .durable_steps import Outcome

MEMORIES = 3


class Context(Outcome):
    """Step 3: who the character is, what its story has made of it, what it reminds of."""

    step: ClassVar[STEP_NAMES] = "context"
    character: Character
    world: WorldState
    memories: tuple[str, ...] = ()

    def detail(self) -> dict[str, Any]:
        return {"after_scene": self.world.scene, "memories": len(self.memories)}


class ResolvedAdapter(Outcome):
    """Step 4: the adapter this job keeps to its end, and what the generator can do."""

    step: ClassVar[STEP_NAMES] = "adapter"
    adapter: AdapterVersion | None
    capabilities: Capabilities

    def detail(self) -> dict[str, Any]:
        adapter = self.adapter.id if self.adapter else None
        return {"adapter": adapter, "model": self.capabilities.model}


class Planned(Outcome):
    """Step 5: the guarded prompt."""

    step: ClassVar[STEP_NAMES] = "prompt"
    plan: Plan

    def detail(self) -> dict[str, Any]:
        contradictions = [one.model_dump() for one in self.plan.contradictions]
        return {
            "prompt": self.plan.prompt,
            "contradictions": contradictions,
            "added_by_guard": self.plan.added_by_guard,
            "left_out": self.plan.left_out,
        }


class Shot(Outcome):
    """Step 6: a picture."""

    step: ClassVar[STEP_NAMES] = "render"
    artifact: str
    seed: int
    model: str

    def detail(self) -> dict[str, Any]:
        return {"artifact": self.artifact, "seed": self.seed, "model": self.model}


class Judged(Outcome):
    """Step 7: how much of the character is in the picture."""

    step: ClassVar[STEP_NAMES] = "validate"
    report: IdentityReport

    def detail(self) -> dict[str, Any]:
        return {"idr": self.report.idr, "verdict": self.report.verdict}


class Repaired(Outcome):
    """Step 9: the picture after one repair, or the same one when the repair made it no better."""

    step: ClassVar[STEP_NAMES] = "repair"
    artifact: str
    report: IdentityReport
    repair: Repair

    def detail(self) -> dict[str, Any]:
        repair = self.repair
        return {
            "idr_before": repair.idr_before,
            "idr": repair.idr_after,
            "kept": repair.kept,
            "artifact": repair.artifact,
        }


class Seen(Outcome):
    """Step 10, first half: what the picture shows."""

    step: ClassVar[STEP_NAMES] = "analyze"
    state: SceneState

    def detail(self) -> dict[str, Any]:
        return self.state.model_dump(mode="json", exclude_none=True, exclude={"confidence"})


class Remembered(Outcome):
    """Step 10, second half: the episode, and the world as it is after it."""

    step: ClassVar[STEP_NAMES] = "remember"
    episode: Episode
    world: WorldState

    def detail(self) -> dict[str, Any]:
        return {"scene": self.episode.scene}


class Collected(Outcome):
    """Step 11: whether the picture joined the training set, and why or why not."""

    step: ClassVar[STEP_NAMES] = "collect"
    golden: bool
    reason: str

    def detail(self) -> dict[str, Any]:
        return {"golden": self.golden, "reason": self.reason}


class Picture(Value):
    """A render, and what repairs have made of it. `artifact` is its best state."""

    raw: Shot
    raw_report: IdentityReport
    artifact: str
    report: IdentityReport
    repairs: tuple[Repair, ...] = ()

    @classmethod
    def of(cls, shot: Shot, judged: Judged) -> "Picture":
        report = judged.report
        return cls(raw=shot, raw_report=report, artifact=shot.artifact, report=report)

    def repaired(self, by: Repaired) -> "Picture":
        """The picture after a repair; unchanged when the repair made it no better."""
        better = {"artifact": by.artifact, "report": by.report} if by.repair.kept else {}
        return self.model_copy(update={**better, "repairs": (*self.repairs, by.repair)})

    @property
    def passed(self) -> bool:
        return self.report.verdict == "pass"

    def rank(self) -> tuple[bool, float]:
        """What makes one picture better than another."""
        return self.passed, self.report.idr or 0.0


class RenderContext(NamedTuple):
    """What a job knows from step 5 on."""

    job_id: str
    request: SceneRequest
    context: Context
    resolved: ResolvedAdapter
    plan: Plan

    @property
    def character(self) -> Character:
        return self.context.character


@dataclass(frozen=True)
class Handles:
    """Everybody the Director talks to: handles of deployments and of actors."""

    prompt_engine: PromptEngineHandle
    generator: GeneratorHandle
    validator: ValidatorHandle
    refiner: RefinerHandle
    analyzer: AnalyzerHandle
    memory: MemoryStoreHandle
    learner: LearnerHandle


class Steps:
    """One method a step."""

    def __init__(self, store: Store, handles: Handles) -> None:
        self._store = store
        self._handles = handles

    async def context(self, request: SceneRequest) -> Context:
        """Raises NotFound for a deleted character, ConsentMissing when consent has ended."""
        character = await asyncio.to_thread(self._store.characters.get, request.character_id)
        character.require_consent("rendered", on=now().date())
        memory = self._handles.memory
        world = await memory.recall(character_id=character.id, story_id=request.story_id)
        try:
            found = await memory.search(
                character_id=character.id, text=request.prompt, story_id=None, limit=MEMORIES
            )
        except Unsupported:  # the sentence encoder is off: nothing comes to mind
            found = []
        memories = tuple(episode.prompt for episode, _ in found)
        return Context(character=character, world=world, memories=memories)

    async def fit(self, job_id: str, request: SceneRequest) -> ResolvedAdapter:
        """Decides, once, which adapter version the job is rendered with.

        Raises, before anything is spent, Invalid for a size that the generator cannot paint,
        Unsupported where it cannot load the adapter that is asked for, NotFound for one that is
        not there any more.
        """
        able = await self._handles.generator.capabilities()
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
        self, request: SceneRequest, context: Context, resolved: ResolvedAdapter
    ) -> Planned:
        plan = await self._handles.prompt_engine.plan(
            character=context.character,
            request=request,
            world=context.world,
            trigger=resolved.adapter.trigger if resolved.adapter else None,
            memories=context.memories,
            token_budget=resolved.capabilities.token_budget,
        )
        return Planned(plan=plan)

    async def render(self, render_context: RenderContext, seed: int) -> Shot:
        able = render_context.resolved.capabilities
        order = RenderOrder(
            prompt=render_context.plan.prompt,
            negative_prompt=render_context.plan.negative_prompt,
            seed=seed,
            width_px=render_context.request.width_px,
            height_px=render_context.request.height_px,
            adapter=render_context.resolved.adapter,
            references=render_context.character.references if able.references else (),
        )
        rendering = await self._handles.generator.render(order=order)
        artifact = await self._keep(rendering.pixels)
        return Shot(artifact=artifact, seed=rendering.seed, model=rendering.model)

    async def judge(self, render_context: RenderContext, artifact: str) -> Judged:
        pixels = await self._pixels(artifact)
        report = await self._handles.validator.validate(
            pixels=pixels, character=render_context.character
        )
        return Judged(report=report)

    async def repair(
        self, render_context: RenderContext, picture: Picture, attempt: int
    ) -> Repaired:
        outcome = await self._handles.refiner.repair(
            pixels=await self._pixels(picture.artifact),
            report=picture.report,
            character=render_context.character,
            plan=render_context.plan,
            adapter=render_context.resolved.adapter,
            seed=picture.raw.seed,
            attempt=attempt,
        )
        artifact = await self._keep(outcome.pixels)
        repair = outcome.repair.model_copy(update={"artifact": artifact})
        return Repaired(artifact=artifact, report=outcome.report, repair=repair)

    async def analyze(self, render_context: RenderContext, picture: Picture) -> Seen:
        pixels = await self._pixels(picture.artifact)
        state = await self._handles.analyzer.analyze(
            pixels=pixels, planned=render_context.plan.scene
        )
        return Seen(state=state)

    async def remember(
        self, render_context: RenderContext, picture: Picture, state: SceneState
    ) -> Remembered:
        """Commits the episode under the job's id: doing it twice does it once."""
        request, report = render_context.request, picture.report
        pixels = await self._pixels(picture.artifact)
        face = await self._handles.validator.embed(pixels=pixels, box=report.box)
        episode = Episode(
            id=EpisodeId(render_context.job_id),
            character_id=request.character_id,
            story_id=request.story_id,
            scene=render_context.context.world.scene + 1,
            prompt=request.prompt,
            state=state,
            artifact=picture.artifact,
            idr=report.idr,
        )
        memory = self._handles.memory
        return Remembered(
            episode=await memory.remember(episode=episode, face=face),
            world=await memory.recall(character_id=request.character_id, story_id=request.story_id),
        )

    async def collect(
        self, render_context: RenderContext, picture: Picture, state: SceneState
    ) -> Collected:
        """A picture that cannot be collected is none the worse a scene: the reason says why."""
        try:
            image = await self._handles.learner.collect(
                job_id=render_context.job_id,
                character_id=render_context.request.character_id,
                sha256=picture.artifact,
                idr=picture.report.idr,
                state=state,
                caption=render_context.plan.prompt,
            )
        except CineError as error:
            return Collected(golden=False, reason=error.message)
        return Collected(golden=image.accepted, reason=image.reason)

    async def forget(self, job_id: str) -> None:
        """Take back the episode of a job that did not succeed, if it left one."""
        try:
            await self._handles.memory.forget(episode_id=EpisodeId(job_id))
        except NotFound:
            return

    async def _keep(self, pixels: Pixels) -> str:
        content = await asyncio.to_thread(to_png, pixels)
        return await asyncio.to_thread(self._store.blobs.put, content)

    async def _pixels(self, artifact: str) -> Pixels:
        content = await asyncio.to_thread(self._store.blobs.get, artifact)
        return await asyncio.to_thread(decode_image, content)


def seed_of(job_id: str, request: SceneRequest, take: int) -> int:
    """The seed of a job's n-th render: what was asked for, else one that a replay finds again."""
    if take == 1 and request.seed is not None:
        return request.seed
    root = job_id if request.seed is None else str(request.seed)
    return int.from_bytes(hashlib.sha256(f"{root}:{take}".encode()).digest()[:4]) >> 1
