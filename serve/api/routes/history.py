"""The audit: which adapter version was served when, and to which job."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import NO_ADAPTER, AdapterVersion
from cluster.domain.story.job import JobId
from cluster.domain.value import now
from cluster.errors import NotFound
from cluster.store import Store

from ..openapi import problem_responses
from ..parameters import LARGEST_INT, CharacterPath, InstantQuery, JobPath
from ..schemas import JobAdapter, Served, SwitchPage
from ..services import ServicesDep

router = APIRouter(prefix="/v1", tags=["adapters"])

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@router.get(
    "/characters/{character_id}/adapters/history",
    summary="List what was served when",
    responses=problem_responses(404, 422),
)
def list_switches(
    services: ServicesDep,
    character_id: CharacterPath,
    after: Annotated[
        int, Query(ge=0, le=LARGEST_INT, description="`next` of the page before.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SwitchPage:
    """Every promotion, rollback and deletion, also of a character that was deleted since."""
    who = CharacterId(character_id)
    found = services.store.switches.list(who, after, limit + 1)
    if not found:
        services.store.characters.get(who)
    page = found[:limit]
    return SwitchPage(items=tuple(page), next=page[-1].id if len(found) > limit else None)


@router.get(
    "/characters/{character_id}/adapters/active",
    summary="Read which adapter was active at a moment",
    responses=problem_responses(404, 422),
)
def get_served(
    services: ServicesDep, character_id: CharacterPath, at: InstantQuery | None = None
) -> Served:
    """Also for a character that was deleted since."""
    who = CharacterId(character_id)
    moment = max(BEGINNING, min(at, now())) if at else now()
    switch = services.store.switches.serving(who, moment)
    if switch is None:
        services.store.characters.get(who)
    version = switch.version if switch else None
    return Served(
        character_id=who,
        at=moment,
        version=version,
        since=switch.at if switch else None,
        adapter=_known(services.store, who, version),
    )


@router.get(
    "/jobs/{job_id}/adapter",
    summary="Read which adapter a job is rendered with",
    responses=problem_responses(404, 422),
)
async def get_job_adapter(services: ServicesDep, job_id: JobPath) -> JobAdapter:
    """Decided once, when the job is planned; what is promoted later does not change it."""
    job = await asyncio.to_thread(services.store.jobs.get, JobId(job_id))
    who, version = job.request.character_id, job.adapter_version
    return JobAdapter(
        job_id=job.id,
        character_id=who,
        version=version,
        pinned=job.request.adapter_version is not None,
        adapter=await asyncio.to_thread(_known, services.store, who, version),
    )


def _known(store: Store, who: CharacterId, version: int | None) -> AdapterVersion | None:
    """A version, even a deleted one; None when its character was deleted."""
    if version is None or version == NO_ADAPTER:
        return None
    try:
        return store.adapters.get(who, version, deleted=True)
    except NotFound:
        return None
