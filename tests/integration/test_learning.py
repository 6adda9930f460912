"""The learning loop on a real Ray cluster: trained, judged, decided; killed, and gone on with.

The base model, the training, the gate and the registry are the product's own; only a few steps
are made, so that the gate may well refuse: what counts is that it decides, and says why.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import ray

from actors import learner
from cluster.domain.character import Character
from cluster.domain.learning.runs import OVER, TrainingRun
from cluster.settings import (
    ASSETS,
    GateSettings,
    LearnerSettings,
    Settings,
    StoreSettings,
    TrainingSettings,
)
from cluster.store import Store
from tests.integration.processes import await_pid
from training.data.dataset import load_manifest

KAIRO = ASSETS / "kairo"
STEPS = 12
SCENES = 6  # that the gate decides counts here, not how surely
Actor = Any
"""Ray's handles are untyped."""
PATIENCE_S = 540


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    recipe: dict[str, bool | int | float | str] = {
        "steps": STEPS,
        "min_steps": 1,
        "batch_size": 2,
        "rank": 4,
        "alpha": 4,
        "warmup_steps": 2,
        "prior_share": 0,
        "probes": 1,
        "prior_pictures": 0,
        "probe_every": 12,
        "checkpoint_every": 4,
    }
    return Settings(
        store=StoreSettings(home=tmp_path / "home"),
        learner=LearnerSettings(debounce_s=0.1, settle_s=0.1, poll_s=0.1, retry_s=1.0),
        training=TrainingSettings(recipe=recipe, report_every=1),
        gate=GateSettings(scenes=SCENES),
    )


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings.store)
    pictures = [one.read_bytes() for one in sorted(KAIRO.glob("reference_*.png"))]
    profile = json.loads((KAIRO / "profile.json").read_text())
    references = tuple(opened.blobs.put(one) for one in pictures)
    opened.characters.add(Character.model_validate({**profile, "references": references}))
    yield opened
    opened.close()


@pytest.fixture
def actor(ray_cluster: None, settings: Settings, store: Store) -> Iterator[Any]:
    actor: Actor = learner.learner_actor(settings)
    yield actor
    ray.kill(actor)
    ray.kill(ray.get_actor("cineai-registry", "cineai"))


def until(store: Store, wanted: Callable[[TrainingRun], bool], actor: Actor) -> TrainingRun:
    """The character's run, once it is as wanted; the Learner must answer all the while."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        begun = time.monotonic()
        ray.get(actor.status.remote("kairo"), timeout=30)
        assert time.monotonic() - begun < 20
        runs = store.training.list(store.characters.list()[0].id)
        if runs and wanted(runs[0]):
            return runs[0]
        assert time.monotonic() < deadline, runs
        time.sleep(0.1)


def begin(actor: Actor) -> str:
    while ray.get(actor.status.remote("kairo")).pending:
        time.sleep(0.1)
    return str(ray.get(actor.train_now.remote("kairo")).id)


@pytest.mark.timeout(1100)
def test_a_killed_learner_goes_on_and_the_gate_decides(actor: Actor, store: Store) -> None:
    run_id = begin(actor)
    before = until(store, lambda run: run.progress is not None and run.progress.step > 4, actor)
    os.kill(await_pid("Learner", os.getpid()), signal.SIGKILL)
    run = until(store, lambda run: run.status in OVER, actor)
    assert run.id == before.id == run_id
    assert run.status in {"promoted", "refused"}, run.problem
    steps = [
        one.data["step"]
        for one in store.training.events(run.character_id)
        if one.kind == "progress"
    ]
    assert steps[-1] == STEPS
    restarted = [after for last, after in pairwise(steps) if after <= last]
    assert all(after > 1 for after in restarted), "it began anew instead of going on"
    assert run.verdict is not None
    assert run.verdict.scenes == SCENES
    assert {one.name for one in run.verdict.measures} >= {"idr", "face_found", "copy", "variety"}
    assert run.verdict.promoted == (run.verdict.reason == "")
    (version,) = store.adapters.list(run.character_id)
    assert version.active == run.verdict.promoted
    assert version.verdict == run.verdict
    assert run.order is not None
    assert load_manifest(run.order.manifest, store.blobs).samples
    assert run.verdict.sheet is not None
    assert store.blobs.exists(run.verdict.sheet)
