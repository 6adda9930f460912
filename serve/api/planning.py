"""A scene's plan without a scene: everything that is decided before anything is rendered."""

import asyncio

from cluster.domain.character import Character
from cluster.domain.story.scene import SceneRequest
from cluster.domain.story.state import after
from cluster.domain.story.telling import coming

from .schemas import ScenePlan
from .services import Services


async def planned(services: Services, character: Character, request: SceneRequest) -> ScenePlan:
    """What a job would make of a request now. Nothing is written and nothing is queued.

    Raises NotFound for an adapter version that the character does not have.
    """
    memory, story = services.actors.memory, request.story_id
    world, told, trigger = await asyncio.gather(
        memory.recall(character_id=character.id, story_id=story),
        memory.story_state(character_id=character.id, story_id=story, at=None),
        asyncio.to_thread(_trigger, services, request),
    )
    plan = await services.prompt_engine.plan(
        character=character,
        request=request,
        world=world,
        story=told,
        trigger=trigger,
        memories=(),
        token_budget=None,
    )
    return ScenePlan(
        story_id=story,
        reading=plan.reading,
        state_before=told,
        state_after=after(told, plan.reading.changes, coming(told).scene),
        contradictions=plan.contradictions,
        scene=plan.scene,
        prompt=plan.prompt,
        negative_prompt=plan.negative_prompt,
        left_out=plan.left_out,
    )


def _trigger(services: Services, request: SceneRequest) -> str | None:
    """The word by which the adapter that would be used knows the character."""
    adapters, version = services.store.adapters, request.adapter_version
    if version is None:
        adapter = adapters.active(request.character_id)
    else:
        adapter = adapters.get(request.character_id, version) if version else None
    return adapter.trigger if adapter else None
