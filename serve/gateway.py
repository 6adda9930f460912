"""The HTTP gateway: a replica with the services, and the FastAPI app over them."""

import asyncio

from fastapi import FastAPI
from ray import serve

from actors.connect import connect
from cluster.errors import Unavailable
from cluster.handles import Actors, DirectorHandle, PromptEngineHandle, ValidatorHandle
from cluster.settings import Settings

from .api import openapi, problems
from .api.auth import Keys
from .api.middleware import BodyLimit, KeyGuard, SafeHeaders
from .api.routes import ROUTERS
from .api.services import Probes, Services
from .lifecycle import Lifecycle


class Gateway(Lifecycle):
    """The replica that answers HTTP: gives the routes what they talk to; takes no decisions.

    Args:
        validator, prompt_engine, director: Handles of those deployments.
        actors: Null means those of this Ray cluster.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        validator: ValidatorHandle,
        prompt_engine: PromptEngineHandle,
        director: DirectorHandle,
        actors: Actors | None = None,
    ) -> None:
        super().__init__(settings)
        self._actors = actors
        self._validator, self._prompt_engine = validator, prompt_engine
        self._director = director

    def start(self) -> None:
        probes: Probes = {"deployments": _deployments, "director": self._director.ready}
        actors = self._actors or connect(self._settings)
        self._services = Services(
            self._settings, self._validator, self._prompt_engine, actors, probes
        )
        self._services.start()

    def close(self) -> None:
        self._services.close()

    def __serve_build_asgi_app__(self) -> FastAPI:
        return fastapi_app(self._services)


def fastapi_app(services: Services) -> FastAPI:
    """The HTTP API over services that have been started."""
    limits = services.settings.gateway
    app = FastAPI(
        title="CineAI",
        version=openapi.VERSION,
        summary="Permanent digital actors: scenes that keep their character.",
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    problems.add_problem_handlers(app)
    openapi.add_document(app, services.settings)
    app.add_middleware(BodyLimit, limits=limits)
    if limits.keys_required:
        keys = Keys(services.store.keys.verify, limits.key_cache_s, services.clock)
        app.add_middleware(KeyGuard, keys=keys)
    app.add_middleware(SafeHeaders)
    return app


async def _deployments() -> None:
    """Raises Unavailable while a deployment of this application is not healthy.

    Serve probes them all the time: asking them here would have to wait behind a picture.
    """
    mine = serve.get_replica_context().app_name
    status = await asyncio.to_thread(serve.status)
    parts = status.applications[mine].deployments
    missing = sorted(name for name, part in parts.items() if part.status != "HEALTHY")
    if missing:
        raise Unavailable(f"not healthy yet: {', '.join(missing)}")
