"""The durable workflow: the steps of one job, readable from top to bottom.

Knows their order and when a picture is good enough; `steps.py` knows how each is done,
`durable_steps.py` that it is done once, `job_queue.py` which job is next.
"""

from concurrent.futures import ThreadPoolExecutor

from dbos import error as dbos_errors
from ray import serve

from actors.connect import connect
from cluster.domain.job import JobStatus, Problem, Result
from cluster.errors import Cancelled, CineError
from cluster.handles import (
    Actors,
    AnalyzerHandle,
    GeneratorHandle,
    PromptEngineHandle,
    RefinerHandle,
    ValidatorHandle,
)
from cluster.rpc import problem_of
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import bind, setup_logging

from .durable_steps import DurableSteps, Meters
from .job_queue import JobQueue
from .steps import (
    Collected,
    Context,
    Handles,
    Judged,
    Picture,
    Planned,
    Remembered,
    RenderContext,
    Repaired,
    ResolvedAdapter,
    Seen,
    Shot,
    Steps,
    seed_of,
)


class Director:
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
        setup_logging(settings.telemetry)
        actors = actors or connect(settings)
        handles = Handles(
            prompt_engine=prompt_engine,
            generator=generator,
            validator=validator,
            refiner=refiner,
            analyzer=analyzer,
            memory=actors.memory,
            learner=actors.learner,
        )
        self._limits = settings.repair
        self._store = Store.open(settings.store)
        self._meters = Meters()
        self._steps = Steps(self._store, handles)
        self._queue_runner = JobQueue(settings, self._store, executor_id or _rank(), self.run)
        # Serve constructs replicas on a running event loop, where DBOS refuses to block.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(self._queue_runner.open).result()

    async def ready(self) -> bool:
        """Whether jobs are being taken up."""
        return self._queue_runner.is_open

    def __del__(self) -> None:
        self._queue_runner.close()

    async def run(self, job_id: str) -> None:
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
        context = await run(Context, 1, steps.context, request)

        # 4. LoRA check: the adapter that is active now is this job's to its end.
        resolved = await run(ResolvedAdapter, 1, steps.fit, job_id, request)

        # 5. Prompt engineering: no detail of the character may be forgotten.
        planned = await run(Planned, 1, steps.plan, request, context, resolved)
        render_context = RenderContext(job_id, request, context, resolved, planned.plan)

        takes: list[Picture] = []
        for take in range(1, self._limits.rerenders + 2):
            # 6. Generation.
            shot = await run(
                Shot, take, steps.render, render_context, seed_of(job_id, request, take)
            )
            # 7. Identity validation.
            judged = await run(Judged, take, steps.judge, render_context, shot.artifact)
            # 8. Gate, and 9. Refiner: what fails the gate is repaired, at most so often.
            takes.append(
                await self._repair(durable, render_context, Picture.of(shot, judged), take)
            )
            if takes[-1].passed:
                break
        best = max(takes, key=Picture.rank)
        if not best.passed:
            await durable.show(_result(render_context, best))
            await durable.end("rejected", _rejection(best))
            return

        # 10. State analysis, into a new episode of the story.
        seen = await run(Seen, 1, steps.analyze, render_context, best)
        remembered = await run(Remembered, 1, steps.remember, render_context, best, seen.state)

        # 11. Golden images.
        collected = await run(Collected, 1, steps.collect, render_context, best, seen.state)
        await durable.show(_result(render_context, best, seen, remembered, collected))
        await durable.end("succeeded")

    async def _repair(
        self, durable: DurableSteps, render_context: RenderContext, picture: Picture, take: int
    ) -> Picture:
        """Repair until the picture passes; one without a face is beyond repair."""
        most = self._limits.max_repairs if render_context.resolved.capabilities.inpaint else 0
        for attempt in range(1, most + 1):
            if picture.report.verdict != "fail":
                break
            nth = (take - 1) * most + attempt
            by = await durable.run(
                Repaired, nth, self._steps.repair, render_context, picture, attempt
            )
            picture = picture.repaired(by)
        return picture

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
    render_context: RenderContext,
    picture: Picture,
    seen: Seen | None = None,
    remembered: Remembered | None = None,
    collected: Collected | None = None,
) -> Result:
    return Result(
        artifact=picture.artifact,
        raw_artifact=picture.raw.artifact,
        idr=picture.report.idr,
        identity=picture.report,
        raw_identity=picture.raw_report,
        repairs=picture.repairs,
        prompt=render_context.plan.prompt,
        negative_prompt=render_context.plan.negative_prompt,
        contradictions=render_context.plan.contradictions,
        adapter=render_context.resolved.adapter.id if render_context.resolved.adapter else None,
        seed=picture.raw.seed,
        backend=picture.raw.model,
        state_before=render_context.context.world,
        state_after=remembered.world if remembered else None,
        observed=seen.state if seen else None,
        golden=collected.golden if collected else None,
        golden_reason=collected.reason if collected else None,
    )


def _rejection(picture: Picture) -> Problem:
    report = picture.report
    if report.verdict == "no_face":
        return Problem(
            code="no_face",
            message=report.reason or "No face was found in any of the pictures.",
            advice="Ask for a closer framing, or a pose that shows the face.",
        )
    return Problem(
        code="identity_lost",
        message=report.reason or f"The best picture keeps only {report.idr:.2f} of the identity.",
        advice="Train or promote an adapter for the character, or try another seed or backend.",
    )
