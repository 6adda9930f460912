"""World state: what holds for a character at a point of a story."""

from cluster.domain.character import CharacterId, Outfit, Word
from cluster.domain.scene import Injury, StoryId
from cluster.domain.value import Value


class SceneSummary(Value):
    """One line of recent history."""

    scene: int
    prompt: str
    artifact: str
    idr: float | None = None


class WorldState(Value):
    """The fold of a story's episodes over the character's profile, after scene `scene`."""

    character_id: CharacterId
    story_id: StoryId
    scene: int = 0
    outfit: Outfit | None = None
    injuries: tuple[Injury, ...] = ()
    props: tuple[Word, ...] = ()
    place: Word | None = None
    weather: Word | None = None
    recent: tuple[SceneSummary, ...] = ()
