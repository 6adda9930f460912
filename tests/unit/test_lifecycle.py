"""What Serve does with a part: its two hooks, called as Serve calls them."""

import asyncio
from typing import Any, cast

import pytest
from ray.serve import Application

from cluster.rpc import Remote
from cluster.settings import Settings
from serve.app import wire
from serve.lifecycle import Lifecycle, replica_of


class Probe(Lifecycle):
    """Writes down what happens to it."""

    def __init__(self, settings: Settings, *, validator: object) -> None:
        super().__init__(settings)
        self.validator, self.told = validator, list[str]()

    def start(self) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        self.told.append("start")

    async def background(self) -> None:
        self.told.append("background")
        try:
            await asyncio.Event().wait()
        finally:
            self.told.append("cancelled")

    def close(self) -> None:
        self.told.append("close")


class Broken(Probe):
    def start(self) -> None:
        raise OSError("no model")


def replica(part: type[Probe]) -> Probe:
    """Made, but not constructed."""
    kind: Any = replica_of(part)
    return cast(Probe, kind.__new__(kind))


async def test_a_replica_is_started_beside_its_event_loop_and_closed_once() -> None:
    one = replica(Probe)
    await one.__init__(Settings(), validator="a handle")  # type: ignore[misc]
    await asyncio.sleep(0)
    assert isinstance(one.validator, Remote)
    assert one.told == ["start", "background"]
    one.__del__()  # type: ignore[attr-defined]
    one.__del__()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert one.told == ["start", "background", "close", "cancelled"]


async def test_a_replica_that_cannot_start_says_why_and_has_nothing_to_close() -> None:
    one = replica(Broken)
    with pytest.raises(OSError, match="no model"):
        await one.__init__(Settings(), validator="a handle")  # type: ignore[misc]
    one.__del__()  # type: ignore[attr-defined]
    assert one.told == []


class Careless(Probe):
    async def background(self) -> None:
        raise KeyError("nobody awaits this")


async def test_background_work_that_fails_is_written_down(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = replica(Careless)
    await one.__init__(Settings(), validator="a handle")  # type: ignore[misc]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    said = capsys.readouterr()
    assert "background work failed" in said.out + said.err
    assert "nobody awaits this" in said.out + said.err


def bound(app: Application, seen: dict[str, dict[str, str]]) -> str:
    """The deployment's name; `seen` gets which deployment each of its handles leads to."""
    deployment: Any = app._bound_deployment
    handles = deployment.init_kwargs.items()
    seen[deployment.name] = {name: bound(other, seen) for name, other in handles}
    return str(deployment.name)


def test_every_handle_leads_to_the_deployment_of_its_name() -> None:
    seen: dict[str, dict[str, str]] = {}

    assert bound(wire(Settings(), {}), seen) == "Gateway"
    assert set(seen["Director"]) == {
        "prompt_engine", "generator", "validator", "refiner", "analyzer"
    }  # fmt: skip
    for handles in seen.values():
        for name, deployment in handles.items():
            assert deployment == name.title().replace("_", "")
