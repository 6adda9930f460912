"""Hair, eyes, beards, marks and age in a sentence."""

import re

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Op

from . import words
from .frames import RESTYLING
from .scene import Scene
from .syntax import is_introduced, lemma, modifiers, prepositions, role, side

TELLING = frozenset(
    "brush comb toss shake twirl braid stroke fluff flick wring tuck pin pile tie untie gather smooth "
    "rake run push plait loosen scratch rub tug whip sweep throw fling coil twist catch".split()
)
DIGITS = re.compile(r"^\d{1,3}$")


def is_hair(token: Token) -> bool:
    base = lemma(token)
    if base in {"hair", "ponytail", "braid", "dreadlock", "mohawk", "plait", "ringlet", "pigtail"}:
        return True
    if base in words.HAIR:
        said = set(modifiers(token))
        owned = any(child.dep_ == "poss" for child in token.children)
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
    more = list(_predicates(token, verb_token, place.name))
    if owner in {None, "thing"}:
        owner = _bearer(scene, token, place.prep, place.noun, doer)
    if owner is None and place.name == "object" and verb in TELLING | {"have", "wear"}:
        owner = doer
    if owner is None and verb in RESTYLING | {"cut", "shave", "dye"}:
        owner = doer if scene.people.is_cast(doer) else scene.people.center
    if owner is None and scene.noun(token).definite and place.name in {"subject", "prep", "object"}:
        owner = doer if place.name != "subject" and doer else None
        if owner is None and any(p in {"around", "over", "about", "down"} for p, _ in _preps(verb_token)):
            owner = next((scene.people.owner(b, None) for _, b in _preps(verb_token) if scene.people.owner(b, None)), None)
    if owner is None:
        return
    op: Op = "be"
    if verb in RESTYLING and place.name in {"object", "subject"} or verb in {"turn", "go"} and more:
        op = "change_look"
        more.append(verb)
        more += _results(verb_token)
    elif verb in {"have", "wear"} and is_introduced(token) and _after_a_change(token):
        op = "change_look"
    base = lemma(token)
    if base in words.STYLE_NOUN:
        more.append(base)
    scene.add(token, owner, op, "hair", noun="beard" if base in words.BEARD else "hair", kind="look", more=more)


def _preps(verb: Token | None) -> list[tuple[str, Token]]:
    return list(prepositions(verb)) if verb is not None else []


def _after_a_change(token: Token) -> bool:
    """A haircut is told nearby: shears, dye, "an hour later", "now"."""
    said = {one.lower_ for one in token.doc}
    return bool(said & {"now", "later", "dye", "bleach", "peroxide", "shears", "scissors", "clippers",
                        "razor", "barber", "hairdresser", "wig"})  # fmt: skip


def _results(verb: Token | None) -> list[str]:
    """"dyes it green", "crops it to a thumbnail", "cut short"."""
    if verb is None:
        return []
    return [
        one.lower_ for one in verb.subtree
        if one.lower_ in words.COLOURS or one.lower_ in words.LENGTH or one.lower_ in words.TEXTURE
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
    colours = [one for one in modifiers(token) if set(one.split("-")) & words.COLOURS]
    colours += [one for one in _predicates(token, place.verb, place.name) if one in words.COLOURS]
    colours += [
        one.lower_ for one in token.sent
        if one.lower_ in words.COLOURS and one.dep_ in {"amod", "acomp", "appos", "attr", "conj"}
        and (one.head == token or one.head.head == token) and one.lower_ not in colours
    ]  # fmt: skip
    if owner in {None, "thing"} and place.prep == "with" and place.noun is not None:
        owner = scene.people.who(place.noun)
    if not colours or owner in {None, "thing"}:
        return
    scene.add(token, owner or SOMEBODY, "be", "eyes", noun="eye", kind="look", more=colours)


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
        token, owner, "change_look" if introduces else "be", "marks", noun=lemma(token), kind="mark",
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

AGES = re.compile(
    r"\b(?:at (?P<at>{n})(?=[,.;]| (?:she|he|they|years|and|already|mary|john|anna|peter|alex))"
    r"|(?P<old>{n})[ -]years?[ -]old|aged? (?P<aged>{n})\b|turn(?:s|ed|ing)? (?P<turn>{n})\b"
    r"|(?P<birthday>{o}) birthday|(?P<winters>{n}) (?:winters|summers|springs|autumns)\b"
    r"|(?:is|was|'s) (?P<is>{n})(?=[,.;]|$| (?:and|now|today|last|next|this|years old))"
    r"|, (?P<comma>{n})(?=,| last| next|$)|in (?:her|his|their) (?P<decade>\w+ties|teens)\b"
    r"|(?:a|the) (?P<year>{n})-year-old)".format(
        n=r"(?:\d{1,2}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|"
        r"four|five|six|seven|eight|nine))?|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
        r"sixteen|seventeen|eighteen|nineteen|seven|six|five)",
        o=r"(?:\d{1,2}(?:st|nd|rd|th)|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ]"
        r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|eighteenth|nineteenth|"
        r"twentieth|thirtieth|fortieth|fiftieth|sixtieth|seventieth|eightieth|ninetieth|sixteenth)",
    ),
    re.IGNORECASE,
)
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
            "eighth": 8, "ninth": 9}  # fmt: skip


def number(text: str) -> int | None:
    """A number in figures or words, ordinals and decades included: `forty-seventh` -> 47."""
    text = text.lower()
    if match := re.match(r"\d+", text):
        return int(match.group())
    if text == "teens":
        return 16
    if text in {"twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"}:
        return words.NUMBERS[text.removesuffix("ies") + "y"] + 5
    total = 0
    for part in re.split(r"[- ]", text):
        base = part if part in words.NUMBERS else part.removesuffix("th")
        base = {"twentie": "twenty", "thirtie": "thirty", "fortie": "forty", "fiftie": "fifty",
                "sixtie": "sixty", "seventie": "seventy", "eightie": "eighty", "ninetie": "ninety"}.get(base, base)  # fmt: skip
        if base in words.NUMBERS:
            total += words.NUMBERS[base]
        elif part in ORDINALS:
            total += ORDINALS[part]
        else:
            return None
    return total or None


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
            scene.add(token, who, "be", "age", noun=str(years), kind="age", definite=True)


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
