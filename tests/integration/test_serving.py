"""The whole application on real Serve replicas, over HTTP; replicas and actors are killed.

The Generator's place is taken by `ReferenceModel`; everything else is the product.
"""

import os
import signal
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from ray import serve

from cluster.launch import free_port
from cluster.settings import JobSettings, Settings, StoreSettings
from serve.app import wire
from tests.integration.processes import await_pid, loads_torch, pids_of
from tests.integration.reference_model import POOR_SEED, SLOW_SEED, ReferenceModel
from tests.photographs import astronaut

TIMEOUT_S = 120.0
PARTS = ("Gateway", "Director", "PromptEngine", "Generator", "Validator", "Refiner", "Analyzer")
ACTORS = ("MemoryStore", "LoraRegistry", "Learner")
DONE = {"succeeded", "rejected", "failed", "cancelled"}


class Api:
    """A user of the service."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)

    def cast(self, id: str) -> None:
        picture = BytesIO()
        Image.fromarray(astronaut()).save(picture, "PNG")
        self.http.post(
            "/v1/characters",
            data={"character": f'{{"id": "{id}", "name": "Ada"}}'},
            files=[("references", ("ada.png", picture.getvalue(), "image/png"))],
        ).raise_for_status()

    def submit(self, story: str, seed: int | None = None) -> str:
        order = {"character_id": "ada", "prompt": "Ada fights in rain", "story_id": story}
        reply = self.http.post("/v1/scenes", json=order | ({"seed": seed} if seed else {}))
        assert reply.status_code == 202, reply.text
        return str(reply.headers["location"])

    def job(self, location: str) -> dict[str, Any]:
        job: dict[str, Any] = self.http.get(location).raise_for_status().json()
        return job

    def await_end(self, location: str) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while (job := self.job(location))["status"] not in DONE:
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
        return job

    def await_step(self, location: str, name: str) -> None:
        """Until the step before `name` is done, and so `name` has begun."""
        before = {"render": "prompt", "remember": "analyze"}[name]
        deadline = time.monotonic() + TIMEOUT_S
        while before not in [step["name"] for step in self.job(location)["steps"]]:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def await_ready(self) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                if self.http.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def episodes(self, story: str) -> list[str]:
        reply = self.http.get("/v1/characters/ada/episodes", params={"story": story})
        return [one["id"] for one in reply.raise_for_status().json()["items"]]


@pytest.fixture(scope="module")
def api(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = Settings(
        store=StoreSettings(home=tmp_path_factory.mktemp("home")),
        jobs=JobSettings(poll_interval_s=0.05, sweep_interval_s=1.0),
    )
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(wire(settings, {}, ReferenceModel), name="cineai", route_prefix="/")
    api = Api(f"http://127.0.0.1:{port}")
    api.await_ready()
    api.cast("ada")
    yield api
    serve.shutdown()


def steps_of(job: dict[str, Any]) -> list[str]:
    return [step["name"] for step in job["steps"]]


def test_a_scene_goes_through_every_step(api: Api) -> None:
    job = api.await_end(api.submit("whole", POOR_SEED))

    assert job["status"] == "succeeded", job["problem"]
    assert steps_of(job) == [
        "context",
        "adapter",
        "prompt",
        "render",
        "validate",
        "repair",
        "repair",
        "render",
        "validate",
        "analyze",
        "remember",
        "collect",
    ]
    assert job["result"]["idr"] >= 0.75
    assert api.episodes("whole") == [job["id"]]
    picture = api.http.get(f"/v1/artifacts/{job['result']['artifact']}").raise_for_status()
    assert Image.open(BytesIO(picture.content)).size == (512, 512)


def test_a_story_is_told_in_order(api: Api) -> None:
    scenes = [api.submit("told") for _ in range(3)]
    jobs = [api.await_end(scene) for scene in scenes]

    assert [job["result"]["state_before"]["scene"] for job in jobs] == [0, 1, 2]
    assert api.episodes("told") == [job["id"] for job in jobs]


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("Generator", "render"),
        ("Director", "render"),
        ("Gateway", "render"),
        ("MemoryStore", "remember"),
    ],
)
def test_kill_of_a_process_loses_no_job_and_repeats_none(api: Api, part: str, step: str) -> None:
    story = f"kill-{part}".lower()
    scenes = [api.submit(story, SLOW_SEED), api.submit(story)]
    api.await_step(scenes[0], step)
    victim = await_pid(part, os.getpid())
    os.kill(victim, signal.SIGKILL)
    await_pid(part, os.getpid(), other_than=victim)
    api.await_ready()
    jobs = [api.await_end(scene) for scene in scenes]

    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert api.episodes(story) == [job["id"] for job in jobs]


def test_only_the_generator_may_load_torch(api: Api) -> None:
    for part in (*PARTS, *ACTORS):
        pids = pids_of(part, os.getpid())
        assert pids, part
        assert part == "Generator" or not any(loads_torch(pid) for pid in pids), part
