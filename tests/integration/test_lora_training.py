"""Training on real Ray workers: to the end, through the death of a worker, and of the driver."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster.codecs.adapter_file import check_fits, read_adapter
from cluster.domain.learning.training import Progress, TrainedAdapter
from cluster.errors import CineError
from cluster.launch import ROOT, worker_environment
from cluster.providers.diffusers.folder import base_folder
from cluster.settings import Settings
from cluster.store.blobs import Blobs
from tests.integration.processes import pids_of
from tests.integration.training_order import STEPS, order_in, settings_in
from training.lora.checkpoints import discard, runs_url

pytestmark = pytest.mark.usefixtures("ray_cluster")

Curve = dict[int, float]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


class Diary:
    """A report that keeps the loss of every step, and what its steps come with."""

    def __init__(self) -> None:
        self.news: list[Progress] = []

    def __call__(self, news: Progress) -> None:
        self.news.append(news)

    @property
    def curve(self) -> Curve:
        return {one.step: one.loss for one in self.news if one.loss is not None}

    @property
    def steps(self) -> list[int]:
        return [one.step for one in self.news]


def trained(settings: Settings, run_id: str, report: Diary) -> TrainedAdapter:
    from training.lora.ray_train import train_lora

    return train_lora(order_in(settings, run_id), settings, report)


@pytest.fixture(scope="module")
def undisturbed(home: Path, ray_cluster: None) -> tuple[TrainedAdapter, Diary, Settings]:
    diary, settings = Diary(), settings_in(home, probes=2)
    return trained(settings, "undisturbed", diary), diary, settings


def test_a_run_leaves_a_file_that_can_be_served(
    undisturbed: tuple[TrainedAdapter, Diary, Settings],
) -> None:
    adapter, diary, settings = undisturbed
    assert diary.steps == list(range(1, STEPS + 1))
    base = base_folder(settings.generator.model)
    file = read_adapter(Blobs(settings.store.blob_root).get(adapter.sha256))
    check_fits(file, base.layers, lambda: base.sha256)
    assert (file.trigger, file.manifest) == (adapter.trigger, adapter.manifest)
    assert (file.rank, file.alpha, file.base_model) == (4, 4, base.id)
    assert adapter.best_step in (6, 12)
    assert 0 < adapter.train_s < 600


def test_a_killed_worker_is_replaced_and_the_losses_stay_the_same(
    undisturbed: tuple[TrainedAdapter, Diary, Settings], home: Path
) -> None:
    """Two workers, one of which dies after step 5: the run goes on from the checkpoint of step 3,
    with both, and every step loses what one undisturbed worker lost."""
    killed: list[int] = []

    class Killer(Diary):
        def __call__(self, news: Progress) -> None:
            super().__call__(news)
            if news.step >= 5 and not killed:
                workers = pids_of("RayTrainWorker", os.getpid())
                assert len(workers) == 2
                killed.append(max(workers))
                os.kill(killed[0], signal.SIGKILL)

    diary = Killer()
    adapter = trained(settings_in(home, workers=2), "killed", diary)
    assert killed
    assert diary.steps[-1] == STEPS
    assert len(diary.steps) > STEPS  # some were made twice
    assert diary.curve == pytest.approx(undisturbed[1].curve, rel=1e-3)
    assert adapter.best_step == STEPS


def test_a_killed_driver_goes_on_by_the_runs_id(
    undisturbed: tuple[TrainedAdapter, Diary, Settings], home: Path
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.training_order", str(home), "driver"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=os.environ | worker_environment(),
    )
    assert driver.stdout is not None
    before: Curve = {}
    for line in driver.stdout:
        step, loss = json.loads(line)
        before[step] = loss
        if step >= 7:
            break
    everything = psutil.Process(driver.pid).children(recursive=True)
    for process in [psutil.Process(driver.pid), *everything]:
        process.kill()
    driver.wait()
    diary = Diary()
    trained(settings_in(home), "driver", diary)
    assert diary.steps[0] >= 4
    assert diary.steps[-1] == STEPS
    assert before | diary.curve == pytest.approx(undisturbed[1].curve, rel=1e-3)


class Enough(Exception):
    """The one who reports has had enough."""


def test_what_the_report_raises_stops_the_run_which_can_go_on_later(home: Path) -> None:
    class Impatient(Diary):
        def __call__(self, news: Progress) -> None:
            super().__call__(news)
            if news.step >= 2:
                raise Enough

    settings = settings_in(home, steps=60)
    stopped = Impatient()
    with pytest.raises(Enough):
        trained(settings, "stopped", stopped)
    assert stopped.steps[-1] < 60
    later = Diary()
    trained(settings, "stopped", later)
    assert later.steps[0] > 2
    assert later.steps[-1] == 60
    assert Path(runs_url(settings), "stopped").exists()
    discard("stopped", settings)
    assert not Path(runs_url(settings), "stopped").exists()


def test_a_training_that_diverged_is_not_tried_again(home: Path) -> None:
    diary = Diary()
    with pytest.raises(CineError, match="diverged"):
        trained(settings_in(home, learning_rate=1e30), "diverged", diary)
    assert diary.steps == list(range(1, STEPS + 1))
