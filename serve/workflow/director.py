"""The durable workflow: the steps of one job, readable from top to bottom.

Knows their order and when an image is good enough; `steps.py` knows how each is done,
`durable_steps.py` that it is done once, `job_queue.py` which job is next.
"""

from dbos import error as dbos_errors
from ray import serve

from actors.connect import connect
from cluster.domain.story.job import JobStatus, Problem, Result
from cluster.errors import Cancelled, CineError
from cluster.handles import (
    Actors,
    AnalyzerHandle,
    Deployments,
    GeneratorHandle,
    PromptEngineHandle,
    RefinerHandle,
    ValidatorHandle,
)
from cluster.rpc import problem_of
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import bind

from ..lifecycle import Lifecycle
from .durable_steps import DurableSteps, Meters
from .job_queue import JobQueue
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
from .steps import Steps, take_seed


class Director(Lifecycle):
    """Carries jobs through the steps.

    Args:
        prompt_engine … analyzer: Handles of the deployments.
        actors: Null means those of this Ray cluster.
        executor_id: Null means this replica's rank, so that a replaced replica resumes its jobs.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        prompt_engine: PromptEngineHandle,
        generator: GeneratorHandle,
        validator: ValidatorHandle,
        refiner: RefinerHandle,
        analyzer: AnalyzerHandle,
        actors: Actors | None = None,
        executor_id: str | None = None,
    ) -> None:
        super().__init__(settings)
        self._limits = settings.repair
        self._parts = Deployments(
            prompt_engine=prompt_engine,
            generator=generator,
            validator=validator,
            refiner=refiner,
            analyzer=analyzer,
        )
        self._actors, self._executor_id = actors, executor_id

    def start(self) -> None:
        """Open the store and take up jobs, those first that a predecessor left."""
        self._store = Store.open(self._settings.store)
        self._meters = Meters()
        self._steps = Steps(self._store, self._parts, self._actors or connect(self._settings))
        executor_id = self._executor_id or _rank()
        self._queue = JobQueue(self._settings, self._store, executor_id, self.carry_out)
        self._queue.start()

    def close(self) -> None:
        """Jobs in flight are resumed by the next process of this executor id."""
        self._queue.close()
        self._store.close()

    async def ready(self) -> bool:
        """Whether jobs are being taken up."""
        return self._queue.is_running

    async def carry_out(self, job_id: str) -> None:
        """The workflow of one job: its scene, and an honest end whatever happens."""
        durable = DurableSteps(self._store.jobs, self._meters, job_id)
        with bind(job_id=job_id):
            try:
                await self.scene(job_id, durable)
            except Cancelled:
                await self._abandon(durable, "cancelled")
            except dbos_errors.DBOSMaxStepRetriesExceeded as error:
                await self._abandon(durable, "failed", problem_of(error.errors[-1]))
            except dbos_errors.DBOSException:
                raise  # another process has this job, or it was begun by other code: not a verdict
            except CineError as error:
                await self._abandon(durable, "failed", problem_of(error))

    async def scene(self, job_id: str, durable: DurableSteps) -> None:
        """One job from top to bottom; every `run` happens once, however often this is replayed.

        Steps 1 and 2, request and queue, are the gateway's and the queue's; 12 to 16, from data set
        to promotion, are the learner's, in the background. Step 4 of a later job closes the loop.
        """
        run, steps = durable.run, self._steps
        job = await durable.begin()
        if job is None:
            return
        request = job.request

        # 3. Context: who the character is, and what the story has made of it.
        story = await run(StoryContext, 1, steps.recall_story, request)

        # 4. LoRA check: the adapter that is active now is this job's to its end.
        resolved = await run(ResolvedAdapter, 1, steps.resolve_adapter, job_id, request)

        # 5. Prompt engineering: no detail of the character may be forgotten.
        planned = await run(Planned, 1, steps.plan, request, story, resolved)
        context = RenderContext(job_id, request, story, resolved, planned.plan)

        takes: list[SceneTake] = []
        for nth in range(1, self._limits.rerenders + 2):
            # 6. Generation.
            seed = take_seed(job_id, request, nth)
            rendered = await run(Rendered, nth, steps.render, context, seed)
            # 7. Identity validation.
            judged = await run(Judged, nth, steps.judge, context, rendered.artifact)
            # 8. Gate, and 9. Refiner: what fails the gate is repaired, at most so often.
            take = SceneTake.of(rendered, judged)
            takes.append(await self._repair(durable, context, take, nth))
            if takes[-1].passed:
                break
        best = max(takes, key=SceneTake.rank)
        if not best.passed:
            await durable.show(_result(context, best))
            await durable.end("rejected", _rejection(best))
            return

        # 10. State analysis, into a new episode of the story.
        analyzed = await run(Analyzed, 1, steps.analyze, context, best)
        remembered = await run(Remembered, 1, steps.remember, context, best, analyzed.state)

        # 11. Golden images.
        collected = await run(Collected, 1, steps.collect, context, best, analyzed.state)
        await durable.show(_result(context, best, analyzed, remembered, collected))
        await durable.end("succeeded")

    async def _repair(
        self, durable: DurableSteps, context: RenderContext, take: SceneTake, nth: int
    ) -> SceneTake:
        """Repair the n-th take until it passes; one without a face is beyond repair."""
        most = self._limits.max_repairs if context.resolved.capabilities.inpaint else 0
        for attempt in range(1, most + 1):
            if take.report.verdict != "fail":
                break
            step = (nth - 1) * most + attempt  # counts the repairs of the whole job
            by = await durable.run(Repaired, step, self._steps.repair, context, take, attempt)
            take = take.repaired(by)
        return take

    async def _abandon(
        self, durable: DurableSteps, status: JobStatus, problem: Problem | None = None
    ) -> None:
        """A job that does not succeed leaves nothing in the memory."""
        await durable.undo(self._steps.forget)
        try:
            await durable.end(status, problem)
        except Cancelled:
            return


def _rank() -> str:
    return f"director-{serve.get_replica_context().rank.rank}"


def _result(
    context: RenderContext,
    take: SceneTake,
    analyzed: Analyzed | None = None,
    remembered: Remembered | None = None,
    collected: Collected | None = None,
) -> Result:
    return Result(
        artifact=take.artifact,
        raw_artifact=take.raw.artifact,
        idr=take.report.idr,
        identity=take.report,
        raw_identity=take.raw_report,
        repairs=take.repairs,
        prompt=context.plan.prompt,
        negative_prompt=context.plan.negative_prompt,
        contradictions=context.plan.contradictions,
        adapter=context.adapter.id if context.adapter else None,
        seed=take.raw.seed,
        backend=take.raw.model,
        state_before=context.story.world,
        state_after=remembered.world if remembered else None,
        observed=analyzed.state if analyzed else None,
        golden=collected.golden if collected else None,
        golden_reason=collected.reason if collected else None,
    )


def _rejection(take: SceneTake) -> Problem:
    report = take.report
    if report.verdict == "no_face":
        return Problem(
            code="no_face",
            message=report.reason or "No face was found in any of the images.",
            advice="Ask for a closer framing, or a pose that shows the face.",
        )
    return Problem(
        code="identity_lost",
        message=report.reason or f"The best image keeps only {report.idr:.2f} of the identity.",
        advice="Train or promote an adapter for the character, or try another seed or backend.",
    )
