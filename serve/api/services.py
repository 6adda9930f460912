"""What the HTTP routes talk to: the store, the actors, the queue and two deployments."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, cast

from cachetools import TTLCache
from dbos import DBOSClient
from dbos import error as dbos_errors
from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import Domain, IdentityReport
from cluster.domain.story.job import Job
from cluster.domain.story.scene import SceneRequest
from cluster.errors import BadImage, CineError
from cluster.handles import Actors, PromptEngineHandle, ValidatorHandle
from cluster.ports import Pixels
from cluster.settings import Settings
from cluster.store import Store
from cluster.store.workflows import APPLICATION, QUEUE, WORKFLOW, open_workflow_engine
from cluster.telemetry import logger

from .schemas import Check

# A script of a thousand scenes asks for its character's adapter once in a while, not each time.
ANNOUNCED, ANNOUNCED_S = 1024, 5.0

Probes = Mapping[str, Callable[[], Awaitable[object]]]


class Services:
    """One replica's side of the services.

    Args:
        validator, prompt_engine: Handles of those deployments.
        probes: What must answer, besides the store and the actors, before we are ready.
    """

    def __init__(
        self,
        settings: Settings,
        validator: ValidatorHandle,
        prompt_engine: PromptEngineHandle,
        actors: Actors,
        probes: Probes,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.actors = actors
        self.prompt_engine = prompt_engine
        self._validator = validator
        self._probes = probes
        self._announced: TTLCache[object, bool] = TTLCache(ANNOUNCED, ttl=ANNOUNCED_S)
        self._errands: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Open the databases. Blocks; to be called where no event loop runs: DBOS refuses one."""
        self.store = Store.open(self.settings.store)
        self._engine = open_workflow_engine(self.settings.store)
        self._queue = _open_queue(self._engine)

    async def character(self, character_id: CharacterId) -> Character:
        """Raises NotFound."""
        return await asyncio.to_thread(self.store.characters.get, character_id)

    async def change_character(self, id: CharacterId, fields: dict[str, Any]) -> Character:
        """Put `fields` in the place of the character's own. Raises NotFound."""

        def changed(character: Character) -> Character:
            return character.model_copy(update=fields)

        return await asyncio.to_thread(self.store.characters.change, id, changed)

    async def check_references(
        self, images: list[Pixels], names: list[str], domain: Domain
    ) -> None:
        """Images are uint8 RGB (height, width, 3). Raises BadImage or OddOneOut, which name one."""
        await self._validator.check_references(images=images, names=names, domain=domain)

    async def identify(self, pixels: Pixels, character: Character) -> IdentityReport:
        """The validator's report on uint8 RGB pixels (height, width, 3). Raises BadImage when no
        reference shows a face."""
        return await self._validator.validate(pixels=pixels, character=character)

    async def largest_face(self, pixels: Pixels) -> tuple[str, list[float]]:
        """The embedding model's id, and its vector (dim floats) of the largest face of uint8 RGB
        pixels (height, width, 3). Raises BadImage."""
        face = await self._validator.embed(pixels=pixels, box=None)
        if face is None:
            raise BadImage("no face was found in the picture")
        return face

    async def submit(self, job: Job) -> Job:
        """Write the job down, then enqueue it; doing it twice does it once."""
        await asyncio.to_thread(self.store.jobs.add, job)
        try:
            await self._queue.enqueue_async(
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": QUEUE,
                    "workflow_id": job.id,
                    "queue_partition_key": job.request.story_id,
                },
                job.id,
            )
        except (SQLAlchemyError, dbos_errors.DBOSException) as error:
            # The job is safe: the Director's sweep enqueues what was only written down.
            logger("gateway").error("not enqueued yet", job_id=job.id, error=str(error))
        self._announce(job.request)
        return await asyncio.to_thread(self.store.jobs.get, job.id)

    def _announce(self, request: SceneRequest) -> None:
        """Let the scene's adapter be fetched while the job waits; the request waits for nothing."""
        key = (request.character_id, request.adapter_version)
        if key in self._announced:
            return
        self._announced[key] = True
        errand = asyncio.create_task(self._fetch(request))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _fetch(self, request: SceneRequest) -> None:
        try:
            await self.actors.registry.expect(
                character_id=request.character_id, version=request.adapter_version
            )
        except CineError as error:  # the job itself will fetch it
            logger("gateway").warning("hint lost", error=error.message)

    async def checks(self) -> dict[str, Check]:
        """Everything that must answer, and whether it does."""
        probes: Probes = {
            "store": lambda: asyncio.to_thread(self.store.keys.list),
            "queue": self._queue.check_connection_async,
            "memory": self.actors.memory.__ray_ready__,
            "registry": self.actors.registry.__ray_ready__,
            "learner": self.actors.learner.__ray_ready__,
            **self._probes,
        }
        found = await asyncio.gather(*(self._check(probe) for probe in probes.values()))
        return dict(zip(probes, found, strict=True))

    async def _check(self, probe: Callable[[], Awaitable[object]]) -> Check:
        timeout_s = self.settings.gateway.ready_timeout_s
        try:
            await asyncio.wait_for(probe(), timeout_s)
        except TimeoutError:
            return Check(ok=False, detail=f"no answer within {timeout_s:g} s")
        except CineError as error:
            return Check(ok=False, detail=error.message)
        except (SQLAlchemyError, dbos_errors.DBOSException) as error:
            return Check(ok=False, detail=type(error).__name__)
        return Check(ok=True)

    def close(self) -> None:
        """Give the database connections back."""
        self._queue.destroy()
        self._engine.dispose()
        self.store.close()


def this_services(request: Request) -> Services:
    """The services of the replica that answers this request."""
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(this_services)]


def _open_queue(engine: Engine) -> DBOSClient:
    return DBOSClient(
        system_database_engine=engine,
        application_name=APPLICATION,
        retry_connection_errors=False,
    )
