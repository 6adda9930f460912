"""How far a picture's hair, eyes and marks are the character's: each 0 to 1, or not to be seen.

Scores are the tagger's calibrated probabilities of what the profile says, given that the part is
visible. A part is left out (score null) when the profile does not ask for it in words that the
tagger knows, when it is hidden or too small, and when the tagger is unsure.
"""

from collections.abc import Callable, Sequence

from cluster.domain.character import Eye, Hair, Mark, Profile
from cluster.domain.identity.face import Face
from cluster.domain.identity.score import Part
from cluster.domain.identity.tags import Tags

SURE = 0.6
"""A tagger that gives its best answer less than this is unsure of it."""
DETAIL_FACE_PX = 24.0
"""In narrower faces neither eyes nor marks can be told."""
HIDDEN_DEG = 35.0
"""Turned further than this, a head hides the eye and cheek of the side it turns to."""

MARK_RATE = 0.03
"""Share of the tagger's training pictures that show any one mark at any one place: 0.6 marks a
person, 20 labels."""

Read = tuple[float | None, str]
"""A score, or None with the reason."""


def likeness(profile: Profile, tags: Tags, face: Face) -> tuple[Part, ...]:
    """The parts that the profile asks for, unweighed."""
    parts: list[Part] = []
    if profile.hair.phrase:
        parts.append(_part("hair", _hair(profile.hair, tags)))
    for name, eye in (("left_eye", profile.left_eye), ("right_eye", profile.right_eye)):
        if eye:
            side = name.removesuffix("_eye")
            parts.append(_part(name, _hidden(face, side) or _eye(eye, side, tags)))
    parts += [
        _part(mark.phrase, _hidden(face, mark.place) or _mark(mark, tags)) for mark in profile.marks
    ]
    return tuple(parts)


def unread(profile: Profile, reason: str) -> tuple[Part, ...]:
    """The same parts, none of them read, for one reason."""
    names = ["hair"] if profile.hair.phrase else []
    names += ["left_eye"] if profile.left_eye else []
    names += ["right_eye"] if profile.right_eye else []
    names += [mark.phrase for mark in profile.marks]
    return tuple(_part(name, (None, reason)) for name in names)


def _part(name: str, read: Read) -> Part:
    score, reason = read
    return Part(name=name, score=score, weight=0.0, reason=reason)


def _hidden(face: Face, place: str) -> Read | None:
    """Why a place of the face cannot be seen. Left and right are the character's own."""
    if face.width_px < DETAIL_FACE_PX:
        return None, f"the face is only {face.width_px:.0f} px wide"
    turned_to = "left" if face.yaw_deg > 0 else "right"
    if abs(face.yaw_deg) > HIDDEN_DEG and place.startswith(turned_to):
        return None, f"hidden: the head is turned {abs(face.yaw_deg):.0f}° to its {turned_to}"
    return None


def _hair(hair: Hair, tags: Tags) -> Read:
    """The colour; the style of the bald, and of those whose colour is not given. Hair is worn in
    many ways, and styles are what the tagger reads worst."""
    if hair.style and (hair.style == "bald" or not hair.colour):
        return _label(tags, "hair_style", hair.style)
    return _label(tags, "hair_colour", hair.colour or "")


def _eye(eye: Eye, side: str, tags: Tags) -> Read:
    """The lesser of colour and of being cyber, or not, as the profile has it."""
    colour = _label(tags, f"{side}_eye", eye.colour)
    if colour[0] is None:
        return colour
    return _joined([colour, _flag(tags, "cyber", side, wanted=eye.cyber)], min)


def _mark(mark: Mark, tags: Tags) -> Read:
    """Evidence, not frequency: any one mark is rare in the tagger's world, and a small probability
    may be far above the rate of chance. Even odds beforehand, then Bayes."""
    probability = tags.probability("marks", mark.phrase)
    if probability is None:
        return None, f"{mark.phrase!r} is not a mark that the tagger knows"
    for_it = probability * (1.0 - MARK_RATE)
    against = (1.0 - probability) * MARK_RATE
    return _clear(for_it / (for_it + against), wanted=True)


def _joined(reads: Sequence[Read], merge: Callable[[list[float]], float]) -> Read:
    """Known scores merged; with none known, the first reason."""
    scores = [score for score, _ in reads if score is not None]
    if not scores:
        return reads[0]
    return merge(scores), ", ".join(reason for score, reason in reads if score is not None)


def _label(tags: Tags, head: str, wanted: str) -> Read:
    """Probability of one of several labels that exclude each other, if the part is visible."""
    probability = tags.probability(head, wanted)
    if probability is None:
        return None, f"{wanted!r} is not a word that the tagger knows"
    visible = 1.0 - (tags.probability(head, "") or 0.0)
    if visible < SURE:
        return None, "not visible"
    labels = {label: p / visible for label, p in tags.heads[head].items() if label}
    best = max(labels, key=lambda label: labels[label])
    if labels[best] < SURE:
        return None, f"unsure: {best} at {labels[best]:.2f}"
    return min(labels[wanted], 1.0), f"looks {best}"


def _flag(tags: Tags, head: str, name: str, *, wanted: bool) -> Read:
    """Probability that a thing is there (or, not wanted, that it is not)."""
    probability = tags.probability(head, name)
    if probability is None:
        return None, f"{name!r} is not a word that the tagger knows"
    score, reason = _clear(probability, wanted=wanted)
    return score, f"{head} {reason}"


def _clear(probability: float, *, wanted: bool) -> Read:
    if max(probability, 1.0 - probability) < SURE:
        return None, f"unsure: {probability:.2f}"
    seen = "seen" if probability >= SURE else "not seen"
    return (probability if wanted else 1.0 - probability), seen
