"""Adapters: the LoRA versions of a character, and which one is served."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import AdapterBook, AdapterSwitch, AdapterVersion
from cluster.errors import Invalid

from ..openapi import problem_responses
from ..parameters import CharacterPath, VersionPath
from ..parsing import Form, form_body, takes_form
from ..schemas import AdapterDetail, AdapterLinks
from ..services import ServicesDep

router = APIRouter(prefix="/v1/characters/{character_id}/adapters", tags=["adapters"])

SAFETENSORS = "application/octet-stream"
SAYS = {"true": True, "false": False}
LOCATION = {"Location": {"description": "The adapters.", "schema": {"type": "string"}}}


@router.put(
    "",
    status_code=201,
    summary="Import an adapter",
    responses={201: {"headers": LOCATION}, **problem_responses(400, 404, 409, 413, 415, 422)},
    openapi_extra=takes_form(
        {
            "adapter": {
                "type": "string",
                "format": "binary",
                "description": "A PEFT LoRA in safetensors, trained on the served base model.",
            },
            "activate": {"type": "boolean", "default": True},
        },
        ("adapter",),
        {"adapter": "application/octet-stream"},
        {"activate": True},
    ),
)
async def import_adapter(
    services: ServicesDep,
    response: Response,
    character_id: CharacterPath,
    form: Annotated[Form, Depends(form_body(files="adapter", most=1, fields=("activate",)))],
) -> AdapterVersion:
    """Becomes the character's next version; the same file again is the version it already is."""
    says = form.fields.get("activate", "true")
    if says not in SAYS:
        raise Invalid(f"activate: {says!r} is neither true nor false")
    character = await services.character(CharacterId(character_id))
    (file,) = form.files["adapter"]
    version = await services.actors.registry.import_file(
        character_id=character.id, content=await file.read(), activate=SAYS[says]
    )
    response.headers["Location"] = f"/v1/characters/{character.id}/adapters"
    return version


@router.get("", summary="List adapters", responses=problem_responses(404, 422))
def list_adapters(services: ServicesDep, character_id: CharacterPath) -> AdapterBook:
    """Every version, with what trained it and the gate's verdict; at most one is active."""
    store = services.store
    character = store.characters.get(CharacterId(character_id))
    serving = store.switches.serving(character.id)
    return AdapterBook(
        items=tuple(store.adapters.list(character.id)),
        active=serving.version if serving else None,
        previous=store.switches.previous(character.id),
    )


@router.delete("/active", summary="Serve no adapter", responses=problem_responses(404, 422))
async def clear_adapter(services: ServicesDep, character_id: CharacterPath) -> AdapterSwitch:
    """The next job is rendered with the base model alone."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.registry.clear(character_id=character.id)


@router.get("/{version:int}", summary="Read an adapter", responses=problem_responses(404, 422))
def get_adapter(
    services: ServicesDep, character_id: CharacterPath, version: VersionPath
) -> AdapterDetail:
    """A version, the gate's report on it, and where its file and its contact sheet are."""
    adapter = services.store.adapters.get(CharacterId(character_id), version)
    verdict = adapter.verdict
    report = verdict.report if verdict else None
    links = AdapterLinks(
        file=f"/v1/characters/{character_id}/adapters/{version}/file",
        report=f"/v1/artifacts/{report}" if report else None,
        sheet=f"/v1/artifacts/{verdict.sheet}" if verdict and verdict.sheet else None,
    )
    read = json.loads(services.store.blobs.get(report)) if report else None
    return AdapterDetail(adapter=adapter, report=read, links=links)


@router.get(
    "/{version:int}/file",
    summary="Export an adapter",
    response_class=Response,
    responses={
        200: {
            "description": "`char_<id>_v<n>.safetensors`, as it was imported or trained.",
            "content": {SAFETENSORS: {"schema": {"type": "string", "format": "binary"}}},
            "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
        },
        **problem_responses(404, 422),
    },
)
def export_adapter(
    services: ServicesDep, character_id: CharacterPath, version: VersionPath
) -> Response:
    """Plain PEFT keys: `load_lora_weights` of diffusers takes it as it is."""
    adapter = services.store.adapters.get(CharacterId(character_id), version)
    name = f'attachment; filename="{adapter.id}.safetensors"'
    content = services.store.blobs.get(adapter.sha256)
    return Response(content, headers={"Content-Disposition": name}, media_type=SAFETENSORS)


@router.post(
    "/{version:int}/promote",
    summary="Promote an adapter",
    responses=problem_responses(403, 404, 409, 422),
)
async def promote_adapter(
    services: ServicesDep,
    character_id: CharacterPath,
    version: VersionPath,
    force: Annotated[bool, Query(description="Overrule the gate that refused it.")] = False,
) -> AdapterSwitch:
    """Staged by every replica, then used from the next job on; jobs in flight keep theirs."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.registry.promote(
        character_id=character.id, version=version, force=force
    )


@router.post(
    "/{version:int}/rollback",
    summary="Roll an adapter back",
    responses=problem_responses(404, 409, 422),
)
async def roll_adapter_back(
    services: ServicesDep, character_id: CharacterPath, version: VersionPath
) -> AdapterSwitch:
    """What was served before it is served again, at once. Asking again changes nothing."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.registry.rollback(character_id=character.id, version=version)


@router.delete(
    "/{version:int}", summary="Delete an adapter", responses=problem_responses(404, 409, 422)
)
async def delete_adapter(
    services: ServicesDep, character_id: CharacterPath, version: VersionPath
) -> AdapterSwitch:
    """Never the active one. Its number is not given again. Deleting again changes nothing."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.registry.delete(character_id=character.id, version=version)
