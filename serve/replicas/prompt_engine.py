"""Prompt engineering: world state and request -> a guarded prompt and the scene it plans."""

import asyncio

from cluster.domain.character import Character
from cluster.domain.prompting.composition import identity_prompt, negative_prompt
from cluster.domain.prompting.facts import facts
from cluster.domain.prompting.guard import guard
from cluster.domain.prompting.plan import Plan, PromptContext, contradictions_of
from cluster.domain.reading.continuity import outline
from cluster.domain.story.contradictions import examine
from cluster.domain.story.scene import SceneRequest
from cluster.domain.story.state import StoryState
from cluster.domain.story.telling import coming
from cluster.domain.story.world import WorldState
from cluster.providers import model_profile, prompt_writer, request_reader, token_counter

from ..lifecycle import Lifecycle


class PromptEngine(Lifecycle):
    """Plans a scene: reads the request, lets the writer write, and guards what it wrote."""

    def start(self) -> None:
        """Read the model's profile and tokenizer, and load the reader.

        Raises ProviderMissing without a model.
        """
        self._profile = model_profile(self._settings).profile
        self._count = token_counter(self._settings.generator)
        self._writer = prompt_writer(self._profile, self._count)
        self._reader = request_reader(self._settings.prompt)
        self._reader.warm_up()

    async def plan(
        self,
        character: Character,
        request: SceneRequest,
        world: WorldState,
        story: StoryState,
        trigger: str | None,
        memories: tuple[str, ...],
        token_budget: int | None,
    ) -> Plan:
        """The plan of one scene. Contradictions are found here, before anything is rendered.

        Args:
            world: What the story's pictures have shown.
            story: What the story's requests have said.
            trigger: The word by which the job's adapter knows the character.
            memories: Prompts of like scenes, for writers that can use them.
            token_budget: Of the generator's text encoder, its begin and end marks included; null:
                what the model's profile says.
        """
        budget = token_budget or self._profile.token_budget
        before = coming(story)
        reading = await asyncio.to_thread(self._reader.read, (character,), before, request.prompt)
        clashes, _ = examine(before, reading.changes)
        planned = outline(character, request, world)
        context = PromptContext(
            character=character,
            request=request,
            world=world,
            scene=planned.scene,
            trigger=trigger,
            token_budget=budget,
            memories=memories,
            asked=planned.asked,
            text=planned.text,
        )
        written = await self._writer.write(context)
        guarded = guard(written, facts(context), budget, self._count)
        return Plan(
            prompt=guarded.prompt,
            negative_prompt=negative_prompt(self._profile.negative_prompt, budget, self._count),
            identity_prompt=identity_prompt(context, self._count),
            scene=planned.scene,
            reading=reading,
            contradictions=contradictions_of(planned.overruled, clashes),
            added_by_guard=guarded.added,
            left_out=guarded.left_out,
        )
