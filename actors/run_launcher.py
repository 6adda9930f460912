"""Where training runs are worked on: each in a process of its own, which dies with the Learner.

Training and painting would starve whoever shares a process with them, and only a process can be
stopped at any moment. What it leaves behind is in the store.
"""

from functools import partial
from typing import Protocol

import ray
from ray.exceptions import RayError

from actors.registry import registry_actor
from cluster.domain.character import Character
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.learning.training import GateVerdict
from cluster.rpc import blocking, result
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import setup_logging
from training.lora.checkpoints import discard


class RunHandle(Protocol):
    """A run that is being worked on."""

    def is_done(self) -> bool:
        """Whether it has ended; raises what it failed with, once it has."""
        ...

    def stop(self) -> None:
        """End it at once; what it has reached stays in the store."""
        ...


class RunLauncher(Protocol):
    def begin(self, run_id: str) -> RunHandle: ...

    def clear(self, run_id: str) -> None:
        """Throw away what a run that is over would have been resumed from."""
        ...


class RayRunLauncher:
    """Works on each run in a Ray task."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def begin(self, run_id: str) -> "RayRunHandle":
        return RayRunHandle(_work.remote(self._settings, run_id))

    def clear(self, run_id: str) -> None:
        discard(run_id, self._settings)


class RayRunHandle:
    def __init__(self, task: "ray.ObjectRef[None]") -> None:
        self._task = task

    def is_done(self) -> bool:
        ready, _ = ray.wait([self._task], timeout=0)
        if not ready:
            return False
        result(self._task)
        return True

    def stop(self) -> None:
        ray.cancel(self._task, force=True)
        try:
            ray.get(self._task)
        except RayError:
            return


@ray.remote(num_cpus=0, max_retries=0)
def _work(settings: Settings, run_id: str) -> None:
    # Here, for it brings torch and Ray Train: who only asks the Learner must not load them.
    from actors.training_run import carry_out

    setup_logging(settings.telemetry)
    store = Store.open(settings.store)
    try:
        served = blocking(registry_actor(settings))
        carry_out(run_id, settings, store, served, judge=partial(_judge, run_id))
    finally:
        store.close()


def _judge(
    run_id: str,
    challenger: AdapterVersion,
    champion: AdapterVersion | None,
    character: Character,
    settings: Settings,
    report: object,  # noqa: ARG001 - the gate writes its progress itself, where it is
) -> GateVerdict:
    """Judge with a training worker's share of the cluster: a GPU, if it has any."""
    from training.lora.ray_train import worker_resources

    share = worker_resources(settings.training, ray.cluster_resources(), ray.available_resources())
    task = _gate.options(num_cpus=share.pop("CPU"), num_gpus=share.pop("GPU", 0), resources=share)
    return result(task.remote(run_id, challenger, champion, character, settings))


@ray.remote(max_retries=0)
def _gate(
    run_id: str,
    challenger: AdapterVersion,
    champion: AdapterVersion | None,
    character: Character,
    settings: Settings,
) -> GateVerdict:
    from training.gate.evaluate import judge

    store = Store.open(settings.store)

    def report(judged: int, to_judge: int) -> None:
        store.training.change(run_id, judged=judged, to_judge=to_judge)

    try:
        return judge(challenger, champion, character, settings, report)
    finally:
        store.close()
