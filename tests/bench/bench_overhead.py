"""What orchestration costs: `python -m tests.bench.bench_overhead [--jobs 50]`.

The real Director, queue, store and actors on a real local Ray; everything that paints, looks or
writes is a stand-in that answers at once, so that what is left is the price of durability.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

import numpy as np
from dbos import DBOSClient
from ray import serve
from rich.console import Console
from rich.table import Table

from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import IdentityReport
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities, Rendering, RenderOrder
from cluster.domain.story.job import TERMINAL, Job, JobId
from cluster.domain.story.scene import SceneRequest, SceneState, StoryId
from cluster.launch import free_port, local_ray
from cluster.settings import JobSettings, MemorySettings, Settings, StoreSettings
from cluster.store import Store
from cluster.store.workflows import QUEUE, WORKFLOW, open_workflow_engine
from serve.lifecycle import Lifecycle, replica_of
from serve.workflow.director import Director

SIDE_PX = 64
POLL_S = 0.005


class Instant(Lifecycle):
    """Stands in for every deployment: each answers at once, in the right shape."""

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            model="instant", lora=False, references=False, inpaint=False,
            width_px=SIDE_PX, height_px=SIDE_PX, token_budget=77,
        )  # fmt: skip

    async def plan(self, **_: object) -> Plan:
        return Plan(prompt="p", negative_prompt="", identity_prompt="p", scene=SceneState())

    async def render(self, order: RenderOrder) -> Rendering:
        noise = np.random.default_rng(order.seed).integers(0, 255, (SIDE_PX, SIDE_PX, 3))
        return Rendering(pixels=noise.astype(np.uint8), model="instant", seed=order.seed)

    async def validate(self, **_: object) -> IdentityReport:
        return IdentityReport(idr=0.8, verdict="pass", faces=1)

    async def embed(self, **_: object) -> None:
        return None

    async def analyze(self, planned: SceneState, **_: object) -> SceneState:
        return planned


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    with local_ray(num_cpus=8):
        serve.start(http_options={"port": free_port()}, proxy_location="Disabled")
        instant = serve.deployment(max_ongoing_requests=100)(replica_of(Instant)).bind(settings)
        director = serve.deployment()(replica_of(Director)).bind(
            settings,
            prompt_engine=instant,
            generator=instant,
            validator=instant,
            refiner=instant,
            analyzer=instant,
        )
        serve.run(director, name="bench", route_prefix=None)
        try:
            yield
        finally:
            serve.shutdown()


class Bench:
    def __init__(self, settings: Settings) -> None:
        self._store = Store.open(settings.store)
        self._client = DBOSClient(system_database_engine=open_workflow_engine(settings.store))
        self._character = CharacterId("bench")
        self._store.characters.add(Character(id=self._character, name="Bench"))

    def submit(self, story: str) -> JobId:
        """As the gateway does it: write the job down, then enqueue it."""
        id = JobId(uuid4().hex)
        request = SceneRequest(
            character_id=self._character, prompt="stands", story_id=StoryId(story)
        )
        self._store.jobs.add(Job(id=id, request=request))
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

    def wait(self, id: JobId) -> Job:
        while (job := self._store.jobs.get(id)).status not in TERMINAL:
            time.sleep(POLL_S)
        assert job.status == "succeeded", job.problem
        return job

    def spans_ms(self, id: JobId) -> tuple[float, float]:
        """Time in the queue, and from there to the end."""
        events = self._store.jobs.events(id)
        stood = {str(e.data["status"]): e.at for e in events if e.kind == "status"}
        begun, ended = stood["running"], stood["succeeded"]
        return _ms(self._store.jobs.get(id).created_at, begun), _ms(begun, ended)

    def alone(self, count: int) -> tuple[list[float], list[float]]:
        """One job after another."""
        self.wait(self.submit("warm"))
        spans = [self.spans_ms(self.wait(self.submit("alone")).id) for _ in range(count)]
        return [queued for queued, _ in spans], [ran for _, ran in spans]

    def rush(self, count: int, stories: int) -> tuple[float, float]:
        """Jobs a second enqueued, and jobs a second from the first submitted to the last done."""
        begun = time.perf_counter()
        ids = [self.submit(f"story-{n % stories}") for n in range(count)]
        enqueued = time.perf_counter()
        for id in ids:
            self.wait(id)
        return count / (enqueued - begun), count / (time.perf_counter() - begun)


def _ms(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--stories", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            store=StoreSettings(home=Path(home)),
            memory=MemorySettings(text_encoder="off"),
            jobs=JobSettings(concurrency=16),
        )
        with running(settings):
            bench = Bench(settings)
            queued, ran = bench.alone(given.jobs)
            enqueued, done = bench.rush(given.jobs * 4, given.stories)
    table = Table("figure", "p50 ms", "p95 ms")
    rows: list[tuple[str, list[float]]] = [
        (f"in the queue (polled every {settings.jobs.poll_interval_s * 1000:g} ms)", queued),
        ("orchestration, all steps", ran),
    ]
    for name, values in rows:
        cuts = quantiles(values, n=20)
        table.add_row(name, f"{cuts[9]:.0f}", f"{cuts[18]:.0f}")
    console = Console()
    console.print(table)
    console.print(f"in: {enqueued:.0f} jobs/s, out: {done:.1f} jobs/s ({given.stories} stories)")


if __name__ == "__main__":
    main()
