"""`cineai demo` as a newcomer runs it, with the embedded model, from nothing to two scenes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).parents[2]
REPORT = {
    "job_id",
    "status",
    "idr",
    "identity",
    "repairs",
    "steps",
    "prompt",
    "adapter",
    "seed",
    "state",
}


def demo(tmp_path: Path, *options: str) -> dict[str, Any]:
    line = [sys.executable, "-m", "serve", "demo", "--json", "--home", "home", "--out", "out"]
    done = subprocess.run(
        [*line, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_demo_renders_two_scenes_of_one_story_and_leaves_nothing_running(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    told = demo(tmp_path)
    record_property("demo_s", round(time.monotonic() - begun, 1))
    out = tmp_path / "out"
    for number, scene in enumerate(told["scenes"], start=1):
        assert scene["status"] in {"succeeded", "rejected"}
        assert {"context", "prompt", "render", "validate"} <= {
            step["name"] for step in scene["steps"]
        }
        written = json.loads((out / f"scene_{number}.json").read_text())
        assert set(written) >= REPORT
        assert written["job_id"] == scene["job_id"]
        picture = np.asarray(Image.open(out / f"scene_{number}.png"))
        assert picture.std() > 10
        for trait in ("black hair", "amber cyber left eye", "scar on the left cheek"):
            assert trait in written["prompt"]
    first, second = told["scenes"]
    remembered = int(first["status"] == "succeeded")
    assert second["state"]["before"]["scene"] == remembered
    assert "market" in second["prompt"]
    assert "hiding" in second["prompt"]
    sheet = Image.open(out / "contact_sheet.png")
    assert min(sheet.size) > 512
    left = [one for one in psutil.process_iter(["cmdline"]) if _is_of(one, tmp_path)]
    assert left == []


def _is_of(process: psutil.Process, home: Path) -> bool:
    return str(home) in " ".join(process.info["cmdline"] or [])
