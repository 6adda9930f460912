"""What a character remembers: the state of its story, and its episodes."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from cluster.domain.character import CharacterId
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import StoryId
from cluster.domain.story.world import WorldState

from ..openapi import problem_responses
from ..parameters import AnyStory, CharacterPath, EpisodePath, OwnStory, PageCursor, PageLimit
from ..parsing import Form, form_body, json_body, takes_form, takes_json
from ..schemas import (
    MAX_SCENE,
    Correction,
    EpisodePage,
    Found,
    FoundList,
    episode_cursor,
    episode_position,
)
from ..services import ServicesDep
from ..uploads import read_all
from .characters import IMAGES

router = APIRouter(prefix="/v1", tags=["memory"])

SEARCH_WAIT_S = 5.0
"""What was remembered a moment ago takes less, and so does opening the index after a start."""
FoundLimit = Annotated[int, Query(ge=1, le=50)]
PICTURE: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "description": "PNG, JPEG or WebP; its largest face is looked for.",
}
HEALED = {
    "injuries": [],
    "outfit": {"garment": "suit", "colour": "white"},
    "place": "market",
}


@router.get(
    "/characters/{character_id}/state",
    summary="Read the world state",
    responses=problem_responses(404, 422),
)
async def get_state(
    services: ServicesDep,
    character_id: CharacterPath,
    story: OwnStory = None,
    at: Annotated[
        int | None, Query(ge=0, le=MAX_SCENE, description="After this scene; left out: now.")
    ] = None,
) -> WorldState:
    """Outfit, injuries, props and place as they are after a scene of a story."""
    character = await services.character(CharacterId(character_id))
    return await services.actors.memory.state(
        character_id=character.id, story_id=StoryId(story or character.id), at=at
    )


@router.get(
    "/characters/{character_id}/episodes",
    summary="List episodes in scene order",
    responses=problem_responses(404, 422),
)
def list_episodes(
    services: ServicesDep,
    character_id: CharacterPath,
    story: AnyStory = None,
    forgotten: Annotated[bool, Query(description="Those that were forgotten, too.")] = False,
    cursor: PageCursor = None,
    limit: PageLimit = 20,
) -> EpisodePage:
    """What the character remembers, a page at a time; an unknown cursor is a page that does not
    exist."""
    character = services.store.characters.get(CharacterId(character_id))
    found = services.store.episodes.list(
        character.id,
        StoryId(story) if story else None,
        include_forgotten=forgotten,
        after=episode_position(cursor) if cursor is not None else None,
        limit=limit + 1,
    )
    page = found[:limit]
    more = len(found) > limit
    return EpisodePage(items=tuple(page), next=episode_cursor(page[-1]) if more else None)


@router.get(
    "/characters/{character_id}/episodes/search",
    summary="Search episodes by meaning",
    responses=problem_responses(404, 422),
)
async def search_episodes(
    services: ServicesDep,
    character_id: CharacterPath,
    q: Annotated[str, Query(min_length=1, max_length=500, pattern=r"^[^\x00]+$")],
    story: AnyStory = None,
    limit: FoundLimit = 10,
) -> FoundList:
    """The nearest first. What was remembered a moment ago is waited for, but not for long."""
    character = await services.character(CharacterId(character_id))
    found = await services.actors.memory.search(
        character_id=character.id,
        text=q,
        story_id=StoryId(story) if story else None,
        limit=limit,
        wait_s=SEARCH_WAIT_S,
    )
    return found_list(found)


@router.post(
    "/characters/{character_id}/episodes/search-face",
    summary="Search episodes by a face",
    responses=problem_responses(400, 404, 413, 415, 422),
    openapi_extra=takes_form({"picture": PICTURE}, ("picture",), {"picture": IMAGES}, {}),
)
async def search_episodes_by_face(
    services: ServicesDep,
    character_id: CharacterPath,
    form: Annotated[Form, Depends(form_body(files="picture", most=1))],
    limit: FoundLimit = 10,
) -> FoundList:
    """Where the largest face of a picture was seen: the most similar first, with its cosine. The
    picture is not kept."""
    character = await services.character(CharacterId(character_id))
    (pixels,) = await read_all(form.files["picture"], services.settings.gateway)
    model, vector = await services.largest_face(pixels)
    found = await services.actors.memory.search_face(
        character_id=character.id, model=model, vector=vector, limit=limit, wait_s=SEARCH_WAIT_S
    )
    return found_list(found)


def found_list(found: Iterable[tuple[Episode, float]]) -> FoundList:
    return FoundList(items=tuple(Found(episode=one, score=score) for one, score in found))


@router.patch(
    "/episodes/{episode_id}",
    summary="Correct an episode",
    responses=problem_responses(404, 413, 415, 422),
    openapi_extra=takes_json(Correction, {"healed, in a suit": HEALED}),
)
async def correct_episode(
    services: ServicesDep,
    episode_id: EpisodePath,
    correction: Annotated[Correction, Depends(json_body(Correction))],
) -> Episode:
    """Say what the scene really shows; the world state follows."""
    id = EpisodeId(episode_id)
    known = await asyncio.to_thread(services.store.episodes.get, id)
    state = correction.of(known.state)
    return await services.actors.memory.correct(episode_id=id, state=state)


@router.delete(
    "/episodes/{episode_id}", summary="Forget an episode", responses=problem_responses(404, 422)
)
async def forget_episode(services: ServicesDep, episode_id: EpisodePath) -> Episode:
    """The world state is as if the scene had not been; forgetting again changes nothing."""
    return await services.actors.memory.forget(episode_id=EpisodeId(episode_id))
