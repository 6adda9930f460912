"""`python -m serve`: the whole service on this machine, in a Ray cluster of its own."""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import ray
from ray import serve

from cluster.errors import CineError
from cluster.launch import free_port, local_ray
from cluster.settings import Settings
from cluster.telemetry import setup_logging

from .app import wire

READY_TIMEOUT_S = 300.0
POLL_S = 0.1


def main() -> None:
    settings = _settings(_parser().parse_args())
    setup_logging(settings.telemetry)
    _stop_on_signals()
    with local_ray():
        _stop_on_signals()  # ray.init has put its own in place
        _serve(settings)


def _serve(settings: Settings) -> None:
    """Start, say where, and stay until stopped."""
    host, port = settings.gateway.host, settings.gateway.port or free_port()
    url = f"http://{_dial(host)}:{port}"
    try:
        serve.start(http_options={"host": host, "port": port})
        serve.run(wire(settings, _generator_options()), name="cineai", route_prefix="/")
        _await_ready(url)
        print(json.dumps({"url": url, "docs": f"{url}/docs"}), flush=True)  # noqa: T201
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve",
        description=f"{__doc__} Other settings: CINEAI_SECTION__FIELD in the environment.",
    )
    parser.add_argument("--host", help="address to listen on (default: gateway.host)")
    parser.add_argument("--port", type=int, help="0: any free one (default: gateway.port)")
    parser.add_argument("--home", type=Path, help="folder of everything kept (store.home)")
    parser.add_argument("--model", help="generator.model: studio, a diffusers folder or a hub id")
    return parser


def _settings(given: argparse.Namespace) -> Settings:
    """The environment's settings, with the command line's above them."""
    base = Settings()
    changes = {
        "gateway": {"host": given.host, "port": given.port},
        "store": {"home": given.home and given.home.absolute()},
        "generator": {"model": given.model},
    }
    sections = base.model_dump()
    for name, fields in changes.items():
        sections[name] |= {key: value for key, value in fields.items() if value is not None}
    return Settings.model_validate(sections)


def _dial(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    if host in {"0.0.0.0", "::", ""}:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _stop_on_signals() -> None:
    def stop(*_: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # the second Ctrl-C must not break the clean-up
        sys.exit(0)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, stop)


if __name__ == "__main__":
    main()
