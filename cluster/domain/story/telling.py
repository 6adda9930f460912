"""A story, told from its start: the typed state that follows from its episodes.

The fold is made anew whenever it is asked for, so that a scene that is forgotten or deleted is as
if it had never been.
"""

from collections.abc import Callable, Iterable, Sequence

from cluster.domain.character import Character
from cluster.domain.story.corrections import corrected
from cluster.domain.story.episode import Episode
from cluster.domain.story.reading import SceneReading
from cluster.domain.story.starting import starting_state
from cluster.domain.story.state import StoryState, after

Read = Callable[[Sequence[Character], StoryState, str], SceneReading]
"""Reads a text against the state before it: `RequestReader.read`."""
Layer = Callable[[str], str | None]
"""Where on the body a garment is worn: `RequestReader.layer`."""


def told(
    cast: Sequence[Character], episodes: Iterable[Episode], read: Read, layer: Layer
) -> StoryState:
    """What holds after the last of a story's episodes.

    The forgotten ones are passed over. An episode that kept no changes is read here, from its
    prompt: those of a store that is older than the reader have none, and need no step of their own.

    Args:
        cast: The story's cast, the one it is about first.
        episodes: One story's, in any order.
    """
    state = starting_state(cast, layer)
    for episode in sorted(episodes, key=lambda one: one.scene):
        if not episode.forgotten:
            state = _after(state, episode, cast, read, layer)
    return state


def coming(state: StoryState) -> StoryState:
    """The state in which the next scene's request is read: the same, with that scene's number."""
    return state.model_copy(update={"scene": state.scene + 1})


def _after(
    state: StoryState, episode: Episode, cast: Sequence[Character], read: Read, layer: Layer
) -> StoryState:
    before = state.model_copy(update={"scene": episode.scene})
    changes = episode.changes
    if changes is None:
        changes = read(cast, before, episode.prompt).changes
    return corrected(after(before, changes, episode.scene), episode, layer)
