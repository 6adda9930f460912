"""Adapters: the LoRA versions of a character, and which one is active."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from cluster.domain.adapter import AdapterVersion
from cluster.domain.character import CharacterId, Slug
from cluster.errors import Invalid

from .bodies import Form, form_body, takes_form
from .calls import ask
from .desk import Counter
from .openapi import problem_responses
from .wire import Activation, AdapterList

router = APIRouter(prefix="/v1/characters/{character_id}/adapters", tags=["adapters"])

Id = Annotated[Slug, Path(examples=["kairo"])]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
SAYS = {"true": True, "false": False}
LOCATION = {"Location": {"description": "The adapters.", "schema": {"type": "string"}}}


@router.put(
    "",
    status_code=201,
    summary="Import an adapter",
    responses={201: {"headers": LOCATION}, **problem_responses(400, 404, 413, 415, 422)},
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
    """Every version; at most one is active."""
    character = desk.store.characters.get(CharacterId(character_id))
    return AdapterList(items=tuple(desk.store.adapters.list(character.id)))


@router.post(
    "/{version}/activate", summary="Activate an adapter", responses=problem_responses(404, 422)
)
async def activate_adapter(desk: Counter, character_id: Id, version: Version) -> Activation:
    """Used from the next job on; jobs in flight keep the one they began with."""
    return await _activate(desk, character_id, version)


@router.delete(
    "/active", summary="Deactivate the active adapter", responses=problem_responses(404, 422)
)
async def deactivate_adapter(desk: Counter, character_id: Id) -> Activation:
    """The next job is rendered with the base model alone."""
    return await _activate(desk, character_id, None)


async def _activate(desk: Counter, character_id: str, version: int | None) -> Activation:
    character = await desk.character(CharacterId(character_id))
    await ask(desk.actors.registry.activate, character.id, version)
    return Activation(character_id=character.id, version=version)
