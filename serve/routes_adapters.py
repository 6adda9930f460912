"""Adapters: the LoRA versions of a character, and which one is active."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from cluster.domain.adapter import AdapterSwitch, AdapterVersion
from cluster.domain.character import CharacterId, Slug
from cluster.errors import Invalid

from .bodies import Form, form_body, takes_form
from .calls import ask
from .desk import Counter
from .openapi import problem_responses
from .wire import AdapterList

router = APIRouter(prefix="/v1/characters/{character_id}/adapters", tags=["adapters"])

Id = Annotated[Slug, Path(examples=["kairo"])]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
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
    desk: Counter,
    response: Response,
    character_id: Id,
    form: Annotated[Form, Depends(form_body(files="adapter", most=1, fields=("activate",)))],
) -> AdapterVersion:
    """Becomes the character's next version; the same file again is the version it already is."""
    says = form.fields.get("activate", "true")
    if says not in SAYS:
        raise Invalid(f"activate: {says!r} is neither true nor false")
    character = await desk.character(CharacterId(character_id))
    (file,) = form.files["adapter"]
    version: AdapterVersion = await ask(
        desk.actors.registry.import_file, character.id, await file.read(), SAYS[says]
    )
    response.headers["Location"] = f"/v1/characters/{character.id}/adapters"
    return version


@router.get("", summary="List adapters", responses=problem_responses(404, 422))
def list_adapters(desk: Counter, character_id: Id) -> AdapterList:
    """Every version, with what trained it and the gate's verdict; at most one is active."""
    store = desk.store
    character = store.characters.get(CharacterId(character_id))
    serving = store.switches.serving(character.id)
    return AdapterList(
        items=tuple(store.adapters.list(character.id)),
        active=serving.version if serving else None,
        previous=store.switches.previous(character.id),
    )


@router.delete("/active", summary="Serve no adapter", responses=problem_responses(404, 422))
async def clear_adapter(desk: Counter, character_id: Id) -> AdapterSwitch:
    """The next job is rendered with the base model alone."""
    return await _switch(desk, "clear", character_id)


@router.post(
    "/{version}/promote",
    summary="Promote an adapter",
    responses=problem_responses(403, 404, 409, 422),
)
async def promote_adapter(
    desk: Counter,
    character_id: Id,
    version: Version,
    force: Annotated[bool, Query(description="Overrule the gate that refused it.")] = False,
) -> AdapterSwitch:
    """Staged by every replica, then used from the next job on; jobs in flight keep theirs."""
    return await _switch(desk, "promote", character_id, version, force)


@router.post(
    "/{version}/rollback",
    summary="Roll an adapter back",
    responses=problem_responses(404, 409, 422),
)
async def roll_adapter_back(desk: Counter, character_id: Id, version: Version) -> AdapterSwitch:
    """What was served before it is served again, at once. Asking again changes nothing."""
    return await _switch(desk, "rollback", character_id, version)


async def _switch(desk: Counter, how: str, character_id: str, *args: object) -> AdapterSwitch:
    character = await desk.character(CharacterId(character_id))
    method = getattr(desk.actors.registry, how)
    switch: AdapterSwitch = await ask(method, character.id, *args)
    return switch
