"""Hair, eyes, beards, marks and age in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY, Modality, Op, Slot
from cluster.domain.vocabulary import word_set

from . import words
from .frames import RESTYLING
from .injuries import part_of
from .modality import modality
from .scene import Scene
from .syntax import (
    NOMINAL,
    VERBAL,
    NounRole,
    around,
    is_definite,
    is_introduced,
    lemma,
    modifiers,
    possessor,
    prepositions,
    role,
    side,
    window,
)
from .times import AGES, number

if TYPE_CHECKING:
    from spacy.tokens import Token


TELLING = word_set(
    "brush comb toss shake twirl braid stroke fluff flick wring tuck pin pile tie untie gather "
    "smooth rake run push plait loosen scratch rub tug whip sweep throw fling coil twist catch"
)
"""What people do to their own hair."""
RESTYLED_FORMS = {
    form: base
    for base in RESTYLING
    for form in (base, f"{base}s", f"{base}ed", f"{base}d", f"{base}ing")
}
"""Written forms of the verbs that change hair -> the verb."""
DYES = word_set("dye dyes dyed bleaches bleached bleach peroxide colours tints")
SIGNS_OF_A_HAIRCUT = word_set(
    "now later dye bleach peroxide shears scissors clippers razor barber hairdresser wig"
)
ALWAYS_HAIR = word_set("hair ponytail braid dreadlock mohawk plait ringlet pigtail")
"""Nouns that are hair, whatever is said of them."""
HAIR_IF_OWNED = word_set("curl bun fringe mane lock tress")
SAID_OF_HAIR = words.COLOURS | set(words.LENGTH) | set(words.TEXTURE)
COPULAS = word_set("be look turn go seem remain hang fall grow gleam shine")
PREDICATES = frozenset({"acomp", "attr", "oprd", "advmod"})
ARTIFICIAL = word_set("cyber cybernetic robotic mechanical artificial glass prosthetic bionic")
NATURAL = frozenset({"natural", "human", "ordinary"})
SHOWING = word_set("have show reveal bear touch trace rub scratch bare wear finger")
"""What people do to a mark of their own."""
MARKING = word_set("leave remain keep get become give")
"""What a wound does that becomes a mark."""
LASTING = word_set("remained left kept only")
UNMARKED = frozenset({"unscarred", "unmarked", "unblemished"})
HEADS = word_set("head scalp pate skull")
SHAVED_PARTS = word_set("chin jaw face cheek")
HAIR_BY_NAME = {"blonde": "blond", "blond": "blond", "redhead": "red", "brunette": "brown"}
"""Nouns for a person by the hair -> its colour."""
HAIR_FORMS = {
    form: base for base in words.HAIR | words.BEARD | words.MARKS for form in (base, f"{base}s")
} | {"bunches": "bunch", "eyes": "eye", "eye": "eye"}
"""Written forms -> nouns of looks: the parser is poor at them, so its word class is not asked."""


def base_of(token: Token) -> str:
    """The dictionary form of a noun of looks."""
    return HAIR_FORMS.get(token.lower_, lemma(token))


def adjectives_of(token: Token) -> tuple[str, ...]:
    """Adjectives of a look: by the parse, and by what stands right before it."""
    near = [one.lower_ for one in window(token) if one != token and one.text != "-"]
    written = token.doc[max(token.sent.start, token.i - 6) : token.i].text.lower()
    hyphenated = re.findall(r"\w+(?:-\w+)+(?=\s|$)", written)
    return tuple(dict.fromkeys((*modifiers(token), *near, *hyphenated)))


def is_hair(token: Token) -> bool:
    """Whether a noun that can be hair ("lock", "bob") is hair here."""
    base = base_of(token)
    if base in ALWAYS_HAIR:
        return True
    if base not in words.HAIR:
        return False
    is_owned = base in HAIR_IF_OWNED and possessor(token) is not None
    return is_owned or not SAID_OF_HAIR.isdisjoint(adjectives_of(token))


def read_hair(scene: Scene, token: Token) -> None:
    """Hair or a beard: how it is, or what is done to it."""
    place = role(token)
    owner = _whose_hair(scene, token, place)
    if owner is None:
        return
    op, more = _hair_told(token, place)
    base = base_of(token)
    if base in words.STYLE_NOUN and _verb(place) not in RESTYLING:
        more.append(base)
    scene.add(
        token,
        owner,
        op,
        "hair",
        bare=op == "change_look",
        noun="beard" if base in words.BEARD else "hair",
        kind="look",
        more=more,
        means=presupposed(token),
    )


def _verb(place: NounRole) -> str:
    return lemma(place.verb) if place.verb is not None else ""


def _whose_hair(scene: Scene, token: Token, place: NounRole) -> str | None:
    doer = scene.people.doer(place.verb)
    definite = is_definite(token)
    is_the_doers_now = definite and place.name in {"prep", "object"}
    return (
        _said_owner(scene, token, place, doer)
        or (doer if _is_handled_by_its_owner(token, place) else None)
        or (_owner_of_body(scene, _preps(place.verb)) if place.name == "subject" else None)
        or (_styled(scene, doer) if _verb(place) in RESTYLING else None)
        or (doer if is_the_doers_now else None)
        or (_owner_of_body(scene, around(place.verb, token)) if definite else None)
    )


def _said_owner(scene: Scene, token: Token, place: NounRole, doer: str | None) -> str | None:
    """Whose it is said to be: "her hair", "a woman with red hair"."""
    owner = scene.people.owner(token, doer)
    if owner not in {None, "thing"}:
        return owner
    is_bearers = place.prep in {"with", "of"} and place.noun is not None
    return scene.people.who(place.noun) if is_bearers else None


def _is_handled_by_its_owner(token: Token, place: NounRole) -> bool:
    verb = _verb(place)
    return place.name == "object" and (
        verb in {"have", "wear"} or (verb in TELLING and is_definite(token))
    )


def _owner_of_body(scene: Scene, near: list[tuple[str, Token]]) -> str | None:
    """Whose a body part is that hair is said to be on: "curls tumble over her shoulders"."""
    parts = (below for _, below in near if lemma(below) in words.REGION)
    return next((who for part in parts if (who := scene.people.owner(part, None))), None)


def _styled(scene: Scene, doer: str | None) -> str | None:
    return doer if scene.people.is_cast(doer) else scene.people.center


def _hair_told(token: Token, place: NounRole) -> tuple[Op, list[str]]:
    """What is told of hair: how it is, or that it is changed, and the words that say so."""
    verb = _verb(place)
    more = [*adjectives_of(token), *_predicates(place)]
    is_styled = verb in RESTYLING and place.name in {"object", "subject"}
    if is_styled or (verb in {"turn", "go"} and more):
        return "change_look", [verb, *_results(place.verb, token)]
    if verb in {"have", "wear"} and is_introduced(token) and _is_after_a_haircut(token):
        return "change_look", more
    restyled = _restyled(token)
    if restyled and base_of(token) not in words.BEARD:
        return "change_look", restyled
    return "be", more


def presupposed(token: Token) -> Modality | None:
    """ "her curls nearly catch fire": what is hers is there, whatever is denied of it."""
    meant = modality(token)
    owned = possessor(token) is not None
    denied = any(child.lower_ in {"no", "not", "without"} for child in token.children)
    return "real" if owned and not denied and meant in {"negated", "supposed"} else meant


def _restyled(token: Token) -> list[str]:
    """What is done to hair by a verb right before it, or by a dye in the same sentence."""
    first = list(window(token))[-1]
    before = token.doc[max(token.sent.start, first.i - 4) : first.i]
    told = [RESTYLED_FORMS[one.lower_] for one in before if one.lower_ in RESTYLED_FORMS]
    if not DYES.isdisjoint(one.lower_ for one in token.sent):
        after = [one.lower_ for one in token.sent if one.i > token.i]
        told += ["dye", *(one for one in after if one in words.COLOURS)]
    return told


def _preps(verb: Token | None) -> list[tuple[str, Token]]:
    return list(prepositions(verb)) if verb is not None else []


def _is_after_a_haircut(token: Token) -> bool:
    """A haircut is told nearby: shears, dye, "an hour later", "now"."""
    return not SIGNS_OF_A_HAIRCUT.isdisjoint(one.lower_ for one in token.doc)


def _results(verb: Token | None, hair: Token) -> list[str]:
    """ "dyes it green", "crops it to a thumbnail", "cut short"."""
    after = [one.lower_ for one in verb.subtree if one.i > hair.i] if verb is not None else []
    return [one for one in after if one in SAID_OF_HAIR]


def _predicates(place: NounRole) -> list[str]:
    """What a look is said to be: "her hair is wet and dark"."""
    if place.verb is None or place.name != "subject" or lemma(place.verb) not in COPULAS:
        return []
    told = (child for child in place.verb.children if child.dep_ in PREDICATES)
    return [one.lower_ for child in told for one in child.subtree]


def read_haired(scene: Scene, token: Token) -> None:
    """`red-haired`, `blue-eyed`, `bald`, `clean-shaven`."""
    written, head = token.lower_, token.head
    if match := re.fullmatch(r"(\w+(?:-\w+)?)-(haired|eyed|bearded)", written):
        who = scene.people.who(head) or _said_of_the_doer(scene, token)
        _add_look(scene, token, who, match[1], eyes=match[2] == "eyed")
    elif _is_bald(token):
        _add_look(scene, token, _whose_head(scene, token, HEADS), "bald")
    elif written in {"clean-shaven", "beardless", "smooth-shaven"}:
        if who := _whose_head(scene, token, SHAVED_PARTS):
            scene.add(token, who, "lack", "hair", noun="beard", kind="look")
    elif written in HAIR_BY_NAME and token.dep_ in {"attr", "appos"}:
        is_told = token.dep_ == "attr"
        who = _said_of_the_doer(scene, token) if is_told else scene.people.who(head)
        _add_look(scene, token, who, HAIR_BY_NAME[written])


def _is_bald(token: Token) -> bool:
    written = token.lower_
    is_headless = written in {"bald", "shaven-headed", "shaved-headed"}
    return is_headless or (written in {"shaved", "shaven"} and lemma(token.head) in HEADS)


def _add_look(
    scene: Scene, token: Token, who: str | None, word: str, *, eyes: bool = False
) -> None:
    if not who:
        return
    slot: Slot = "eyes" if eyes else "hair"
    scene.add(token, who, "be", slot, noun="eye" if eyes else "hair", kind="look", more=[word])


def _whose_head(scene: Scene, token: Token, parts: frozenset[str]) -> str | None:
    """Of whom a word for a shaved head or chin is said: of the part, or of the person."""
    people, head, who = scene.people, token.head, None
    if lemma(head) in parts:
        who = people.owner(head, people.doer(role(head).verb))
    return who or people.who(head) or _said_of_the_doer(scene, token)


def _said_of_the_doer(scene: Scene, token: Token) -> str | None:
    is_predicate = token.dep_ in {"acomp", "attr", "oprd", "advcl"}
    return scene.people.doer(token.head) if is_predicate and token.head.pos_ in VERBAL else None


def read_eye(scene: Scene, token: Token) -> None:
    """The colour of eyes, and whether they are made."""
    place = role(token)
    doer = scene.people.doer(place.verb)
    owner = scene.people.owner(token, doer)
    if owner in {None, "thing"} and place.prep == "with":
        owner = scene.people.who(place.noun) if place.noun is not None else doer
    said = set(adjectives_of(token))
    told = [*_colours_of_eyes(token, place), *sorted(said & (ARTIFICIAL | NATURAL))]
    if told and owner is not None and owner != "thing":
        means = presupposed(token)
        scene.add(token, owner, "be", "eyes", noun="eye", kind="look", more=told, means=means)


def _colours_of_eyes(token: Token, place: NounRole) -> list[str]:
    """Colours before the noun, in its predicate, and elsewhere where the parser hung them on it."""
    colours = [one for one in adjectives_of(token) if set(one.split("-")) & words.COLOURS]
    colours += [one for one in _predicates(place) if one in words.COLOURS]
    hung = [
        one.lower_
        for one in token.sent
        if one.dep_ in {"amod", "acomp", "appos", "attr", "conj"}
        and token in {one.head, one.head.head}
        and one.lower_ in words.COLOURS
    ]
    return [*colours, *(one for one in hung if one not in colours)]


def read_mark(scene: Scene, token: Token) -> None:
    """A scar, a tattoo or another lasting mark: that it is there, or has come about."""
    place, part = role(token), part_of(token)
    owner = _whose_mark(scene, token, place, part)
    if owner is None:
        return
    scene.add(
        token,
        owner,
        "change_look" if _has_come_about(token, place) else "be",
        "marks",
        noun=base_of(token),
        kind="mark",
        part=lemma(part) if part is not None else None,
        which=side(part) if part is not None else None,
    )


def _whose_mark(scene: Scene, token: Token, place: NounRole, part: Token | None) -> str | None:
    people = scene.people
    doer = people.doer(place.verb)
    owner = people.owner(part, doer) if part is not None else None
    owner = owner or people.owner(token, doer)
    if owner in {None, "thing"} and place.prep == "with" and place.noun is not None:
        owner = people.who(place.noun)
    if owner is not None and owner != "thing":
        return owner
    shows = _verb(place) in SHOWING or people.is_cast(doer)
    if doer is not None and place.name == "object" and shows:
        return doer
    return people.center if part is not None and not people.owner(part, doer) else None


def _has_come_about(token: Token, place: NounRole) -> bool:
    """A wound has left a mark: "only a scar remained"."""
    if _verb(place) in MARKING:
        return True
    if place.verb is None or not is_introduced(token):
        return False
    return not LASTING.isdisjoint(one.lower_ for one in place.verb.subtree)


def read_inked(scene: Scene, token: Token) -> None:
    """`tattooed`, `inked`, `unscarred`: a mark that a participle tells of."""
    part = token.head if lemma(token.head) in words.REGION else part_of(token)
    if token.lower_ in UNMARKED:
        part = part if part is not None else _body_subject(token)
        if part is not None:
            who = scene.people.owner(part, None) or scene.people.center or SOMEBODY
            _add_mark(scene, token, who, "lack", "mark", part)
        return
    people, head = scene.people, token.head
    doer = people.doer(token if token.pos_ == "VERB" else role(token).verb)
    owner = people.owner(part, None) if part is not None else None
    is_of_a_person = head.pos_ in {*NOMINAL, "PRON"}
    owner = owner or (people.who(head) if is_of_a_person else None) or doer
    if owner is not None and part is not None:
        _add_mark(scene, token, owner, "be", words.MARK_OF[token.lower_], part)


def _body_subject(token: Token) -> Token | None:
    """The body part that a predicate is said of: "her face is unscarred"."""
    kids = token.head.children if token.head.pos_ in VERBAL else ()
    said_of_ = next((one for one in kids if one.dep_ == "nsubj"), None)
    return said_of_ if said_of_ is not None and lemma(said_of_) in words.REGION else None


def _add_mark(scene: Scene, token: Token, who: str, op: Op, noun: str, part: Token) -> None:
    scene.add(token, who, op, "marks", noun=noun, kind="mark", part=lemma(part), which=side(part))


def read_age(scene: Scene, sentence: list[Token]) -> None:
    """An age that a sentence gives to whom it is about."""
    if not sentence:
        return
    span = sentence[0].doc[sentence[0].i : sentence[-1].i + 1]
    for match in AGES.finditer(span.text):
        years = number(next(one for one in match.groups() if one))
        if years is None or years < 5:
            continue
        at = span.char_span(match.start(), match.end(), alignment_mode="expand")
        token = at[0] if at is not None else sentence[0]
        if who := _aged(scene, token, sentence):
            _add_age(scene, token, who, years)


def _add_age(scene: Scene, token: Token, who: str, years: int) -> None:
    # "not yet forty": whoever denies an age or supposes it tells it all the same.
    means: Modality | None = "real" if modality(token) in {"negated", "supposed"} else None
    scene.add(token, who, "be", "age", noun=str(years), kind="age", definite=True, means=means)


def _aged(scene: Scene, token: Token, sentence: list[Token]) -> str | None:
    """Of whom an age is told: the clause's subject, or somebody of the cast close by."""
    people = scene.people
    near = [one for one in sentence if abs(one.i - token.i) <= 6]
    owners = [people.who(child) for child in near if child.dep_ == "poss"]
    if doer := people.doer(role(token).verb):
        return doer
    named = [people.who(one) for one in near if one.pos_ in {*NOMINAL, "PRON"}]
    return next((one for one in [*owners, *named] if people.is_cast(one)), None)
