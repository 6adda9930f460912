"""What every reading must keep to, whoever made it: its words stand in the text, its people exist.

A reader may be a model that invents; nothing of it is believed that cannot be shown.
"""

from collections.abc import Sequence

from cluster.domain.character import Character
from cluster.domain.story.reading import SOMEBODY, Evidence, SceneReading
from cluster.errors import Invalid

ADVICE = "Say it in other words, or choose another reader: prompt.reader."


def check_reading(reading: SceneReading, cast: Sequence[Character], text: str) -> SceneReading:
    """The reading itself, when it keeps to `text` and `cast`.

    Raises:
        Invalid: Words that are given as evidence do not stand where they are said to stand, or a
            subject is nobody of the cast.
    """
    known = {SOMEBODY, *(one.id for one in cast)}
    for change in reading.changes:
        if change.subject not in known:
            raise Invalid(
                f"the request was read wrongly: {change.subject!r} is not in the cast",
                advice=ADVICE,
            )
        if not _stands_in(change.evidence, text):
            raise Invalid(
                f"the request was read wrongly: {change.evidence.quote!r} is not what it says "
                f"at {change.evidence.start}",
                advice=ADVICE,
            )
    return reading


def _stands_in(evidence: Evidence, text: str) -> bool:
    return bool(evidence.quote) and text[evidence.start : evidence.end] == evidence.quote
