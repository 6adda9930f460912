"""Hair, eyes, beards, marks and age in a sentence."""

import re

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Modality, Op

from . import words
from .frames import RESTYLING
from .scene import Scene
from .syntax import (
    around,
    is_introduced,
    lemma,
    modality,
    modifiers,
    possessor,
    prepositions,
    role,
    side,
    window,
)
from .times import NUMBER, ORDINAL, number

TELLING = frozenset(
    "brush comb toss shake twirl braid stroke fluff flick wring tuck pin pile tie untie gather smooth "
    "rake run push plait loosen scratch rub tug whip sweep throw fling coil twist catch".split()
)


ARTIFICIAL = frozenset("cyber cybernetic robotic mechanical artificial glass prosthetic bionic".split())
NATURAL = frozenset({"natural", "human", "ordinary"})


HAIR_FORMS = {
    form: base for base in words.HAIR | words.BEARD for form in (base, f"{base}s")
} | {"bunches": "bunch", "eyes": "eye", "eye": "eye"} | {
    form: base for base in words.MARKS for form in (base, f"{base}s")
}  # fmt: skip
"""Written forms -> nouns of looks: the parser is poor at them, so that its word class is not asked."""


def base_of(token: Token) -> str:
    return HAIR_FORMS.get(token.lower_, lemma(token))


def said_of(token: Token) -> tuple[str, ...]:
    """Adjectives of a look: by the parse, and by what stands right before it."""
    near = [one.lower_ for one in window(token) if one != token and one.text != "-"]
    written = token.doc[max(token.sent.start, token.i - 6) : token.i].text.lower()
    hyphenated = re.findall(r"\w+(?:-\w+)+(?=\s|$)", written)
    return tuple(dict.fromkeys((*modifiers(token), *near, *hyphenated)))


def is_hair(token: Token) -> bool:
    base = base_of(token)
    if base in {"hair", "ponytail", "braid", "dreadlock", "mohawk", "plait", "ringlet", "pigtail"}:
        return True
    if base in words.HAIR:
        said = set(said_of(token))
        owned = possessor(token) is not None
        return bool(said & (words.COLOURS | set(words.LENGTH) | set(words.TEXTURE))) and (
            owned or base not in {"mane", "strand", "lock", "bang", "fringe", "crop"} or True
        ) or (owned and base in {"curl", "bun", "fringe", "mane", "lock", "tress"})
    return False


def read_hair(scene: Scene, token: Token) -> None:
    place = role(token)
    verb_token = place.verb
    verb = lemma(verb_token) if verb_token is not None else ""
    doer = scene.people.doer(verb_token)
    owner = scene.people.owner(token, doer)
    more = [*said_of(token), *_predicates(token, verb_token, place.name)]
    if owner in {None, "thing"}:
        owner = _bearer(scene, token, place.prep, place.noun, doer)
    if owner is None and place.name == "object" and (
        verb in TELLING and scene.noun(token).definite or verb in {"have", "wear"}
    ):
        owner = doer
    if owner is None and place.name == "subject":
        body = (below for _, below in _preps(verb_token) if lemma(below) in words.REGION)
        owner = next((who for below in body if (who := scene.people.owner(below, None))), None)
    if owner is None and verb in RESTYLING | {"cut", "shave", "dye"}:
        owner = doer if scene.people.is_cast(doer) else scene.people.center
    if owner is None and scene.noun(token).definite and place.name in {"subject", "prep", "object"}:
        owner = doer if place.name != "subject" and doer else None
        if owner is None and any(p in {"around", "over", "about", "down"} for p, _ in _preps(verb_token)):
            owner = None
    if owner is None and scene.noun(token).definite:
        near = (below for _, below in around(verb_token, token) if lemma(below) in words.REGION)
        owner = next((who for below in near if (who := scene.people.owner(below, None))), None)
    if owner is None:
        return
    op: Op = "be"
    if verb in RESTYLING and place.name in {"object", "subject"} or verb in {"turn", "go"} and more:
        op = "change_look"
        more = [verb, *_results(verb_token, token)]
    elif verb in {"have", "wear"} and is_introduced(token) and _after_a_change(token):
        op = "change_look"
    elif (told := _restyled(token)) and base_of(token) not in words.BEARD:
        op = "change_look"
        more = told
    base = base_of(token)
    if base in words.STYLE_NOUN and verb not in RESTYLING:
        more.append(base)
    scene.add(token, owner, op, "hair", bare=op == "change_look", noun="beard" if base in words.BEARD else "hair", kind="look", more=more,
              means=presupposed(token))  # fmt: skip


def presupposed(token: Token) -> Modality | None:
    """"her curls nearly catch fire": what is hers is there, whatever is denied of it."""
    meant = modality(token)
    owned = possessor(token) is not None
    denied = any(child.lower_ in {"no", "not", "without"} for child in token.children)
    return "real" if owned and not denied and meant in {"negated", "supposed"} else meant


FORMS = {form: base for base in RESTYLING for form in (base, f"{base}s", f"{base}ed", f"{base}d", f"{base}ing")}
DYES = frozenset({"dye", "dyes", "dyed", "bleaches", "bleached", "bleach", "peroxide", "colours", "tints"})


def _restyled(token: Token) -> list[str]:
    """What is done to hair by a verb right before it, or by a dye in the same sentence."""
    first = list(window(token))[-1]
    told = []
    for one in token.doc[max(token.sent.start, first.i - 4) : first.i]:
        if one.lower_ in FORMS:
            told.append(FORMS[one.lower_])
    said = {one.lower_ for one in token.sent}
    if said & DYES:
        told += ["dye", *(one.lower_ for one in token.sent if one.i > token.i and one.lower_ in words.COLOURS)]
    return told


def _preps(verb: Token | None) -> list[tuple[str, Token]]:
    return list(prepositions(verb)) if verb is not None else []


def _after_a_change(token: Token) -> bool:
    """A haircut is told nearby: shears, dye, "an hour later", "now"."""
    said = {one.lower_ for one in token.doc}
    return bool(said & {"now", "later", "dye", "bleach", "peroxide", "shears", "scissors", "clippers",
                        "razor", "barber", "hairdresser", "wig"})  # fmt: skip


def _results(verb: Token | None, hair: Token) -> list[str]:
    """"dyes it green", "crops it to a thumbnail", "cut short"."""
    if verb is None:
        return []
    return [
        one.lower_ for one in verb.subtree
        if one.i > hair.i and one.lower_ in words.COLOURS or one.i > hair.i and (one.lower_ in words.LENGTH or one.lower_ in words.TEXTURE)
    ]  # fmt: skip


def _predicates(token: Token, verb: Token | None, name: str) -> list[str]:
    if verb is None or name != "subject" or lemma(verb) not in {"be", "look", "turn", "go", "seem", "remain", "hang", "fall", "grow", "gleam", "shine"}:
        return []
    found = []
    for child in verb.children:
        if child.dep_ in {"acomp", "attr", "oprd", "advmod"}:
            found += [one.lower_ for one in child.subtree]
    return found


def _bearer(scene: Scene, token: Token, prep: str, noun: Token | None, doer: str | None) -> str | None:
    """Whose: "a woman with red hair", "Kairo, with his red hair"."""
    if prep in {"with", "of"} and noun is not None:
        return scene.people.who(noun)
    return None


def read_haired(scene: Scene, token: Token) -> None:
    """`red-haired`, `blue-eyed`, `bald`, `clean-shaven`."""
    written = token.lower_
    match = re.fullmatch(r"(\w+(?:-\w+)?)-(haired|eyed|bearded)", written)
    head = token.head
    if match:
        who = scene.people.who(head) or _doer_of(scene, token)
        if who:
            slot = "eyes" if match[2] == "eyed" else "hair"
            scene.add(token, who, "be", slot, noun=slot.rstrip("s") if slot == "eyes" else "hair",
                      kind="look", more=[match[1]])  # type: ignore[arg-type]  # fmt: skip
    elif written in {"bald", "shaven-headed", "shaved-headed"} or (
        written in {"shaved", "shaven", "bald"} and lemma(head) in {"head", "scalp", "pate", "skull"}
    ):
        target = head if lemma(head) in {"head", "scalp", "pate", "skull"} else None
        who = scene.people.owner(target, scene.people.doer(role(target).verb)) if target is not None else None
        who = who or scene.people.who(head) or _doer_of(scene, token)
        if who:
            scene.add(token, who, "be", "hair", noun="hair", kind="look", more=["bald"])
    elif written in {"clean-shaven", "beardless", "smooth-shaven"}:
        target = head if lemma(head) in {"chin", "jaw", "face", "cheek"} else None
        who = scene.people.owner(target, scene.people.doer(role(target).verb)) if target is not None else None
        who = who or scene.people.who(head) or _doer_of(scene, token)
        if who:
            scene.add(token, who, "lack", "hair", noun="beard", kind="look")
    elif written in {"blonde", "blond", "redhead", "brunette"} and token.dep_ in {"attr", "appos"}:
        who = _doer_of(scene, token) if token.dep_ == "attr" else scene.people.who(head)
        colour = {"redhead": "red", "brunette": "brown"}.get(written, "blond")
        if who:
            scene.add(token, who, "be", "hair", noun="hair", kind="look", more=[colour])


def _doer_of(scene: Scene, token: Token) -> str | None:
    verb = token.head if token.head.pos_ in {"VERB", "AUX"} else None
    return scene.people.doer(verb) if verb is not None and token.dep_ in {"acomp", "attr", "oprd", "advcl"} else None


def read_eye(scene: Scene, token: Token) -> None:
    place = role(token)
    doer = scene.people.doer(place.verb)
    owner = scene.people.owner(token, doer)
    colours = [one for one in said_of(token) if set(one.split("-")) & words.COLOURS]
    colours += [one for one in _predicates(token, place.verb, place.name) if one in words.COLOURS]
    colours += [
        one.lower_ for one in token.sent
        if one.lower_ in words.COLOURS and one.dep_ in {"amod", "acomp", "appos", "attr", "conj"}
        and (one.head == token or one.head.head == token) and one.lower_ not in colours
    ]  # fmt: skip
    if owner in {None, "thing"} and place.prep == "with" and place.noun is not None:
        owner = scene.people.who(place.noun)
    if owner in {None, "thing"} and place.prep == "with" and place.noun is None:
        owner = doer
    made = sorted(set(said_of(token)) & (ARTIFICIAL | NATURAL))
    if not colours and not made or owner in {None, "thing"}:
        return
    colours += made
    scene.add(token, owner or SOMEBODY, "be", "eyes", noun="eye", kind="look", more=colours,
              means=presupposed(token))  # fmt: skip


def read_mark(scene: Scene, token: Token) -> None:
    from .injuries import part_of

    place = role(token)
    doer = scene.people.doer(place.verb)
    part = part_of(scene, token)
    verb = lemma(place.verb) if place.verb is not None else ""
    people = scene.people
    owner = people.owner(part, doer) if part is not None else None
    owner = owner or people.owner(token, doer)
    if owner in {None, "thing"} and place.prep == "with" and place.noun is not None:
        owner = people.who(place.noun)
    if owner in {None, "thing"} and place.name == "object" and verb in {
        "have", "show", "reveal", "bear", "touch", "trace", "rub", "scratch", "bare", "wear", "finger"}:
        owner = doer
    if owner in {None, "thing"} and part is None and place.name == "subject":
        owner = None
    if owner in {None, "thing"}:
        owner = doer if people.is_cast(doer) and place.name == "object" else None
    if owner is None and part is not None and not people.owner(part, doer):
        owner = people.center
    if owner is None:
        return
    introduces = verb in {"leave", "remain", "keep", "get", "become", "give"} or (
        place.verb is not None and any(one.lower_ in {"remained", "left", "kept", "only"} for one in place.verb.subtree)
        and is_introduced(token))
    scene.add(
        token, owner, "change_look" if introduces else "be", "marks", noun=base_of(token), kind="mark",
        part=lemma(part) if part is not None else None,
        which=side(part) if part is not None else None,
    )  # fmt: skip


def read_inked(scene: Scene, token: Token) -> None:
    """`tattooed`, `inked`, `unscarred`: a mark that a participle tells of."""
    from .injuries import part_of

    written = token.lower_
    part: Token | None = token.head if lemma(token.head) in words.REGION else part_of(scene, token)
    if written in {"unscarred", "unmarked", "unblemished", "flawless"}:
        if part is None:
            verb = token.head if token.head.pos_ in {"VERB", "AUX"} else None
            subject_ = next((one for one in (verb.children if verb is not None else ()) if one.dep_ == "nsubj"), None)
            part = subject_ if subject_ is not None and lemma(subject_) in words.REGION else None
        if part is None:
            return
        who = scene.people.owner(part, None) or scene.people.center or SOMEBODY
        scene.add(token, who, "lack", "marks", noun="mark", kind="mark", part=lemma(part), which=side(part))
        return
    doer = scene.people.doer(token if token.pos_ == "VERB" else role(token).verb)
    who = scene.people.owner(part, None) if part is not None else None
    who = who or (scene.people.who(token.head) if token.head.pos_ in {"NOUN", "PROPN", "PRON"} else None) or doer
    if who is None or part is None:
        return
    scene.add(token, who, "be", "marks", noun=words.MARK_OF[written], kind="mark",
              part=lemma(part), which=side(part))  # fmt: skip


# Age.

_GIVEN_AS = "barely|just|nearly|almost|already|not yet|all of|only"
AGES = re.compile(
    rf"\b(?:at (?P<at>{NUMBER})(?=[,.;]| (?:she|he|they|years|and|already|mary|robert|anna|david"
    rf"|susan|thomas|alex))"
    rf"|(?P<old>{NUMBER})[ -]years?[ -]old"
    rf"|aged? (?P<aged>{NUMBER})\b"
    rf"|turn(?:s|ed|ing)? (?P<turn>{NUMBER})\b"
    rf"|(?P<birthday>{ORDINAL}) birthday"
    rf"|(?P<winters>{NUMBER}) (?:winters|summers|springs|autumns)\b"
    rf"|(?:is|was|'s) (?P<is>{NUMBER})(?=[,.;]|$| (?:and|now|today|last|next|this|years old))"
    rf"|, (?:(?:{_GIVEN_AS}) )?(?P<comma>{NUMBER})(?=,| last| next|$)"
    rf"|(?:man|woman|boy|girl|lady|person) of (?P<of>{NUMBER})\b"
    rf"|in (?:her|his|their) (?P<decade>\w+ties|teens)\b"
    rf"|(?:a|the) (?P<year>{NUMBER})-year-old)",
    re.IGNORECASE,
)
"""How an age is told; the group that matched is the number."""


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
        who = _aged(scene, token, sentence)
        if who:
            scene.add(token, who, "be", "age", noun=str(years), kind="age", definite=True,
                      means="real" if modality(token) in {"negated", "supposed"} else None)  # fmt: skip


def _aged(scene: Scene, token: Token, sentence: list[Token]) -> str | None:
    people = scene.people
    near = [one for one in sentence if abs(one.i - token.i) <= 6]
    owners = [people.who(child) for child in near if child.dep_ == "poss"]
    verb = role(token).verb
    subject_ = people.doer(verb) if verb is not None else None
    if subject_:
        return subject_
    named = [people.who(one) for one in near if one.pos_ in {"PROPN", "PRON", "NOUN"}]
    cast = [one for one in [*owners, *named] if people.is_cast(one)]
    return cast[0] if cast else None
