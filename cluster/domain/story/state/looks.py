"""Looks: the words of colours and hair, and what an actor looks like after a change."""

from collections.abc import Iterable

from cluster.domain.story.reading import Change
from cluster.domain.vocabulary import word_set

from .values import ActorState, BodyMark, Look

SHADES: dict[str, str] = {
    shade: colour
    for colour, shades in {
        "black": "raven jet ink coal",
        "blond": "blonde golden flaxen sandy platinum fair pale honey dirty",
        "blue": "navy sapphire teal ice indigo",
        "brown": "chestnut mousy hazel brunette",
        "green": "emerald olive",
        "grey": "gray silver steel charcoal salt",
        "purple": "violet lavender lilac",
        "red": "ginger copper auburn strawberry rust crimson scarlet burgundy maroon reddish "
        "redhead",
        "white": "snow silver-white cream ivory",
        "yellow": "mustard saffron",
    }.items()
    for shade in shades.split()
}
"""Shade -> the colour that a speaker may call it."""
COLOURS = frozenset(SHADES) | word_set(
    "black white red blue green yellow orange purple pink brown grey blond gold silver amber "
    "turquoise beige tan khaki bronze dark"
)
TWINS = tuple(
    word_set(pair)
    for pair in (
        "red brown",
        "blond white",
        "amber brown",
        "grey white",
        "grey blue",
        "gold yellow",
        "gold blond",
        "tan brown",
        "tan beige",
        "black dark",
        "silver grey",
        "yellow blond",
        "amber gold",
        "purple blue",
    )
)
"""Colours that one thing may be called by."""


def _by_word(lengths: dict[str, str]) -> dict[str, str]:
    return {word: length for length, words in lengths.items() for word in words.split()}


LENGTH_ADJECTIVES = _by_word(
    {
        "long": "long waist-length flowing",
        "medium": "shoulder-length",
        "short": "chin-length short cropped buzzed close-cropped clipped shorn",
        "bald": "shaved shaven bald",
    }
)
HAIRDOS = _by_word(
    {
        "long": "braid plait ponytail mane tress pigtail topknot bun dreadlock chignon",
        "short": "crop bob pixie",
        "mohawk": "mohawk",
    }
)
LENGTHS = {
    **LENGTH_ADJECTIVES,
    **HAIRDOS,
    **_by_word(
        {
            "long": "braids dreadlocks hip-length",
            "short": "shear lop hack snip clip trim cut chop buzz",
            "bald": "shave",
        }
    ),
}
"""Word for hair, or for what is done to it -> how long it is then."""
TEXTURE_ADJECTIVES = {
    "curly": "curly",
    "straight": "straight",
    "wavy": "wavy",
    "frizzy": "curly",
}
TEXTURES = {
    **TEXTURE_ADJECTIVES,
    "curl": "curly",
    "curls": "curly",
    "ringlet": "curly",
    "dreadlock": "dreadlocks",
    "dreadlocks": "dreadlocks",
}
ARTIFICIAL = word_set("cyber cybernetic robotic mechanical artificial glass prosthetic bionic")
"""Words for an eye that is not of flesh."""


def colours(words: Iterable[str]) -> set[str]:
    """The basic colours that words name: `ice-blue` is blue, `auburn` red."""
    found = set()
    for word in words:
        parts = [part for part in word.lower().split("-") if part in COLOURS]
        if parts:
            found.add(SHADES.get(parts[-1], parts[-1]))
    return found


def agree(some: set[str], others: set[str]) -> bool:
    """Whether two sets of colours may be one thing's."""
    if not some or not others or some & others:
        return True
    return any({a, b} in TWINS for a in some for b in others)


def hair_of(words: Iterable[str]) -> dict[str, str]:
    """Field -> value of what words say of hair."""
    said = list(words)
    found = {}
    if shade := colours(said):
        found["hair colour"] = min(shade)
    if length := [LENGTHS[one] for one in said if one in LENGTHS]:
        found["hair length"] = length[0]
    if texture := [TEXTURES[one] for one in said if one in TEXTURES]:
        found["hair texture"] = texture[0]
    return found


def with_look(actor: ActorState, change: Change, scene: int) -> ActorState:
    """The actor after a change of hair or beard: what only is so adds to what is known."""
    if change.op not in {"change_look", "be"}:
        return actor
    if change.noun == "beard":
        shaved = change.op == "change_look" and not {"shave", "cut"}.isdisjoint(change.words)
        return _with_looks(actor, {"beard": "none" if shaved else "yes"}, change, scene)
    said = hair_of(change.words)
    if change.op == "be":
        said = {field: value for field, value in said.items() if actor.look(field) is None}
    return _with_looks(actor, said, change, scene) if said else actor


def _with_looks(actor: ActorState, said: dict[str, str], change: Change, scene: int) -> ActorState:
    kept = tuple(one for one in actor.looks if one.field not in said)
    new = tuple(
        Look(field=field, value=value, since=scene, quote=change.evidence.quote)
        for field, value in said.items()
    )
    return actor.model_copy(update={"looks": (*kept, *new)})


def with_mark(actor: ActorState, change: Change, scene: int) -> ActorState:
    """The actor with a mark that a change leaves."""
    if change.op != "change_look":
        return actor
    mark = BodyMark(
        noun=change.noun,
        part=change.part,
        side=change.side,
        since=scene,
        quote=change.evidence.quote,
    )
    return actor.model_copy(update={"marks": (*actor.marks, mark)})
