from pathlib import Path

import pytest

from cluster.settings import GatewaySettings
from serve.cli.serve import settings


def test_the_command_line_is_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEAI_GATEWAY__PORT", "1")
    monkeypatch.setenv("CINEAI_GENERATOR__STEPS", "3")
    chosen = settings(host=None, port=2, home=Path("here"), model=None)

    assert chosen.gateway.port == 2
    assert chosen.generator.steps == 3
    assert chosen.store.home == Path("here").absolute()


def test_what_the_command_line_leaves_out_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINEAI_GATEWAY__HOST", "0.0.0.0")

    assert settings(host=None, port=None, home=None, model=None).gateway.keys_required


@pytest.mark.parametrize(
    ("host", "dialled"),
    [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("10.0.0.7", "10.0.0.7")],
)
def test_the_address_to_call_is_one_that_can_be_called(host: str, dialled: str) -> None:
    assert GatewaySettings(host=host, port=80).local_url == f"http://{dialled}:80"
