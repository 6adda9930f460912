"""The words every part shares about an actor and a shot.

Captions, prompts, the tagger's labels and the domain's values are spelled with these
words and no others, so that what is asked for, painted and read back can be compared.
"""


def word_set(text: str) -> frozenset[str]:
    """Words of a text, a set: long lists stay readable."""
    return frozenset(text.split())


HAIR_COLOURS: tuple[str, ...] = (
    "black", "brown", "blonde", "red", "white", "grey", "blue", "green", "pink", "purple",
)  # fmt: skip

HAIR_STYLES: tuple[str, ...] = (
    "bald", "buzzed", "short", "bob", "long", "ponytail", "bun", "mohawk", "curly",
)  # fmt: skip

EYE_COLOURS: tuple[str, ...] = ("brown", "blue", "green", "amber", "grey", "violet", "red")
"""Iris colours. Either eye may also be ``cyber``: the same colour, glowing."""

SKIN_TONES: tuple[str, ...] = ("pale", "fair", "tan", "brown", "dark")

MARK_KINDS: tuple[str, ...] = ("scar", "tattoo", "freckles", "burn")
"""Lasting marks of a face. They belong to the actor, not to a scene."""

FACE_PLACES: tuple[str, ...] = ("left cheek", "right cheek", "forehead", "chin", "nose")
"""Left and right are the actor's own: his left is on the picture's right when he faces us."""

INJURY_KINDS: tuple[str, ...] = ("cut", "bruise", "bandage", "blood")
"""Passing marks of a face. They belong to the story and heal."""

OUTFITS: tuple[str, ...] = (
    "cloak", "armour", "suit", "hoodie", "uniform", "shirt", "robe", "jacket",
)  # fmt: skip

OUTFIT_COLOURS: tuple[str, ...] = (
    "dark", "white", "grey", "red", "blue", "green", "yellow", "purple", "orange", "brown",
)  # fmt: skip
"""``dark`` is black cloth, as in "dark cloak"."""

PROPS: tuple[str, ...] = (
    "sword", "staff", "lantern", "umbrella", "book", "cup", "glasses", "headset", "hat", "scarf",
)  # fmt: skip
"""The first six are held; glasses, headset, hat and scarf are worn."""

PLACES: tuple[str, ...] = (
    "studio", "forest", "desert", "castle", "space", "neon city",
    "street", "snow field", "sea", "fire", "market", "cave",
)  # fmt: skip

WEATHERS: tuple[str, ...] = ("clear", "rain", "snow", "fog")

FRAMINGS: tuple[str, ...] = ("close-up", "portrait", "waist-up")

EXPRESSIONS: tuple[str, ...] = ("neutral", "smiling", "angry", "shouting", "sad", "surprised")

HEAD_POSES: tuple[str, ...] = (
    "facing the camera", "looking left", "looking right", "looking up", "looking down",
)  # fmt: skip
"""Left and right are the actor's own, as in `FACE_PLACES`."""

ACTIONS: tuple[str, ...] = ("standing", "fighting", "hiding", "running", "talking")
