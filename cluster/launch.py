"""What every way of starting CineAI on Ray shares. Does not know what is served."""

import logging
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import ray
from ray.actor import ActorClass, ActorProxy

from cluster.environment import pin_ray_environment, python_path
from cluster.settings import Settings
from cluster.telemetry import setup_logging

NAMESPACE = "cineai"
ROOT = Path(__file__).resolve().parents[1]
TOO_LATE = "timed out during startup"
"""What Ray says where its node takes more than its thirty seconds, as on a busy machine."""
OBJECT_STORE_BYTES = 512 * 2**20

T = TypeVar("T")


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free on `host` at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def worker_environment() -> dict[str, str]:
    """Variables with which a Ray worker finds our modules, from any working directory."""
    return {"PYTHONPATH": python_path(ROOT)}


@contextmanager
def local_ray(*, num_cpus: int | None = None) -> Iterator[None]:
    """A Ray cluster of our own on this machine, gone when the block ends.

    It listens on free ports, keeps its files in its own folder, asks for a token and joins no
    other cluster of this machine.

    Args:
        num_cpus: Logical CPUs; null means those of the machine.
    """
    pin_ray_environment()
    folder = tempfile.mkdtemp(prefix="cineai-ray-")
    try:
        try:
            _start_ray(folder, num_cpus)
        except Exception as error:  # no narrower type: Ray raises this one
            if TOO_LATE not in str(error):
                raise
            ray.shutdown()
            _start_ray(folder, num_cpus)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _start_ray(folder: str, num_cpus: int | None) -> None:
    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=num_cpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
        runtime_env={"env_vars": worker_environment()},
        _temp_dir=folder,
    )


class Startable(Protocol):
    """A part with state: its constructor keeps data, `start` opens and `close` gives back."""

    def __init__(self, settings: Settings) -> None: ...

    def start(self) -> None: ...


S = TypeVar("S", bound=Startable)


def started_actor(part: type[S]) -> type[S]:
    """The class that Ray makes an actor of: it is started where it is constructed, for an actor
    that Ray replaces is constructed again, and nothing else of it is called."""

    def construct(self: S, settings: Settings) -> None:
        setup_logging(settings.telemetry)
        part.__init__(self, settings)
        self.start()

    return type(part.__name__, (part,), {"__init__": construct})


def named_actor(actor: "ActorClass[T]", name: str, settings: Settings) -> "ActorProxy[T]":
    """The cluster's one actor of this name, started if need be.

    A replaced actor reads its state back from the store; a call that was cut off is repeated, so
    the actor's methods must be idempotent.

    Args:
        actor: What `ray.remote(Class)` gave.
        name: Its name in the cluster.
        settings: What its constructor takes.
    """
    named = actor.options(
        name=name,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=3,
        num_cpus=0,
    )
    return named.remote(settings)
