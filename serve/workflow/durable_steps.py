"""What a job leaves behind while it runs: checkpoints, finished steps, events, its status.

Knows when a step is done once and for all; does not know what a step does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar, ParamSpec, TypeVar

from dbos import DBOS, StepOptions

from cluster.domain.story.job import STEP_NAMES, Job, JobId, JobStatus, Problem, Result, Step
from cluster.domain.value import Value
from cluster.errors import Cancelled, CineError, ProviderBusy, Unavailable
from cluster.rpc import unwrapped
from cluster.store.jobs import JobRepository
from cluster.telemetry import jobs_total, logger, step_ms

P = ParamSpec("P")


class Outcome(Value):
    """What a durable step leaves for the next: small, JSON-able, images by blob digest only."""

    step: ClassVar[STEP_NAMES]

    def detail(self) -> dict[str, Any]:
        """What the job's reader is told about this step: everything, unless a step says less."""
        return self.model_dump(mode="json")


T = TypeVar("T", bound=Outcome)


class Meters:
    """The figures a process keeps of its jobs."""

    def __init__(self) -> None:
        self.step_ms = step_ms()
        self.jobs_total = jobs_total()


class DurableSteps:
    """Runs the durable steps of one job, and writes down how it stands."""

    def __init__(self, jobs: JobRepository, meters: Meters, job_id: str) -> None:
        self._jobs = jobs
        self._meters = meters
        self._id = JobId(job_id)
        self._log = logger("director")

    async def begin(self) -> Job | None:
        """Take the job up, again if need be; None when it has already ended.

        Raises:
            Cancelled: It was cancelled before or while it ran.
        """
        if await asyncio.to_thread(self._jobs.set_status, self._id, "running"):
            return await asyncio.to_thread(self._jobs.get, self._id)
        await self._refuse_cancelled()
        return None

    async def run(
        self,
        kind: type[T],
        attempt: int,
        work: Callable[P, Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do `work` once in the life of the job, and remember what came of it.

        A replayed job gets the remembered outcome. Work that was cut off is done again, so it must
        be idempotent; work whose process died or whose provider is busy is tried again here.

        Raises:
            Cancelled: The job was cancelled since its last step.
            CineError: What the work raised.
        """

        async def once() -> dict[str, Any]:
            outcome = await self._once(kind.step, attempt, partial(work, *args, **kwargs))
            return outcome.model_dump(mode="json")

        options = StepOptions(**RETRIES, name=f"{kind.step}-{attempt}")
        return kind.model_validate(await DBOS.run_step_async(options, once))

    async def undo(self, work: Callable[[str], Awaitable[None]]) -> None:
        """Do `work` for a job that has failed or was cancelled, as durably as a step."""
        await DBOS.run_step_async(StepOptions(**RETRIES, name="undo"), work, self._id)

    async def show(self, result: Result) -> None:
        """Let the job's reader see what has come of it."""
        await asyncio.to_thread(self._jobs.set_result, self._id, result)

    async def end(self, status: JobStatus, problem: Problem | None = None) -> None:
        """End the job.

        Raises:
            Cancelled: Somebody cancelled it first.
        """
        if await asyncio.to_thread(self._jobs.set_status, self._id, status, problem):
            self._meters.jobs_total.inc(tags={"status": status})
            self._log.info("end", status=status, code=problem.code if problem else None)
        else:
            await self._refuse_cancelled()

    async def _once(self, name: STEP_NAMES, attempt: int, work: Callable[[], Awaitable[T]]) -> T:
        await self._refuse_cancelled()
        started = {"step": name, "attempt": attempt}
        await asyncio.to_thread(self._jobs.add_event, self._id, "progress", started)
        begun = time.perf_counter()
        try:
            outcome = await work()
        except CineError:
            raise
        except Exception as error:
            # The edge of the job: whatever went wrong ends this job, not the process.
            self._log.exception("step failed", step=name, attempt=attempt)
            cause = unwrapped(error)
            raise CineError(f"{name}: {type(cause).__name__}: {cause}") from error
        ms = (time.perf_counter() - begun) * 1000
        step = Step(name=name, attempt=attempt, duration_ms=ms, detail=outcome.detail())
        await asyncio.to_thread(self._jobs.add_step, self._id, step)
        self._meters.step_ms.observe(ms, tags={"step": name})
        self._log.info("step", step=name, attempt=attempt, ms=round(ms))
        return outcome

    async def _refuse_cancelled(self) -> None:
        job = await asyncio.to_thread(self._jobs.get, self._id)
        if job.status == "cancelled":
            raise Cancelled


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: a process died under the call, or a part is busy."""
    return isinstance(error, ProviderBusy | Unavailable)


# Half a second, doubling: over a minute in all, enough for a replica to be replaced.
RETRIES = StepOptions(
    retries_allowed=True,
    interval_seconds=0.5,
    backoff_rate=2.0,
    max_attempts=8,
    should_retry=is_transient,
)
