"""What the prompt engine is told, and what it answers."""

from cluster.domain.character import Character
from cluster.domain.story.job import Contradiction
from cluster.domain.story.scene import SceneRequest, SceneState
from cluster.domain.story.world import WorldState
from cluster.domain.value import Value


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

    `left_out` is what the token budget could not hold although it should be in the prompt.
    """

    prompt: str
    negative_prompt: str
    identity_prompt: str
    scene: SceneState
    contradictions: tuple[Contradiction, ...] = ()
    added_by_guard: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
