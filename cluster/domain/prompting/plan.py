"""What the prompt engine is told, and what it answers."""

from collections.abc import Iterable

from cluster.domain.character import Character
from cluster.domain.story.contradictions import Clash
from cluster.domain.story.job import Contradiction
from cluster.domain.story.reading import SceneReading, Understanding
from cluster.domain.story.scene import SceneRequest, SceneState
from cluster.domain.story.world import WorldState
from cluster.domain.value import Value

NOT_READ = SceneReading(understood=Understanding(language=None, sure=0.0, read=False))
"""Of a plan that is older than the reader, and of a text that was read wrongly."""


class PromptContext(Value):
    """Everything a prompt writer may use.

    `scene` is the request read as a planned state; `asked` what the request says beyond it, in
    its own words; `text` the request without its lead-in and without overruled traits.
    """

    character: Character
    request: SceneRequest
    world: WorldState
    scene: SceneState
    trigger: str | None = None
    token_budget: int = 77
    memories: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    text: str = ""


class Plan(Value):
    """A guarded prompt, the state the scene is planned to show, and what it contradicted.

    `reading` is the request, understood: what the story goes on with once the scene is made.

    `left_out` is what the token budget could not hold although it should be in the prompt.
    """

    prompt: str
    negative_prompt: str
    identity_prompt: str
    scene: SceneState
    reading: SceneReading = NOT_READ
    contradictions: tuple[Contradiction, ...] = ()
    added_by_guard: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


TRAITS = {
    "profile.hair": "hair",
    "profile.hair_style": "hair",
    "profile.beard": "hair",
    "profile.left_eye": "eyes",
    "profile.right_eye": "eyes",
    "profile.eye": "eyes",
    "profile.marks": "marks",
}
"""Field of a permanent trait -> what a reading calls it."""


def contradictions_of(
    overruled: Iterable[Contradiction], clashes: Iterable[Clash]
) -> tuple[Contradiction, ...]:
    """Everything that a request contradicts. What a permanent trait has overruled is said once."""
    traits = tuple(overruled)
    said = {TRAITS.get(one.field) for one in traits}
    return (*traits, *(Contradiction.of(one) for one in clashes if one.slot not in said))
