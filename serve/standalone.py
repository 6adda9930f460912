"""The whole service on this machine, in a Ray cluster of its own, until it is told to stop."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import ray
from ray import serve

from cluster.errors import CineError
from cluster.launch import free_port, local_ray
from cluster.settings import Settings
from cluster.telemetry import setup_logging
from training.lora.preflight import check

from .app import wire

READY_TIMEOUT_S = 300.0
POLL_S = 0.1


def run(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, which end the process in order.

    Args:
        ready: Told the service's URL once it answers.

    Raises:
        Invalid: The settings do not go together; nothing was started.
        CineError: It did not become ready.
    """
    check(settings)
    setup_logging(settings.telemetry)
    _exit_on_signals()
    with local_ray():
        _exit_on_signals()  # ray.init has put its own in place
        _serve(settings, ready)


def _serve(settings: Settings, ready: Callable[[str], None]) -> None:
    port = settings.gateway.port or free_port()
    gateway = settings.gateway.model_copy(update={"port": port})
    settings = settings.model_copy(update={"gateway": gateway})
    url = gateway.local_url
    try:
        serve.start(http_options={"host": gateway.host, "port": port})
        serve.run(wire(settings, _generator_options()), name="cineai", route_prefix="/")
        _await_ready(url)
        ready(url)
        while True:
            signal.pause()
    finally:
        serve.shutdown()


def _await_ready(url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=10).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_S)
    raise CineError(f"The service did not become ready within {READY_TIMEOUT_S:g} s")


def _generator_options() -> dict[str, Any]:
    """A GPU when there is one; else every core, of which Ray would hand out a single one."""
    if ray.cluster_resources().get("GPU", 0) >= 1:
        return {"num_gpus": 1}
    return {"runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}}}


def _exit_on_signals() -> None:
    def leave(*_: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # the second Ctrl-C must not break the clean-up
        sys.exit(0)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, leave)
