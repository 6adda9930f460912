"""The durable job queue: a partition a story, its scenes one by one in the order of submission.

DBOS keeps it. Knows how a job is started, resumed and found again; not what a job does.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator

from dbos import DBOS, DBOSConfig

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.story.job import Job, JobStatus, Problem
from cluster.settings import Settings
from cluster.store import Store
from cluster.store.workflows import APPLICATION, QUEUE, WORKFLOW, open_workflow_engine
from cluster.telemetry import logger

# Jobs resume on the version that began them: raise it when the order of the steps changes.
VERSION = "1"
# A job that has taken its process down this often is given up.
MAX_RESUMES = 20
PAGE = 200
LIVE = {"ENQUEUED", "DELAYED", "PENDING"}

log = logger("job_queue")


class JobQueue:
    """This process's share of the queue.

    Args:
        executor_id: The same for a process and its replacement, which resumes what it left.
        work: The workflow; called with a job's id.
        clock: Says when it is time to sweep again.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        executor_id: str,
        work: Callable[[str], Awaitable[None]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._jobs = store.jobs
        self._executor_id = executor_id
        self._work = work
        self._clock = clock
        self._closed = False
        self._changed = threading.Condition()
        self._sweeper = threading.Thread(target=self._sweep_on, name="job-queue-sweep", daemon=True)

    def start(self) -> None:
        """Start working. Blocks; to be called where no event loop runs."""
        work = self._work

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RESUMES)
        async def workflow(job_id: str) -> None:
            await work(job_id)

        config = DBOSConfig(
            name=APPLICATION,
            system_database_engine=open_workflow_engine(self._settings.store),
            executor_id=self._executor_id,
            application_version=VERSION,
            log_level="WARNING",
        )
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self._settings.jobs.concurrency,
            partition_concurrency=1,
            polling_interval_sec=self._settings.jobs.poll_interval_s,
            on_conflict="always_update",
        )
        self.sweep()
        self._sweeper.start()

    @property
    def is_running(self) -> bool:
        return self._sweeper.is_alive()

    def close(self) -> None:
        """Stop working; jobs in flight are resumed by the next process of this executor id."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        DBOS.destroy()

    def sweep(self) -> None:
        """Enqueue every open job that has no workflow, and fail those whose workflow gave up.

        The first happens when a gateway dies between writing a job down and enqueueing it.
        """
        for job in self._open_jobs():
            found = DBOS.list_workflows(workflow_ids=[job.id], load_input=False, load_output=False)
            if not found:
                log.warning("enqueue", job_id=job.id)
                DBOS.enqueue_workflow_with_options(
                    {
                        "workflow_name": WORKFLOW,
                        "queue_name": QUEUE,
                        "workflow_id": job.id,
                        "queue_partition_key": job.request.story_id,
                    },
                    job.id,
                )
            elif found[0].status not in LIVE:
                log.error("gave up", job_id=job.id, workflow=found[0].status)
                self._jobs.set_status(job.id, "failed", _gave_up(found[0].status))

    def _open_jobs(self) -> Iterator[Job]:
        """Queued and running jobs, oldest first within a status."""
        statuses: tuple[JobStatus, ...] = ("running", "queued")
        for status in statuses:
            jobs = self._jobs.list(status=status, limit=PAGE)
            while jobs and len(jobs) % PAGE == 0:
                last = jobs[-1]
                older = self._jobs.list(
                    status=status, before=(last.created_at, last.id), limit=PAGE
                )
                if not older:
                    break
                jobs += older
            yield from reversed(jobs)

    def _sweep_on(self) -> None:
        while not self._closed_before_next_sweep():
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - a process edge: the next sweep tries again
                log.error("sweep failed", error=str(error))

    def _closed_before_next_sweep(self) -> bool:
        next_s = self._clock.monotonic_s() + self._settings.jobs.sweep_interval_s
        with self._changed:
            return self._clock.wait_until(self._changed, lambda: self._closed, next_s)


def _gave_up(status: str) -> Problem:
    return Problem(
        code="internal",
        message=f"The job's workflow ended as {status} without an answer.",
        advice="See the server's log for this job id, then submit the scene again.",
    )
