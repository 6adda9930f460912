"""POST /v1/scenes: a scene becomes a job; POST /v1/scenes:plan: what it would become."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from cluster.domain.character import Character
from cluster.domain.story.job import Job
from cluster.domain.value import now

from .. import admission
from ..auth import key_digest
from ..idempotency import REPLAYED, once
from ..openapi import problem_responses
from ..parsing import json_body, takes_json
from ..planning import planned
from ..schemas import SceneOrder, ScenePlan
from ..services import Services, ServicesDep

router = APIRouter(prefix="/v1", tags=["scenes"])

EXAMPLES = {
    "fight": {"character_id": "kairo", "prompt": "Generate scene where Kairo fights in rain"},
    "continued": {
        "cast": ["kairo"],
        "prompt": "Kairo, still wounded, hides in the neon market",
        "pose": "crouching",
        "story_id": "kairo",
        "seed": 7,
    },
}
HEADERS = {
    "Location": {"description": "The job.", "schema": {"type": "string"}},
    REPLAYED: {
        "description": "`true` when this answer was given before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


@router.post(
    "/scenes",
    status_code=202,
    response_model=Job,
    summary="Render a scene",
    responses={202: {"headers": HEADERS}, **problem_responses(403, 404, 409, 413, 415, 422)},
    openapi_extra=takes_json(SceneOrder, EXAMPLES),
)
async def create_scene(
    request: Request,
    services: ServicesDep,
    order: Annotated[SceneOrder, Depends(json_body(SceneOrder))],
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[!-~]+$",
            description="Send the same key again to get the same answer, not a second job.",
        ),
    ] = None,
) -> Response:
    """Checks the order, writes the job down and queues it. Follow it at its `Location`."""
    key = idempotency_key and _scoped(request, idempotency_key)
    digest = admission.order_digest(order)

    async def answer() -> Response:
        character = await _admitted(services, order)
        pinned = order.adapter_version
        await asyncio.to_thread(
            admission.refuse_unknown_adapter, services.store.adapters, character, pinned
        )
        job_id = admission.job_id(key, digest)
        scene = admission.request_of(order)
        job = await services.submit(Job(id=job_id, request=scene, adapter_version=pinned))
        body = await asyncio.to_thread(job.model_dump_json)
        location = {"Location": f"/v1/jobs/{job.id}"}
        return Response(body, 202, location, "application/json")

    return await once(services.store.idempotency, key, digest, answer)


@router.post(
    "/scenes:plan",
    summary="Plan a scene without rendering it",
    responses=problem_responses(403, 404, 413, 415, 422),
    openapi_extra=takes_json(SceneOrder, EXAMPLES),
)
async def plan_scene(
    services: ServicesDep, order: Annotated[SceneOrder, Depends(json_body(SceneOrder))]
) -> ScenePlan:
    """How the request is understood, what of the story it contradicts, and the prompt it would
    become. Nothing is written, nothing is queued."""
    character = await _admitted(services, order)
    return await planned(services, character, admission.request_of(order))


async def _admitted(services: Services, order: SceneOrder) -> Character:
    """The character of an order that may be rendered here."""
    admission.refuse_order(order, services.settings.generator)
    character = await services.character(order.actors[0])
    character.require_consent("rendered", on=now().date())
    return character


def _scoped(request: Request, key: str) -> str:
    """Two holders of API keys cannot meet on one idempotency key."""
    return f"{key_digest(request.headers.get('authorization', ''))[:16]}:{key}"
