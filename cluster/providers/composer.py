"""The embedded prompt writer: rules instead of a language model. Needs no key and no network."""

from cluster.domain.model_profile import Dialect
from cluster.domain.prompting.composition import scene_prompt
from cluster.domain.prompting.guard import TokenCounter
from cluster.domain.prompting.plan import PromptContext


class Composer:
    """A PromptWriter. Says the facts, most identifying ones first, within the token budget.

    A model of the caption grammar is told in the words its captions were written in; one that
    reads prose also gets the request in its own words.
    """

    def __init__(self, dialect: Dialect, count: TokenCounter) -> None:
        self._dialect: Dialect = dialect
        self._count = count

    async def write(self, context: PromptContext) -> str:
        """The prompt of a scene; `context.token_budget` tokens at most."""
        return scene_prompt(context, self._count, self._dialect)
