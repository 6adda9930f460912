"""The Director's promises: no job lost, none done twice, a story's scenes in order.

The worker is a real process that is killed for real: `scene_worker.py`, with `reference_model.py`.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from dbos import DBOSClient

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.story.job import TERMINAL, Job, JobId
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.settings import Settings, StoreSettings
from cluster.store import Store
from cluster.store.workflows import QUEUE, WORKFLOW, open_workflow_engine
from tests.integration.reference_model import EMPTY_SEED, POOR_SEED
from tests.photographs import astronaut

ROOT = Path(__file__).parents[2]
ADA = CharacterId("ada")
TIMEOUT_S = 120.0
POLL_S = 0.01

# A job with the poor seed: rendered, repaired twice in vain, rendered again, and remembered.
EVERY_STEP = [
    ("context", 1),
    ("adapter", 1),
    ("prompt", 1),
    ("render", 1),
    ("validate", 1),
    ("repair", 1),
    ("repair", 2),
    ("render", 2),
    ("validate", 2),
    ("analyze", 1),
    ("remember", 1),
    ("collect", 1),
]


class Studio:
    """One home folder, the worker on it, and what a gateway would do."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self._home = home
        self.store = Store.open(settings.store)
        self._client = DBOSClient(system_database_engine=open_workflow_engine(settings.store))
        self._worker = 0
        self._forge = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.scene_worker", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(home / "worker.log").open("w"),
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            },
            text=True,
        )
        reference = self.store.blobs.put(to_png(astronaut()))
        self.store.characters.add(Character(id=ADA, name="Ada", references=(reference,)))

    def start(self) -> None:
        """Start a worker; the one before must be dead."""
        assert self._forge.stdin is not None
        assert self._forge.stdout is not None
        print(file=self._forge.stdin, flush=True)
        for line in self._forge.stdout:  # libraries write there too
            if line.startswith("ready "):
                self._worker = int(line.removeprefix("ready "))
                return
            if line == "failed\n":
                break
        raise AssertionError(self.log())

    def kill(self) -> None:
        os.kill(self._worker, signal.SIGKILL)

    def close(self) -> None:
        self._forge.kill()  # takes its worker along
        self._forge.communicate()

    def log(self) -> str:
        return (self._home / "worker.log").read_text()[-4000:]

    def write_down(
        self, story: str, seed: int | None = None, character: CharacterId = ADA
    ) -> JobId:
        id = JobId(uuid4().hex)
        request = SceneRequest(
            character_id=character,
            prompt="Ada fights in rain",
            story_id=StoryId(story),
            seed=seed,
        )
        self.store.jobs.add(Job(id=id, request=request))
        return id

    def submit(self, story: str, seed: int | None = None) -> JobId:
        id = self.write_down(story, seed)
        self._client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": id,
                "queue_partition_key": story,
            },
            id,
        )
        return id

    def await_step(self, id: JobId, name: str, attempt: int) -> None:
        """Until the job's log says that this step has begun."""
        begun = {"step": name, "attempt": attempt}
        self.until(
            lambda: any(
                e.kind == "progress" and e.data.items() >= begun.items()
                for e in self.store.jobs.events(id)
            ),
            f"{begun} of {id}",
        )

    def await_end(self, id: JobId) -> Job:
        self.until(lambda: self.store.jobs.get(id).status in TERMINAL, f"the end of {id}")
        return self.store.jobs.get(id)

    def until(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not done():
            assert time.monotonic() < deadline, f"waited for {what}\n{self.log()}"
            time.sleep(POLL_S)

    def episodes(self, story: str) -> list[str]:
        return [one.id for one in self.store.episodes.list(ADA, StoryId(story))]

    def span(self, id: JobId) -> tuple[datetime, datetime]:
        """When the job was taken up, and when it ended."""
        at = {e.data["status"]: e.at for e in self.store.jobs.events(id) if e.kind == "status"}
        return at["running"], at[self.store.jobs.get(id).status]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("home")
    one = Studio(home, Settings(store=StoreSettings(home=home)))
    one.start()
    yield one
    one.close()


def steps_of(job: Job) -> list[tuple[str, int]]:
    return [(step.name, step.attempt) for step in job.steps]


def test_a_poor_first_picture_is_repaired_then_taken_again(studio: Studio) -> None:
    job = studio.await_end(studio.submit("whole", POOR_SEED))

    assert job.status == "succeeded", (job.problem, studio.log())
    assert steps_of(job) == EVERY_STEP
    assert job.result.idr is not None
    assert job.result.idr >= 0.75
    assert job.result.seed != POOR_SEED
    assert job.result.state_before is not None
    assert job.result.state_after is not None
    assert job.result.state_after.scene == job.result.state_before.scene + 1
    assert studio.episodes("whole") == [job.id]


def test_a_job_killed_at_every_step_is_done_once(studio: Studio) -> None:
    id = studio.submit("killed", POOR_SEED)
    for name, attempt in EVERY_STEP:
        studio.await_step(id, name, attempt)
        studio.kill()
        assert studio.store.jobs.get(id).status == "running"
        studio.start()
    job = studio.await_end(id)

    assert job.status == "succeeded", (job.problem, studio.log())
    assert steps_of(job) == EVERY_STEP
    assert studio.episodes("killed") == [id]
    assert [one.job_id for one in studio.store.golden.list(ADA)].count(id) == 1


def test_only_the_step_that_was_cut_off_is_done_again(studio: Studio) -> None:
    id = studio.submit("again", POOR_SEED)
    studio.await_step(id, "render", 2)
    studio.kill()
    studio.start()
    studio.await_end(id)

    begun = Counter(
        (e.data["step"], e.data["attempt"])
        for e in studio.store.jobs.events(id)
        if e.kind == "progress"
    )
    assert {step for step, times in begun.items() if times > 1} <= {("render", 2)}


def test_a_kill_right_after_the_episode_was_written_leaves_one_episode(studio: Studio) -> None:
    id = studio.submit("memory")
    studio.until(lambda: studio.episodes("memory") == [id], "the episode")
    studio.kill()
    studio.start()

    assert studio.await_end(id).status == "succeeded"
    assert studio.episodes("memory") == [id]


def test_a_story_is_told_in_order_and_stories_in_parallel(studio: Studio) -> None:
    first = [studio.submit("first") for _ in range(3)]
    second = [studio.submit("second") for _ in range(3)]
    for id in first + second:
        assert studio.await_end(id).status == "succeeded"

    for story, ids in (("first", first), ("second", second)):
        spans = [studio.span(id) for id in ids]
        assert all(one[1] <= two[0] for one, two in pairwise(spans))
        assert studio.episodes(story) == ids
        scenes = [studio.store.jobs.get(id).result.state_before for id in ids]
        assert [before.scene for before in scenes if before] == [0, 1, 2]
    assert studio.span(second[0])[0] < studio.span(first[-1])[1]


def test_a_kill_keeps_the_order_of_a_story(studio: Studio) -> None:
    ids = [studio.submit("order") for _ in range(3)]
    studio.await_step(ids[0], "render", 1)
    studio.kill()
    studio.start()
    for id in ids:
        studio.await_end(id)

    assert studio.episodes("order") == ids


def test_a_job_that_was_never_enqueued_is_found(studio: Studio) -> None:
    id = studio.write_down("lost")

    assert studio.await_end(id).status == "succeeded"


def test_a_job_cancelled_while_it_runs_leaves_nothing_in_memory(studio: Studio) -> None:
    id, next_one = studio.submit("cancelled"), studio.submit("cancelled")
    studio.await_step(id, "render", 1)
    assert studio.store.jobs.set_status(id, "cancelled")

    assert studio.await_end(next_one).status == "succeeded"
    job = studio.store.jobs.get(id)
    assert job.status == "cancelled"
    assert ("remember", 1) not in steps_of(job)
    assert studio.episodes("cancelled") == [next_one]


def test_a_job_cancelled_while_it_is_remembered_is_forgotten_again(studio: Studio) -> None:
    id, next_one = studio.submit("late"), studio.submit("late")
    studio.await_step(id, "remember", 1)
    assert studio.store.jobs.set_status(id, "cancelled")

    assert studio.await_end(next_one).status == "succeeded"
    assert studio.store.jobs.get(id).status == "cancelled"
    assert studio.episodes("late") == [next_one]


def test_a_job_cancelled_in_the_queue_never_begins(studio: Studio) -> None:
    ahead, id = studio.submit("queued"), studio.submit("queued")
    assert studio.store.jobs.set_status(id, "cancelled")

    assert studio.await_end(ahead).status == "succeeded"
    assert studio.await_end(studio.submit("queued")).status == "succeeded"
    assert studio.store.jobs.get(id).steps == ()
    assert studio.store.jobs.get(id).status == "cancelled"


def test_a_picture_of_nobody_is_taken_again_then_rejected(studio: Studio) -> None:
    job = studio.await_end(studio.submit("empty", EMPTY_SEED))

    assert job.status == "rejected"
    assert job.problem is not None
    assert job.problem.code == "no_face"
    assert job.result.artifact is not None
    assert [name for name, _ in steps_of(job)].count("render") == 2
    assert ("repair", 1) not in steps_of(job)
    assert studio.episodes("empty") == []


def test_a_deleted_character_fails_its_job_and_says_why(studio: Studio) -> None:
    gone = CharacterId("gone")
    id = studio.write_down("gone", character=gone)
    job = studio.await_end(id)

    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem.code == "not_found"
    assert "gone" in job.problem.message


def test_the_same_seed_gives_the_same_picture(studio: Studio) -> None:
    ids = [studio.submit(story, 11) for story in ("one", "two")]

    assert len({studio.await_end(id).result.artifact for id in ids}) == 1
