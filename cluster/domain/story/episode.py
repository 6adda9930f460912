"""One remembered scene: the unit of a character's memory."""

from datetime import datetime
from typing import NewType

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.story.reading import Change
from cluster.domain.story.scene import SceneState, StoryId
from cluster.domain.value import Value, now

EpisodeId = NewType("EpisodeId", str)


class Episode(Value):
    """A scene that passed the gate. Its id is its job's id, so one job leaves one episode.

    `scene` counts the story's episodes from 1 in commit order and is never reused, so that
    forgetting one leaves the others' numbers alone. `changes` is what its prompt was read to say;
    null for an episode that is older than the reader, which is read when its story is told.
    """

    id: EpisodeId
    character_id: CharacterId
    story_id: StoryId
    scene: int
    prompt: str
    state: SceneState
    artifact: str
    idr: float | None = None
    corrected: bool = False
    forgotten: bool = False
    changes: tuple[Change, ...] | None = None
    created_at: datetime = Field(default_factory=now)

    @property
    def text(self) -> str:
        """What the scene is found by: its prompt and what it shows, in words."""
        state = self.state
        shown = (
            state.outfit and f"wearing {state.outfit.phrase}",
            *(injury.phrase for injury in state.injuries or ()),
            state.props and f"holding {', '.join(state.props)}",
            state.pose,
            state.expression,
            state.action,
            state.place and f"in {state.place}",
            state.weather,
        )
        return "; ".join([self.prompt, *(words for words in shown if words)])

    def with_correction(self, state: SceneState) -> "Episode":
        """This episode with what a person says it shows.

        A given field whose `source` the person leaves open counts as corrected; one handed back
        as "seen" or "planned" stays that.
        """
        fields = SceneState.model_fields.items()
        given = {name for name, field in fields if getattr(state, name) != field.default}
        claimed = dict.fromkeys(
            sorted(given - {"confidence", "source"} - state.source.keys()), "corrected"
        )
        source = {**state.source, **claimed}
        return self.model_copy(
            update={"state": state.model_copy(update={"source": source}), "corrected": True}
        )
