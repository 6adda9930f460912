"""How a plain class becomes a replica of Ray Serve: the one place that knows Serve's hooks.

A part keeps data in its constructor, opens and loads in `start`, and gives back in `close`; without
Ray, whoever makes it calls these. Serve knows a constructor and a destructor alone.
"""

import asyncio

from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from cluster.rpc import Remote
from cluster.settings import Settings
from cluster.telemetry import logger, setup_logging


class Lifecycle:
    """A part of the application. Its constructor takes the settings, and by name the handles of
    the parts that it calls."""

    _beside: asyncio.Task[None] | None = None  # `background`, in a replica

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self) -> None:
        """Open and load what the calls need. Blocks; to be called where no event loop runs."""

    async def background(self) -> None:
        """What goes on beside the calls, until it is cancelled."""

    def close(self) -> None:
        """Give back what `start` has opened."""


def replica_of(part: type[Lifecycle]) -> type:
    """The class that Serve makes replicas of: the part, with Serve's two hooks.

    Handles become `Remote`. A replica is up when `start` is through, and dead when it raises.
    """

    async def construct(
        self: Lifecycle, settings: Settings, **handles: DeploymentHandle[object]
    ) -> None:
        setup_logging(settings.telemetry)
        parts = {name: Remote(one, lost=RayServeException) for name, one in handles.items()}
        part.__init__(self, settings, **parts)
        await asyncio.to_thread(self.start)
        self._beside = asyncio.create_task(self.background())
        self._beside.add_done_callback(_report)

    def destroy(self: Lifecycle) -> None:
        # The only hook that Serve has for a replica that stops in order. Python calls it again.
        if self._beside is not None:
            self._beside.cancel()
            self._beside = None
            self.close()

    return type(part.__name__, (part,), {"__init__": construct, "__del__": destroy})


def _report(beside: asyncio.Task[None]) -> None:
    """Nobody awaits background work: without this, its failure would be silent."""
    if not beside.cancelled() and (error := beside.exception()) is not None:
        logger("lifecycle").error("background work failed", exc_info=error)
