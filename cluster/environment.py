"""The environment variables of this process that Ray and Python read. No settings of ours."""

import os
from pathlib import Path


def pin_ray_environment() -> None:
    """Set the Ray switches that must not depend on the caller's shell, for it and its children.

    Token authentication is on: a local cluster of Ray's turns it on by itself, unless the shell
    says otherwise. `uv run` does not rebuild a virtual environment in each worker. A busy machine's
    HTTP proxy gets a minute to start: after Ray's five seconds it is killed, again and again.
    """
    if os.environ.get("RAY_AUTH_MODE") != "token":
        os.environ.pop("RAY_AUTH_MODE", None)
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def python_path(first: Path) -> str:
    """PYTHONPATH with `first` before whatever this process was given."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(first), *(folder for folder in given if folder)])
