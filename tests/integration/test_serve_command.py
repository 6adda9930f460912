"""`cineai serve` as a user runs it: from any folder, in a Ray cluster of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from cluster.providers.diffusers.folder import BaseFolder
from tests.integration.processes import loads_torch, pids_of, pss_bytes
from tests.photographs import astronaut

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 400.0
IDLE_BYTES = 5 * 2**30
DONE = {"succeeded", "rejected", "failed", "cancelled"}


class Service:
    def __init__(self, home: Path, model: Path) -> None:
        self._log = home / "serve.log"
        home.mkdir(exist_ok=True)
        options = ["--json", "--port", "0", "--home", str(home), "--model", str(model)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serve", "serve", *options],
            stdout=subprocess.PIPE,
            stderr=self._log.open("a"),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=home,
            text=True,
        )
        assert self.process.stdout is not None
        answer = ""
        for line in self.process.stdout:
            answer += line
            if line == "}\n":
                break
        assert answer, self._log.read_text()[-4000:]
        self.said: dict[str, str] = json.loads(answer)
        self.http = httpx.Client(base_url=self.said["url"], timeout=60)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def cast(self) -> None:
        picture = BytesIO()
        Image.fromarray(astronaut()).save(picture, "PNG")
        self.http.post(
            "/v1/characters",
            data={"character": '{"id": "ada", "name": "Ada"}'},
            files=[("references", ("ada.png", picture.getvalue(), "image/png"))],
        ).raise_for_status()

    def submit(self) -> str:
        order = {"character_id": "ada", "prompt": "Ada fights in rain"}
        reply = self.http.post("/v1/scenes", json=order).raise_for_status()
        return str(reply.headers["location"])

    def await_end(self, location: str) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            job: dict[str, Any] = self.http.get(location).raise_for_status().json()
            if job["status"] in DONE:
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.1)


@pytest.fixture(scope="module")
def model(tiny_pipeline: Callable[[str], BaseFolder]) -> Path:
    return tiny_pipeline("sd15").folder


@pytest.fixture
def start(tmp_path: Path, model: Path) -> Iterator[Callable[[], Service]]:
    """Starts the service, always on the same home."""
    started: list[Service] = []

    def one() -> Service:
        started.append(Service(tmp_path / "home", model))
        return started[-1]

    yield one
    for service in started:
        service.process.terminate()
        service.process.wait(60)


def test_the_service_runs_alone_survives_a_kill_and_leaves_nothing_behind(
    start: Callable[[], Service], record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    first = start()
    record_property("ready_s", round(time.monotonic() - begun, 1))
    assert first.http.get("/readyz").is_success
    assert first.http.get(first.said["docs"]).is_success
    used = pss_bytes(first.process.pid)
    record_property("idle_gib", round(used / 2**30, 2))
    assert used < IDLE_BYTES
    assert any(loads_torch(pid) for pid in pids_of("Generator", first.process.pid))
    first.cast()
    done = first.await_end(first.submit())
    assert done["status"] == "rejected", done  # random weights paint nobody
    scenes = [first.submit() for _ in range(2)]
    family = first.family()
    first.process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)  # what holds files dies at once, Ray's agents later

    second = start()
    assert [second.await_end(scene)["status"] for scene in scenes] == ["rejected"] * 2
    assert second.http.get(f"/v1/jobs/{done['id']}").json()["result"] == done["result"]

    family = second.family()
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [process.name() for process in alive] == []
