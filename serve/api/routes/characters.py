"""Characters: who is cast, with which references and whose consent."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.golden import DatasetStatus

from ..casting import Casting
from ..openapi import problem_responses
from ..parameters import CharacterPath, PageCursor, PageLimit
from ..parsing import Form, form_body, json_body, parse, takes_form, takes_json
from ..schemas import CharacterChange, CharacterPage, NewCharacter, cursor_of, parts_of
from ..services import ServicesDep

router = APIRouter(prefix="/v1/characters", tags=["characters"])

MAX_FILES = 100
"""Of one form; `gateway.max_references` says how many a character may have."""

PROFILE = {
    "gender": "man",
    "hair": {"colour": "black", "style": "short"},
    "left_eye": {"colour": "amber", "cyber": True},
    "right_eye": {"colour": "brown"},
    "marks": [{"kind": "scar", "place": "left cheek"}],
    "outfit": {"garment": "cloak", "colour": "dark"},
}
KAIRO = {"id": "kairo", "name": "Kairo", "profile": PROFILE, "consent": {"likeness": "fictional"}}
LOCATION = {"Location": {"description": "The character.", "schema": {"type": "string"}}}
FILES: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "minItems": 1,
    "maxItems": 50,
    "description": "PNG, JPEG or WebP, each with one clear face, all of the same person.",
}
IMAGES = "image/png, image/jpeg, image/webp"


@router.post(
    "",
    status_code=201,
    summary="Cast a character",
    responses={201: {"headers": LOCATION}, **problem_responses(400, 409, 413, 415, 422)},
    openapi_extra=takes_form(
        {"character": {"$ref": "#/components/schemas/NewCharacterInput"}, "references": FILES},
        ("character", "references"),
        {"character": "application/json", "references": IMAGES},
        {"character": KAIRO},
    ),
)
async def create_character(
    services: ServicesDep,
    response: Response,
    form: Annotated[
        Form, Depends(form_body(files="references", most=MAX_FILES, fields=("character",)))
    ],
) -> Character:
    """A form: `character` (JSON) and 1 to 50 `references`. Nothing is kept when one is refused."""
    new = parse(NewCharacter, form.text("character"), "character")
    character = await Casting(services).admit(new, form.files["references"])
    response.headers["Location"] = f"/v1/characters/{character.id}"
    return character


@router.get("", summary="List characters", responses=problem_responses(404, 422))
def list_characters(
    services: ServicesDep,
    cursor: PageCursor = None,
    limit: PageLimit = 20,
) -> CharacterPage:
    """By id, a page at a time; an unknown cursor is a page that does not exist."""
    after = CharacterId(parts_of(cursor, 1)[0]) if cursor is not None else None
    found = services.store.characters.list(after, limit + 1)
    page = found[:limit]
    return CharacterPage(items=tuple(page), next=cursor_of(page[-1].id) if found[limit:] else None)


@router.get("/{character_id}", summary="Read a character", responses=problem_responses(404, 422))
def get_character(services: ServicesDep, character_id: CharacterPath) -> Character:
    """Profile, consent, and the references' digests (read them under /v1/artifacts)."""
    return services.store.characters.get(CharacterId(character_id))


@router.put(
    "/{character_id}",
    summary="Replace a character's name, profile and consent",
    responses=problem_responses(404, 413, 415, 422),
    openapi_extra=takes_json(
        CharacterChange, {"Kairo": {name: KAIRO[name] for name in ("name", "profile", "consent")}}
    ),
)
async def replace_character(
    services: ServicesDep,
    character_id: CharacterPath,
    change: Annotated[CharacterChange, Depends(json_body(CharacterChange))],
) -> Character:
    """References and memory stay. Revoke a consent with `"revoked": true`."""
    return await services.change_character(CharacterId(character_id), dict(change))


@router.delete(
    "/{character_id}",
    status_code=204,
    summary="Delete a character",
    responses=problem_responses(404, 422),
)
def delete_character(services: ServicesDep, character_id: CharacterPath) -> None:
    """With its memory and adapters. Jobs that still name it fail."""
    services.store.characters.delete(CharacterId(character_id))


@router.post(
    "/{character_id}/references",
    summary="Add references",
    responses=problem_responses(400, 404, 413, 415, 422),
    openapi_extra=takes_form({"references": FILES}, ("references",), {"references": IMAGES}, {}),
)
async def add_references(
    services: ServicesDep,
    character_id: CharacterPath,
    form: Annotated[Form, Depends(form_body(files="references", most=MAX_FILES))],
) -> Character:
    """They must show the same person as those that are there."""
    return await Casting(services).add_references(
        CharacterId(character_id), form.files["references"]
    )


@router.get(
    "/{character_id}/dataset",
    summary="Read how a character's training set stands",
    responses=problem_responses(404, 422),
)
async def get_dataset(services: ServicesDep, character_id: CharacterPath) -> DatasetStatus:
    """How many images were collected or refused, and the newest set built from them."""
    return await services.actors.learner.status(character_id=CharacterId(character_id))
