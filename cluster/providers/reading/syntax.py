"""Questions to a dependency parse (spaCy, CLEAR labels): who does it, to what, how it is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, NamedTuple

from cluster.domain.vocabulary import word_set

from . import words
from .frames import VERBS
from .nouns import nouns

if TYPE_CHECKING:
    from spacy.tokens import Token


NOMINAL = frozenset({"NOUN", "PROPN"})
VERBAL = frozenset({"VERB", "AUX"})
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj"})
LISTED = frozenset({"conj", "appos", "nmod", "compound"})
"""Dependencies of nouns that stand in the role of the noun above them."""
CLAUSES = word_set("conj xcomp advcl pcomp ccomp dep prep parataxis")
"""Dependencies of verbs whose subject is said with the verb above them."""
PARTICLES = word_set("on off up down away out back aside over in open together around go")
DEFINITE = word_set("the this that these those")
INDEFINITE = word_set("a an another some one")
SIDES = frozenset({"left", "right"})
VERB_ENDINGS = (
    ("s", ""),
    ("es", ""),
    ("ies", "y"),
    ("d", ""),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
    ("ied", "y"),
)
"""Endings of verbs -> what the dictionary form has there, in the order that they are tried."""
PLURAL_ENDINGS = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
EACH = word_set("both each one all neither")
"""Whose "of" leads to what they are: "both of her shoulders"."""
INDEFINITE_BY_ITSELF = word_set("some any no another more")
"""What introduces a noun, whatever it hangs by."""
MODIFYING_MODIFIERS = word_set("amod advmod conj npadvmod compound")
SIDE_MODIFIERS = word_set("amod compound nmod det advmod")


def lemma(token: Token) -> str:
    """The dictionary form, where the rules of the small model get a verb wrong (rides -> rid)."""
    base, written = token.lemma_.lower(), token.lower_
    # "hopes" is of "hope" and not of "hop", whatever frames there are.
    is_regular = written in {base, f"{base}s", f"{base}d"} and nouns().is_verb(base)
    if token.pos_ in VERBAL and base not in VERBS and not is_regular:
        forms = _without_ending(token.lower_, VERB_ENDINGS)
        return next((form for form in forms if form in VERBS), base)
    return noun_lemma(token) if token.pos_ in NOMINAL else base


def noun_lemma(token: Token) -> str:
    """The dictionary form of a noun, of a name too: the model leaves plurals of those."""
    base, written = token.lemma_.lower(), token.lower_
    if written == "clothes":
        return written  # which is no plural of cloth
    known, is_name = nouns(), token.pos_ == "PROPN"
    if not is_name and known.knows(base):
        return base
    forms = _without_ending(written, PLURAL_ENDINGS)
    singular = next((form for form in forms if known.knows(form)), None)
    if known.knows(written) and not (singular and written.endswith("s")):
        return written
    return singular or (written if is_name else base)


def _without_ending(written: str, endings: Iterable[tuple[str, str]]) -> Iterator[str]:
    for end, put in endings:
        if written.endswith(end):
            yield written.removesuffix(end) + put


class NounRole(NamedTuple):
    """How a noun hangs on its verb.

    Args:
        name: `subject`, `object`, `dative`, `prep`, `attribute`, `of`, `beside`, `none`.
        verb: The governing verb, or null in a fragment.
        prep: The preposition, for `prep`.
        noun: The noun that the preposition hangs on ("the man with the knife").
        passive: Of the subject.
    """

    name: str
    verb: Token | None
    prep: str = ""
    noun: Token | None = None
    passive: bool = False


def role(token: Token) -> NounRole:
    """The role of a noun; a conjunct has the role of the first of its list."""
    token = _first_of_list(token)
    return (
        _core_role(token)
        or _prepositional_role(token)
        or _fronted_role(token)
        or NounRole("none", _verb_above(token))
    )


def _first_of_list(token: Token) -> Token:
    for _ in range(8):
        if token.dep_ not in LISTED or token.head.pos_ not in NOMINAL:
            break
        token = token.head
    return token


def _core_role(token: Token) -> NounRole | None:
    """Subject, object, dative or attribute."""
    head, dep = token.head, token.dep_
    if dep in SUBJECTS:
        return NounRole("subject", head, passive=dep == "nsubjpass")
    is_clause_after = dep in {"ccomp", "xcomp", "dep"} and head.pos_ in VERBAL and token.i > head.i
    if dep in {"dobj", "oprd"} or is_clause_after:
        return NounRole("object", head)
    if dep == "dative":
        return NounRole("dative", head if head.pos_ != "ADP" else head.head)
    return NounRole("attribute", head) if dep == "attr" else None


def _prepositional_role(token: Token) -> NounRole | None:
    if token.dep_ not in {"pobj", "pcomp"}:
        return None
    if (portion := portion_above(token, {"pobj", "pcomp"})) is not None:
        return role(portion)  # "a pair of gloves"
    return _of_preposition(token.head)


def _fronted_role(token: Token) -> NounRole | None:
    """What stands before its verb, or beside it without a role of its own."""
    if (fronted := _fronted_for(token)) is not None:
        return NounRole("object", fronted)
    is_beside = token.dep_ in {"npadvmod", "advcl", "dep", "conj", "ccomp"}
    return NounRole("beside", token.head) if is_beside and token.head.pos_ in VERBAL else None


def _fronted_for(token: Token) -> Token | None:
    """ "The yellow scarf he gives to a girl": the verb whose object stands in front of it."""
    if token.dep_ != "ROOT":
        return None
    clauses = (child for child in token.children if child.dep_ == "relcl")
    return next((one for one in clauses if one.pos_ == "VERB" and _lacks_object(one, token)), None)


def _lacks_object(verb: Token, before: Token) -> bool:
    kids = {below.dep_ for below in verb.children}
    is_relative = any(below.lower_ in {"that", "which", "who"} for below in verb.subtree)
    return verb.i > before.i and "nsubj" in kids and "dobj" not in kids and not is_relative


def _of_preposition(prep: Token) -> NounRole:
    name, above = prep.lower_, prep.head
    while above.pos_ in {"ADP", "SCONJ", "ADV"} and above.head != above:
        above = above.head
    if above.pos_ in NOMINAL:
        if name == "of" and above == prep.head:
            return NounRole("of", role(above).verb, "of", above)
        return NounRole("prep", _verb_above(above), name, above)
    return NounRole("prep", _verb_above(above), name)


def _verb_above(token: Token) -> Token | None:
    while token.head != token and token.pos_ not in VERBAL:
        token = token.head
    return token if token.pos_ in VERBAL else None


def frames(place: NounRole) -> list[str]:
    """The frames that a noun in this role can be the argument of: `pull+on`, `change@into`."""
    verb = place.verb
    if verb is None:
        return []
    base = lemma(verb)
    if place.name == "prep":
        # The parser takes many a particle for a preposition: "hands over the axe".
        return [f"{base}@{place.prep}", *([f"{base}+{place.prep}"] if place.noun is None else [])]
    parts = [child.lower_ for child in verb.children if _is_particle(child)]
    return [*(f"{base}+{part}" for part in parts), base]


def _is_particle(token: Token) -> bool:
    """A verb's particle; also a preposition without an object, and "out" with one."""
    if token.dep_ == "prep":
        return token.lower_ == "out" or not list(token.children)
    return token.dep_ == "prt" or (token.dep_ == "advmod" and token.lower_ in PARTICLES)


def subject(verb: Token, depth: int = 0) -> tuple[Token | None, bool]:
    """Who does a verb, and whether it is done to them; through chains of verbs and clauses."""
    if (own := _own_subject(verb)) is not None:
        is_relative = own.lower_ in {"who", "which", "that"} and verb.dep_ == "relcl"
        return verb.head if is_relative else own, own.dep_ == "nsubjpass"
    if depth > 6 or verb.head == verb:
        found = _subject_of_clause_before(verb)
        return found, found is not None and found.dep_ == "nsubjpass"
    return _subject_above(verb, depth)


def _own_subject(verb: Token) -> Token | None:
    return next((child for child in verb.children if child.dep_ in SUBJECTS), None)


def _subject_of_clause_before(verb: Token) -> Token | None:
    """ "Ostrevin bows, asks his pardon"."""
    clauses = (
        child
        for child in verb.children
        if child.dep_ in {"parataxis", "ccomp"} and child.i < verb.i and child.pos_ == "VERB"
    )
    return next((one for one in map(_own_subject, clauses) if one is not None), None)


def _subject_above(verb: Token, depth: int) -> tuple[Token | None, bool]:
    """The subject that a verb without one of its own takes from what it hangs on."""
    above, is_participle = verb.head, verb.tag_ == "VBN"
    if verb.dep_ in {"acl", "relcl", "amod", "appos"} and above.pos_ in {*NOMINAL, "PRON"}:
        return above, is_participle
    if verb.dep_ in {"xcomp", "ccomp"} and lemma(above) != "use":
        told = [child for child in above.children if child.dep_ == "dobj" and child.i < verb.i]
        if told:
            return told[0], is_participle
    if above.pos_ in {*VERBAL, "ADJ"} or verb.dep_ in CLAUSES:
        found, passive = subject(above, depth + 1)
        return found, is_participle and (passive or verb.dep_ != "conj")
    return None, False


def objects(verb: Token) -> Iterator[Token]:
    """What a verb is done to, the whole list of it."""
    for child in verb.children:
        if child.dep_ in {"dobj", "oprd"}:
            yield from with_conjuncts(child)


def with_conjuncts(token: Token) -> Iterator[Token]:
    """A noun and those that are listed with it."""
    yield token
    for child in token.children:
        if child.dep_ in {"conj", "appos"} and child.pos_ in {*NOMINAL, "PRON"}:
            yield from with_conjuncts(child)


def prepositions(token: Token) -> Iterator[tuple[str, Token]]:
    """Prepositions of a verb or noun with their objects; the innermost of a chain."""
    for child in token.children:
        if _is_preposition(child):
            for below in child.children:
                yield from _objects_of(child, below)


def _is_preposition(token: Token) -> bool:
    hangs = token.dep_ in {"prep", "agent", "dative", "prt", "advmod"}
    return hangs and token.pos_ in {"ADP", "ADV", "SCONJ"}


def _objects_of(prep: Token, below: Token) -> Iterator[tuple[str, Token]]:
    if below.dep_ in {"pobj", "pcomp"}:
        for one in with_conjuncts(below):
            yield prep.lower_, one
    elif below.dep_ == "prep":
        for deeper in below.children:
            if deeper.dep_ == "pobj":
                yield below.lower_, deeper


def around(verb: Token | None, token: Token) -> list[tuple[str, Token]]:
    """Prepositions of a verb and of its noun: the parser hangs them on either."""
    found = list(prepositions(verb)) if verb is not None else []
    return [*found, *prepositions(token)]


def possessor(token: Token) -> Token | None:
    """Whose it is: "her coat", "Beck's coat", "the coat of Beck"."""
    chain = [token]
    while chain[-1].dep_ in {"compound", "nmod"} and chain[-1].head.pos_ in NOMINAL:
        chain.append(chain[-1].head)
    owners = (child for one in chain for child in one.children if child.dep_ == "poss")
    if (owner := next(owners, None)) is not None:
        return None if _describes(owner) else owner
    has_article = any(child.dep_ in {"det", "nummod"} for child in token.children)
    if token.dep_ == "conj" and not has_article:
        return possessor(token.head)
    return _owner_before(token)


def _word_before(token: Token) -> Token | None:
    """The word before a noun's adjectives."""
    first = list(window(token))[-1]
    return first.nbor(-1) if first.i > token.sent.start else None


def _owner_before(token: Token) -> Token | None:
    """The possessive right before a noun and its adjectives, whatever the parser made of it."""
    before = _word_before(token)
    if before is None or before.tag_ == "PRP$":
        return before
    if before.lower_ in {"'s", "’s"} and before.i > token.sent.start:
        return None if _describes(before.nbor(-1)) else before.nbor(-1)
    return None


def _article(token: Token) -> str | None:
    """The article before a noun's adjectives, `a` or `the`, whatever the parser made of it."""
    before = _word_before(token)
    if before is None:
        return None
    if before.lower_ in DEFINITE:
        return "the"
    return "a" if before.lower_ in {"a", "an"} else None


def window(token: Token) -> Iterator[Token]:
    """A noun with the adjectives and nouns right before it, the noun first."""
    yield token
    first = max(token.sent.start, token.i - 5)
    for one in reversed(token.doc[first : token.i]):
        if not _can_describe(one):
            return
        yield one


def _can_describe(token: Token) -> bool:
    if token.lower_ in {"back", "then", "again", "now"}:
        return False
    is_descriptive = token.pos_ in {"ADJ", "NOUN", "NUM", "ADV"} or token.tag_ in {"VBN", "JJ"}
    return is_descriptive or token.text == "-"


def _describes(token: Token) -> bool:
    """ "a green fisherman's beanie": what kind it is, not whose."""
    near = (*token.children, *token.head.children)
    return token.pos_ == "NOUN" and any(child.lower_ in {"a", "an"} for child in near)


def modifiers(token: Token) -> tuple[str, ...]:
    """The words that describe a noun, lower case, hyphenated ones whole."""
    found: list[str] = []
    for child in token.children:
        if child.dep_ in {"amod", "compound", "nmod", "nummod", "acl"} and child.i < token.i:
            found.append(child.lower_)
            found += [below.lower_ for below in child.children if below.dep_ in MODIFYING_MODIFIERS]
    written = token.doc[token.left_edge.i : token.i + 1].text.lower()
    if len(written) < 80:
        found += re.findall(r"\w+(?:-\w+)+", written)
    return tuple(dict.fromkeys(found))


def portion_above(token: Token, hangs: Set[str] = frozenset({"pobj"})) -> Token | None:
    """The "pair" of "a pair of gloves".

    Args:
        hangs: Dependencies by which a noun can hang on its "of".
    """
    prep = token.head
    if token.dep_ not in hangs or prep.lower_ != "of":
        return None
    above = prep.head
    if above.pos_ in NOMINAL:
        return above if noun_lemma(above) in words.PORTIONS else None
    return above if above.lower_ in EACH else None


def is_definite(token: Token) -> bool:
    """Presupposed and not introduced: "the", "her", "this", "Beck's"; of lists, their first."""
    if (portion := portion_above(token)) is not None:
        return is_definite(portion)
    for child in token.children:
        if child.lower_ in DEFINITE | {"both"} or (child.dep_ == "poss" and not _describes(child)):
            return True
        if child.dep_ in {"det", "nummod", "quantmod"} or child.lower_ in INDEFINITE_BY_ITSELF:
            return False
    if token.dep_ == "conj" and token.head.pos_ in NOMINAL:
        return is_definite(token.head)
    return _owner_before(token) is not None or _article(token) == "the"


def is_introduced(token: Token) -> bool:
    """Said with "a", a number or "another"; or a plural without any article."""
    if (portion := portion_above(token)) is not None:
        return is_introduced(portion)
    for child in token.children:
        if child.dep_ == "poss" or child.lower_ in DEFINITE | {"both"}:
            return False
        if child.lower_ in INDEFINITE or child.dep_ == "nummod":
            return True
    if token.dep_ == "conj" and token.head.pos_ in NOMINAL:
        return is_introduced(token.head)
    if (article := _article(token)) is not None:
        return article == "a"
    return token.tag_ in {"NNS", "NNPS"} and _owner_before(token) is None


def side(token: Token) -> str | None:
    """`left` or `right` of a noun, of what it is on, or said right before the body part."""
    nouns_ = (token, *(below for _, below in prepositions(token)))
    said = (child for one in nouns_ for child in one.children if child.dep_ in SIDE_MODIFIERS)
    if (found := next((one for one in said if one.lower_ in SIDES), None)) is not None:
        return found.lower_
    before = token.doc[max(token.sent.start, token.i - 2) : token.i]
    return next((one.lower_ for one in reversed(before) if one.lower_ in SIDES), None)
