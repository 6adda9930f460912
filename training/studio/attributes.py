"""What of an actor and a shot has one value out of a few: asked of the text encoder in its
pre-training, and of the tagger. Words are those of `cluster.domain.vocabulary`.
"""

from cluster.domain import vocabulary
from training.studio.renderer.actor import Actor
from training.studio.renderer.shot import Shot

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("man", "woman"),
    "skin": vocabulary.SKIN_TONES,
    "hair_colour": vocabulary.HAIR_COLOURS,
    "hair_style": vocabulary.HAIR_STYLES,
    "beard": ("none", "beard"),
    "outfit": vocabulary.OUTFITS,
    "outfit_colour": vocabulary.OUTFIT_COLOURS,
    "place": vocabulary.PLACES,
    "weather": vocabulary.WEATHERS,
    "framing": vocabulary.FRAMINGS,
    "expression": vocabulary.EXPRESSIONS,
    "head_pose": vocabulary.HEAD_POSES,
    "action": vocabulary.ACTIONS,
    "left_eye": vocabulary.EYE_COLOURS,
    "right_eye": vocabulary.EYE_COLOURS,
}
"""By name, the values that exclude each other; the order is that of the tagger's heads."""


def attributes_of(actor: Actor, shot: Shot) -> dict[str, str]:
    """The value of each of `ATTRIBUTES`, in their order."""
    return {
        "gender": actor.person,
        "skin": actor.skin,
        "hair_colour": actor.hair_colour,
        "hair_style": actor.hair_style,
        "beard": "beard" if actor.beard else "none",
        "outfit": shot.outfit,
        "outfit_colour": shot.outfit_colour,
        "place": shot.place,
        "weather": shot.weather,
        "framing": shot.framing,
        "expression": shot.expression,
        "head_pose": shot.head_pose,
        "action": shot.action,
        "left_eye": actor.left_eye,
        "right_eye": actor.right_eye,
    }
