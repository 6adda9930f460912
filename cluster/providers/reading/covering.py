"""Clothes that a body part or one word implies: gloved hands, bare feet, hatless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY
from cluster.domain.vocabulary import word_set

from . import words
from .scene import Scene
from .syntax import lemma, modifiers, role

if TYPE_CHECKING:
    from spacy.tokens import Token


COVERED = {
    "gloved": "glove",
    "mittened": "mitten",
    "booted": "boot",
    "hooded": "hood",
    "masked": "mask",
    "helmeted": "helmet",
    "veiled": "veil",
    "cloaked": "cloak",
    "hatted": "hat",
    "shod": "shoe",
    "sleeved": "shirt",
    "stockinged": "stocking",
    "sandalled": "sandal",
    "ringed": "ring",
    "slippered": "slipper",
    "armoured": "armour",
    "armored": "armor",
    "turbaned": "turban",
    "bespectacled": "spectacles",
    "goggled": "goggles",
}
"""Adjectives of body parts -> what is worn there."""
_PARTS_UNDER = {
    "glove": "hand finger fingertip knuckle palm",
    "hat": "head",
    "shoe": "foot toe sole heel",
    "coat": "shoulder arm forearm elbow",
    "shirt": "back chest torso",
    "trousers": "leg knee thigh calf",
    "scarf": "neck throat",
}
BARE_PARTS = {part: worn for worn, parts in _PARTS_UNDER.items() for part in parts.split()}
"""Body parts that are said to be bare -> what is not worn then."""
_WORDS_WITHOUT = {
    "shoe": "barefoot barefooted shoeless",
    "hat": "bareheaded bare-headed hatless",
    "shirt": "shirtless topless bare-chested",
    "glove": "gloveless bare-handed barehanded",
    "coat": "coatless",
    "clothes": "naked nude",
}
WITHOUT = {word: worn for worn, said in _WORDS_WITHOUT.items() for word in word_set(said)}
"""Words that say that something is not worn -> what that is."""


def read_cover(scene: Scene, token: Token) -> None:
    """Clothes that a body part implies: gloved hands, bare feet."""
    base, said = lemma(token), modifiers(token)
    doer = scene.people.doer(role(token).verb)
    for word in said:
        worn = COVERED.get(word.rpartition("-")[2])
        if worn is not None:
            whose = _whose(scene, token, doer)
            scene.add(
                token,
                whose,
                "mention",
                "outfit",
                noun=worn,
                kind="garment",
                definite=True,
                more=["implied"],
            )
    if words.BARE & set(said) and base in BARE_PARTS:
        whose = _whose(scene, token, doer)
        scene.add(token, whose, "lack", "outfit", noun=BARE_PARTS[base], kind="garment", part=base)


def _whose(scene: Scene, token: Token, doer: str | None) -> str:
    return scene.people.owner(token, doer) or doer or scene.people.center or SOMEBODY


def read_without(scene: Scene, token: Token) -> None:
    """One word that says what is not worn: barefoot, hatless."""
    worn = WITHOUT.get(token.lower_)
    if worn is None or _is_of_a_body_part(token):
        return
    scene.add(
        token,
        _described(scene, token.head) or SOMEBODY,
        "lack",
        "outfit",
        noun=worn,
        kind="garment",
    )


def _is_of_a_body_part(token: Token) -> bool:
    """As in "his naked chin" says nothing of clothes."""
    return any(lemma(one) in words.REGION for one in token.doc[token.i + 1 : token.i + 3])


def _described(scene: Scene, head: Token) -> str | None:
    """Whom an adjective describes: its noun, or who does its verb."""
    who = scene.people.who(head) if head.pos_ in {"NOUN", "PROPN", "PRON"} else None
    if who is not None:
        return who
    return scene.people.doer(head) if head.pos_ in {"VERB", "AUX"} else scene.people.center
