"""A Director in a process of its own, without Ray: what the crash tests kill.

`python -m tests.integration.scene_worker <home>` starts, for every line on its stdin, a worker that
runs the queue with the plain classes of every part, called in its process.
Everything is real but the image model. Workers are forks, so that none repeats seconds of imports;
the worker writes `ready <pid>`, and ends with the one that started it.
"""

import ctypes
import os
import signal
import sys
from functools import partial
from pathlib import Path

from actors.learner import Learner
from actors.memory import MemoryStore
from actors.registry import LoraRegistry
from cluster.settings import JobSettings, Settings, StoreSettings
from serve.replicas.analyzer import Analyzer
from serve.replicas.prompt_engine import PromptEngine
from serve.replicas.refiner import Refiner
from serve.replicas.validator import Validator
from serve.workflow.director import Director
from tests.handles import in_process, started
from tests.integration.reference_model import ReferenceModel


def settings_of(home: Path) -> Settings:
    return Settings(
        store=StoreSettings(home=home),
        jobs=JobSettings(poll_interval_s=0.05, sweep_interval_s=1.0),
    )


def work(settings: Settings) -> Director:
    model, validator = started(ReferenceModel(settings)), started(Validator(settings))
    director = Director(
        settings,
        prompt_engine=started(PromptEngine(settings)),
        generator=model,
        validator=validator,
        refiner=Refiner(settings, generator=model, validator=validator),
        analyzer=started(Analyzer(settings)),
        actors=in_process(
            partial(MemoryStore, settings),
            partial(LoraRegistry, settings),
            partial(Learner, settings),
        ),
        executor_id="director-0",
    )
    return started(director)


def main() -> None:
    settings = settings_of(Path(sys.argv[1]))
    worker: int | None = None
    while sys.stdin.readline():
        if worker is not None:
            os.waitpid(worker, 0)
        worker = os.fork()
        if worker == 0:
            _die_with_parent()
            _work_for_ever(settings)


def _work_for_ever(settings: Settings) -> None:
    try:
        director = work(settings)
    except BaseException:
        print("failed", flush=True)  # noqa: T201 - what the test waits for
        raise
    print("ready", os.getpid(), flush=True)  # noqa: T201
    while director:
        signal.pause()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main()
