"""Image tagging: pixels -> SceneState, what a finished image shows against what was planned.

What the tagger says is evidence only of pictures of a kind that it was measured on. Of others
(photographs, for the embedded tagger) everything stays planned: nothing is confirmed, nothing
added, for it is as sure of its mistakes there as it is right elsewhere.

On measured kinds the plan is believed until the tagger knows better, field by field:

- The tagger names the planned value with at least `AGREES`: it is "seen".
- It names another with at least the head's `SURE`: that is "seen", the plan was not painted.
- It is less sure, says "not visible", or the plan uses a word that it does not know (it cannot
  refute a "rooftop" it has never heard of): the planned value stays, "planned". Nothing planned:
  None.
- Injuries and props are the planned ones and those seen with at least `SURE`; what the picture
  leaves out is not healed or dropped by that. A wound seen where one is planned confirms that
  one, whatever its kind: a badly painted cut is no second wound. The field is "seen" when every
  item was, with the lowest of their probabilities.

`confidence` is the tagger's calibrated probability of the value that was kept, where it knows one.
It does not know who is in the picture, nor the story.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from cluster import providers
from cluster.domain.character import Outfit
from cluster.domain.identity.score import Domain
from cluster.domain.identity.tags import Tags
from cluster.domain.story.scene import Injury, SceneState, Source
from cluster.ports import Pixels

from ..lifecycle import Lifecycle

AGREES = 0.5
SURE: Mapping[str, float] = {
    "outfit": 0.85,
    "outfit_colour": 0.8,
    "head_pose": 0.8,
    "framing": 0.8,
    "expression": 0.85,
    "action": 0.9,
    "place": 0.8,
    "weather": 0.85,
    "injuries": 0.9,
    "props": 0.9,
}
"""Probability from which a head may contradict the plan, or speak where there is none."""

FIELDS: Mapping[str, str] = {
    "pose": "head_pose",
    "framing": "framing",
    "expression": "expression",
    "action": "action",
    "place": "place",
    "weather": "weather",
}
"""Fields of a scene that one head reads."""

T = TypeVar("T")
Attribute = tuple[T | None, Source | None, float | None]
"""A field as it was read: its value, where that comes from (null: from nowhere), and the tagger's
probability of it (null: it does not know the value)."""


def read_word(tags: Tags, head: str, planned: str | None) -> Attribute[str]:
    """One field, by the rule above."""
    label, probability = tags.best(head)
    if label and label == planned and probability >= AGREES:
        return label, "seen", probability
    refutable = planned is None or tags.probability(head, planned) is not None
    if label and refutable and probability >= SURE[head]:
        return label, "seen", probability
    if planned is None:
        return None, None, None
    return planned, "planned", tags.probability(head, planned)


def read_outfit(tags: Tags, planned: Outfit | None) -> Attribute[Outfit]:
    """Garment and colour. A garment that was not planned takes no colour from the plan."""
    garment, source, sure = read_word(tags, "outfit", planned.garment if planned else None)
    if garment is None or source is None:
        return None, None, None
    same = planned is not None and planned.garment == garment
    wanted = planned.colour if planned and same else None
    colour, colour_source, colour_sure = read_word(tags, "outfit_colour", wanted)
    known = [value for value in (sure, colour_sure) if value is not None]
    both = "planned" if "planned" in (source, colour_source) else "seen"
    return (
        Outfit(garment=garment, colour=colour),
        "planned" if both == "planned" else "seen",
        min(known, default=None),
    )


def read_items(
    tags: Tags, head: str, planned: tuple[str, ...] | None, seen_as: Mapping[str, float]
) -> Attribute[tuple[str, ...]]:
    """Planned items and those seen for sure; `seen_as` is how probable each planned one is."""
    labels = tags.heads.get(head, {})
    extra = tuple(
        label
        for label, probability in labels.items()
        if probability >= SURE[head] and label not in seen_as
    )
    if planned is None and not extra:
        return None, None, None
    items = (*(planned or ()), *extra)
    if not items:
        return (), *_none_seen(labels)
    sure = [seen_as[item] if item in seen_as else labels[item] for item in items]
    return items, "seen" if min(sure) >= AGREES else "planned", min(sure)


def _none_seen(labels: Mapping[str, float]) -> tuple[Source, float | None]:
    """None was planned and none is sure: seen to be none, unless something is likely."""
    if not labels:
        return "planned", None
    none = 1 - max(labels.values())
    return "seen" if none >= AGREES else "planned", none


def read_props(tags: Tags, planned: tuple[str, ...] | None) -> Attribute[tuple[str, ...]]:
    """Things held or worn."""
    known = {prop: tags.probability("props", prop) or 0.0 for prop in planned or ()}
    return read_items(tags, "props", planned, known)


def read_injuries(tags: Tags, planned: tuple[Injury, ...] | None) -> Attribute[tuple[Injury, ...]]:
    """Wounds. Those that only the picture knows begin in this scene."""
    labels = tags.heads.get("injuries", {})
    expected = {injury.phrase: injury for injury in planned or ()}
    places = {injury.place for injury in expected.values()}
    by_place = {
        place: max(
            (chance for label, chance in labels.items() if label.endswith(f" on the {place}")),
            default=0.0,
        )
        for place in places
    }
    known = {phrase: by_place[injury.place] for phrase, injury in expected.items()}
    explained = {
        label: chance
        for label, chance in labels.items()
        if label.partition(" on the ")[2] in places
    }
    items, source, sure = read_items(
        tags, "injuries", None if planned is None else tuple(expected), {**explained, **known}
    )
    if items is None:
        return None, None, None
    return tuple(expected.get(item) or injury_of(item) for item in items), source, sure


def injury_of(label: str) -> Injury:
    """`cut on the left cheek` as a value."""
    kind, _, place = label.partition(" on the ")
    return Injury(kind=kind, place=place)


def merge(tags: Tags, planned: SceneState) -> SceneState:
    """What was seen, completed by what was planned. See the module's rule."""
    read: dict[str, Attribute[object]] = {
        "outfit": read_outfit(tags, planned.outfit),
        "injuries": read_injuries(tags, planned.injuries),
        "props": read_props(tags, planned.props),
        **{field: read_word(tags, head, getattr(planned, field)) for field, head in FIELDS.items()},
    }
    return SceneState.model_validate(
        {
            **{field: value for field, (value, _, _) in read.items()},
            "mended": planned.mended,
            "source": {field: source for field, (_, source, _) in read.items() if source},
            "confidence": {
                field: round(sure, 4) for field, (_, _, sure) in read.items() if sure is not None
            },
        }
    )


def unseen(planned: SceneState) -> SceneState:
    """The plan as it was made, where nobody can say what was painted of it."""
    fields = ("outfit", "injuries", "props", *FIELDS)
    known = [field for field in fields if getattr(planned, field) is not None]
    return planned.model_copy(update={"source": dict.fromkeys(known, "planned"), "confidence": {}})


class Analyzer(Lifecycle):
    """Reads finished images. Stateless but for the tagger, so any number of replicas may run."""

    def start(self) -> None:
        """Load the tagger."""
        self._tagger = providers.picture_tagger()

    async def analyze(self, pixels: Pixels, planned: SceneState, domain: Domain) -> SceneState:
        """What uint8 RGB pixels (height, width, 3) show, given what they were planned to show and
        what kind of picture they are."""
        if domain not in self._tagger.measured_on:
            return unseen(planned)
        tags = await asyncio.to_thread(self._tagger.tags, pixels)
        return merge(tags, planned)
