"""What the prompt engine is told, and what it answers."""

from cluster.domain.character import Character
from cluster.domain.job import Contradiction
from cluster.domain.scene import SceneRequest, SceneState
from cluster.domain.value import Value
from cluster.domain.world import WorldState


class PromptBrief(Value):
    """Everything a prompt writer may use. `scene` is the request read as a planned state."""

    character: Character
    request: SceneRequest
    world: WorldState
    scene: SceneState
    trigger: str | None = None
    token_budget: int = 77
    memories: tuple[str, ...] = ()


class Plan(Value):
    """A guarded prompt, the state the scene is planned to show, and what it contradicted."""

    prompt: str
    negative_prompt: str
    identity_prompt: str
    scene: SceneState
    contradictions: tuple[Contradiction, ...] = ()
    added_by_guard: tuple[str, ...] = ()
