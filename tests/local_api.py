"""The HTTP API in this process, over a real store and the real parts, without Ray."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

import httpx
import uvicorn

from actors.learner import Learner
from actors.memory import MemoryStore
from actors.registry import LoraRegistry
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import Character, CharacterId, Outfit, Profile
from cluster.domain.consent import Consent
from cluster.domain.story.job import Job, JobId
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.handles import PromptEngineHandle, ValidatorHandle
from cluster.settings import Settings
from serve.api.services import Probes, Services
from serve.gateway import fastapi_app
from serve.replicas.prompt_engine import PromptEngine
from tests.handles import InProcess, in_process, release, started


@contextmanager
def open_services(
    settings: Settings,
    validator: object = None,
    probes: Probes | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Services]:
    """What the API's routes call; its actors are plain objects."""
    queue_only = settings.learner.model_copy(update={"at_once": 0})  # training needs Ray
    learner = settings.model_copy(update={"learner": queue_only})
    actors = in_process(
        partial(MemoryStore, settings), partial(LoraRegistry, settings), partial(Learner, learner)
    )
    # A stand-in answers only what its test asks.
    handle = cast(ValidatorHandle, validator)
    engine = cast(PromptEngineHandle, InProcess(lambda: started(PromptEngine(settings))))
    services = Services(settings, handle, engine, actors, probes or {}, clock)
    services.start()
    try:
        yield services
    finally:
        release(actors)
        services.close()


@asynccontextmanager
async def http(services: Services, *, raises: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over `services`; with `raises`, bugs surface in the test."""
    transport = httpx.ASGITransport(fastapi_app(services), raise_app_exceptions=raises)
    async with httpx.AsyncClient(transport=transport, base_url="http://cine.test") as client:
        yield client


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The API over `services` on a port of its own, for clients that speak HTTP; its URL."""
    server = uvicorn.Server(uvicorn.Config(fastapi_app(services), log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # no other process can take it
        run = partial(asyncio.run, server.serve(sockets=[listening]))
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def cast_kairo(services: Services, **fields: Any) -> Character:  # noqa: ANN401
    """Kairo, put into the store as he is."""
    given = {
        "id": CharacterId("kairo"),
        "name": "Kairo",
        "profile": Profile(outfit=Outfit(garment="cloak", colour="dark")),
        "consent": Consent(),
        **fields,
    }
    kairo = Character(**given)
    services.store.characters.add(kairo)
    return kairo


def job_of(id: str, *, story: str = "kairo", prompt: str = "Kairo runs") -> Job:
    return Job(
        id=JobId(id),
        request=SceneRequest(
            character_id=CharacterId("kairo"), prompt=prompt, story_id=StoryId(story)
        ),
    )
