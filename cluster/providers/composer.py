"""The embedded prompt writer: rules instead of a language model. Needs no key and no network."""

from cluster.domain.prompting.composition import scene_prompt
from cluster.domain.prompting.guard import TokenCounter
from cluster.domain.prompting.plan import PromptContext
from cluster.settings import GeneratorSettings


class Composer:
    """Writes the prompt from the facts, most identifying ones first, within the token budget.

    The embedded model is told in the grammar its captions were written in; any other model, which
    reads free text, also gets the request in its own words.
    """

    def __init__(self, generator: GeneratorSettings, count: TokenCounter) -> None:
        self._narrate = generator.model != "studio"
        self._count = count

    async def write(self, context: PromptContext) -> str:
        return scene_prompt(context, self._count, narrate=self._narrate)
