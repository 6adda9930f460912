"""What holds at a point of a story, for its whole cast: a fold over typed changes with evidence.

Nothing is carried by a scene: take a scene's changes away and the fold is as if it had not been.
"""

from .fold import after, apply
from .looks import ARTIFICIAL, COLOURS, agree, colours, hair_of
from .setting import place_words
from .values import ActorState, BodyMark, Look, Place, StoryState, Thing, Whereabouts, Wound
from .wounds import REGION, near, same_place

__all__ = [
    "ARTIFICIAL",
    "COLOURS",
    "REGION",
    "ActorState",
    "BodyMark",
    "Look",
    "Place",
    "StoryState",
    "Thing",
    "Whereabouts",
    "Wound",
    "after",
    "agree",
    "apply",
    "colours",
    "hair_of",
    "near",
    "place_words",
    "same_place",
]
