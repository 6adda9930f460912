"""The embedded reader as the port has it: reads, checks what was read, finds the things meant."""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from cluster.domain.character import Character
from cluster.domain.story.reading import SceneReading
from cluster.domain.story.reading_check import check_reading
from cluster.domain.story.state import StoryState
from cluster.errors import Invalid
from cluster.telemetry import logger

from . import entities

if TYPE_CHECKING:
    from .embedded import EmbeddedReader

log = logger(__name__)

KEPT_READINGS = 4096
"""An old story's scenes are read again whenever it is told; these many are kept."""


class OfflineReader:
    """A RequestReader that needs nothing but what is installed.

    Its parser takes seconds to load, so it is loaded by `warm_up` or by the first reading.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[tuple[Character, ...], str], SceneReading] = LRUCache(
            KEPT_READINGS
        )
        self._lock = Lock()

    def warm_up(self) -> None:
        """Load the parser and the nouns."""
        with self._lock:
            self._embedded.read((), "A man waits.")

    def read(self, cast: Sequence[Character], state: StoryState, text: str) -> SceneReading:
        """The changes that a text asks for, about the things of `state`."""
        return entities.resolve(self._checked(tuple(cast), text), state)

    def layer(self, garment: str) -> str | None:
        """Where on the body a garment of this noun is worn."""
        return entities.layer(garment)

    def _checked(self, cast: tuple[Character, ...], text: str) -> SceneReading:
        with self._lock:
            kept = self._kept.get((cast, text))
            if kept is None:
                kept = self._kept[cast, text] = self._read(cast, text)
            return kept

    def _read(self, cast: tuple[Character, ...], text: str) -> SceneReading:
        """A reading that keeps to the text; one that does not counts as not read, and is told of:
        the request still reaches the painter whole."""
        reading = self._embedded.read(cast, text)
        try:
            return check_reading(reading, cast, text)
        except Invalid as error:
            log.error("reader.wrong", problem=error.message)
            return SceneReading(
                understood=reading.understood.model_copy(update={"read": False, "sure": 0.0})
            )

    @cached_property
    def _embedded(self) -> "EmbeddedReader":
        from .embedded import EmbeddedReader  # noqa: PLC0415 - brings a parser, and torch with it

        return EmbeddedReader()
