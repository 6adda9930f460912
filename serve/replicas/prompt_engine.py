"""Prompt engineering: world state and request -> a guarded prompt and the scene it plans."""

from cluster.domain.character import Character
from cluster.domain.prompting.composition import identity_prompt, negative_prompt
from cluster.domain.prompting.facts import facts
from cluster.domain.prompting.guard import guard
from cluster.domain.prompting.plan import Plan, PromptContext
from cluster.domain.reading.continuity import outline
from cluster.domain.story.scene import SceneRequest
from cluster.domain.story.world import WorldState
from cluster.providers import model_profile, prompt_writer, token_counter

from ..lifecycle import Lifecycle


class PromptEngine(Lifecycle):
    """Plans a scene: reads the request, lets the writer write, and guards what it wrote."""

    def start(self) -> None:
        """Read the model's profile and tokenizer. Raises ProviderMissing without a model."""
        self._profile = model_profile(self._settings).profile
        self._count = token_counter(self._settings.generator)
        self._writer = prompt_writer(self._profile, self._count)

    async def plan(
        self,
        character: Character,
        request: SceneRequest,
        world: WorldState,
        trigger: str | None,
        memories: tuple[str, ...],
        token_budget: int,
    ) -> Plan:
        """The plan of one scene. Contradictions are found here, before anything is rendered.

        Args:
            trigger: The word by which the job's adapter knows the character.
            memories: Prompts of like scenes, for writers that can use them.
            token_budget: Of the generator's text encoder, its begin and end marks included.
        """
        planned = outline(character, request, world)
        context = PromptContext(
            character=character,
            request=request,
            world=world,
            scene=planned.scene,
            trigger=trigger,
            token_budget=token_budget,
            memories=memories,
            asked=planned.asked,
            text=planned.text,
        )
        written = await self._writer.write(context)
        guarded = guard(written, facts(context), token_budget, self._count)
        return Plan(
            prompt=guarded.prompt,
            negative_prompt=negative_prompt(
                self._profile.negative_prompt, token_budget, self._count
            ),
            identity_prompt=identity_prompt(context, self._count),
            scene=planned.scene,
            contradictions=planned.contradictions,
            added_by_guard=guarded.added,
            left_out=guarded.left_out,
        )
