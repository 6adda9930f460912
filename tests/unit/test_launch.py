import os
import socket
from pathlib import Path

import pytest

from cluster.environment import pin_ray_environment
from cluster.launch import free_port, worker_environment


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_workers_find_our_modules_and_those_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "theirs")
    ours, theirs = worker_environment()["PYTHONPATH"].split(os.pathsep)

    assert (Path(ours) / "cluster" / "launch.py").is_file()
    assert theirs == "theirs"


def test_a_shell_cannot_switch_authentication_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    pin_ray_environment()

    assert "RAY_AUTH_MODE" not in os.environ  # a local cluster then turns it on
