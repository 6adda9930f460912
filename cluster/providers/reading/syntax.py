"""Questions to a dependency parse (spaCy, CLEAR labels): who does it, to what, how it is meant."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spacy.tokens import Token

from cluster.domain.story.reading import Modality

from . import words
from .frames import VERBS
from .nouns import nouns

NOMINAL = frozenset({"NOUN", "PROPN"})
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj"})
UNSURE = frozenset("would could might may should shall must 'd ll 'll wo will".split())


def lemma(token: Token) -> str:
    """The dictionary form, where the rules of the small model get a verb wrong (rides -> rid)."""
    base, written = token.lemma_.lower(), token.lower_
    if token.pos_ in {"VERB", "AUX"} and base not in VERBS:
        for end, put in (("s", ""), ("es", ""), ("ies", "y"), ("d", ""), ("ed", ""), ("ing", "e"),
                         ("ing", ""), ("ied", "y")):  # fmt: skip
            if written.endswith(end) and written.removesuffix(end) + put in VERBS:
                return written.removesuffix(end) + put
    if token.pos_ in NOMINAL:
        return noun_lemma(token)
    return base


def noun_lemma(token: Token) -> str:
    base, written = token.lemma_.lower(), token.lower_
    known = nouns()
    if token.pos_ == "PROPN" or not known.knows(base):
        singular = next(
            (
                written.removesuffix(end) + put
                for end, put in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
                if written.endswith(end) and known.knows(written.removesuffix(end) + put)
            ),
            None,
        )
        if known.knows(written) and not (singular and written.endswith("s")):
            return written
        return singular or (written if token.pos_ == "PROPN" else base)
    return base


class Role(NamedTuple):
    """How a noun hangs on its verb.

    Args:
        name: `subject`, `object`, `dative`, `prep`, `attribute`, `of`, `none`.
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


def role(token: Token) -> Role:
    """The role of a noun; a conjunct has the role of the first of its list."""
    head, dep = token.head, token.dep_
    seen = 0
    while dep in {"conj", "appos", "nmod", "compound"} and head.pos_ in NOMINAL and seen < 8:
        token, head, dep, seen = head, head.head, head.dep_, seen + 1
    if dep in SUBJECTS:
        return Role("subject", head, passive=dep == "nsubjpass")
    if dep in {"dobj", "oprd"}:
        return Role("object", head)
    if dep == "dative":
        return Role("dative", head if head.pos_ != "ADP" else head.head)
    if dep == "attr":
        return Role("attribute", head)
    if dep in {"pobj", "pcomp"}:
        return _of_preposition(head)
    if dep in {"npadvmod", "advcl", "dep", "conj", "ccomp"} and head.pos_ in {"VERB", "AUX"}:
        return Role("beside", head)
    return Role("none", _verb_above(token))


def _of_preposition(prep: Token) -> Role:
    words_, above = [prep.lower_], prep.head
    while above.pos_ in {"ADP", "SCONJ", "ADV"} and above.head != above:
        words_.append(above.lower_)
        above = above.head
    name = prep.lower_
    if name == "of" and len(words_) > 1:
        name = "of"  # "out of": the frames have it as lemma@of
    if above.pos_ in NOMINAL:
        if prep.lower_ == "of" and len(words_) == 1:
            return Role("of", role(above).verb, "of", above)
        return Role("prep", _verb_above(above), name, above)
    if above.pos_ in {"VERB", "AUX"}:
        return Role("prep", above, name)
    return Role("prep", _verb_above(above), name)


def _verb_above(token: Token) -> Token | None:
    while token.head != token:
        if token.pos_ in {"VERB", "AUX"}:
            return token
        token = token.head
    return token if token.pos_ in {"VERB", "AUX"} else None


def frames(place: Role) -> list[str]:
    """The frames that a noun in this role can be the argument of: `pull+on`, `change@into`."""
    verb = place.verb
    if verb is None:
        return []
    base = lemma(verb)
    if place.name == "prep":
        return [f"{base}@{place.prep}", *(f"{base}+{one}" for one in ())]
    parts = [
        child.lower_ for child in verb.children
        if child.dep_ == "prt" or (child.dep_ == "advmod" and child.lower_ in PARTICLES)
        or (child.dep_ == "prep" and not list(child.children))
        or (child.dep_ == "prep" and child.lower_ == "out")
    ]  # fmt: skip
    return [*(f"{base}+{part}" for part in parts), base]


PARTICLES = frozenset("on off up down away out back aside over over in open together around go".split())


def subject(verb: Token, depth: int = 0) -> tuple[Token | None, bool]:
    """Who does a verb, and whether it is done to them; through chains of verbs and clauses."""
    for child in verb.children:
        if child.dep_ in SUBJECTS:
            if child.lower_ in {"who", "which", "that"} and verb.dep_ == "relcl":
                return verb.head, child.dep_ == "nsubjpass"
            return child, child.dep_ == "nsubjpass"
    if depth > 6 or verb.head == verb:
        return None, False
    above = verb.head
    if verb.dep_ in {"acl", "relcl"} and above.pos_ in {*NOMINAL, "PRON"}:
        return above, verb.tag_ == "VBN"
    if verb.dep_ in {"xcomp", "ccomp"}:
        told = [child for child in above.children if child.dep_ == "dobj" and child.i < verb.i]
        if told and lemma(above) not in {"use"}:
            return told[0], verb.tag_ == "VBN"
    if above.pos_ in {"VERB", "AUX"} or verb.dep_ in {"conj", "xcomp", "advcl", "pcomp", "ccomp",
                                                       "dep", "prep", "parataxis"}:  # fmt: skip
        found, passive = subject(above, depth + 1)
        if verb.dep_ == "conj":
            return found, passive and verb.tag_ == "VBN"
        return found, verb.tag_ == "VBN"
    return None, False


def objects(verb: Token) -> Iterator[Token]:
    for child in verb.children:
        if child.dep_ in {"dobj", "oprd"}:
            yield from with_conjuncts(child)


def with_conjuncts(token: Token) -> Iterator[Token]:
    yield token
    for child in token.children:
        if child.dep_ in {"conj", "appos"} and child.pos_ in {*NOMINAL, "PRON"}:
            yield from with_conjuncts(child)


def prepositions(token: Token) -> Iterator[tuple[str, Token]]:
    """Prepositions of a verb or noun with their objects; the innermost of a chain."""
    for child in token.children:
        if child.dep_ in {"prep", "agent", "dative", "prt", "advmod"} and child.pos_ in {"ADP", "ADV", "SCONJ"}:
            for below in child.children:
                if below.dep_ in {"pobj", "pcomp"}:
                    for one in with_conjuncts(below):
                        yield child.lower_, one
                elif below.dep_ in {"prep"}:
                    for deeper in below.children:
                        if deeper.dep_ == "pobj":
                            yield below.lower_, deeper


def possessor(token: Token) -> Token | None:
    """Whose it is: "her coat", "Beck's coat", "the coat of Beck"."""
    chain = [token]
    while chain[-1].dep_ in {"compound", "nmod"} and chain[-1].head.pos_ in NOMINAL:
        chain.append(chain[-1].head)
    for one in chain:
        for child in one.children:
            if child.dep_ == "poss":
                return child
    if token.dep_ == "conj" and not any(child.dep_ in {"det", "nummod"} for child in token.children):
        return possessor(token.head)
    return None


def modifiers(token: Token) -> tuple[str, ...]:
    """The words that describe a noun, lower case, hyphenated ones whole."""
    found: list[str] = []
    for child in token.children:
        if child.dep_ in {"amod", "compound", "nmod", "nummod", "acl"} and child.i < token.i:
            found.append(child.lower_)
            found += [
                below.lower_ for below in child.children
                if below.dep_ in {"amod", "advmod", "conj", "npadvmod", "compound"}
            ]  # fmt: skip
    written = token.doc[token.left_edge.i : token.i + 1].text.lower()
    if len(written) < 80:
        found += re.findall(r"\w+(?:-\w+)+", written)
    return tuple(dict.fromkeys(found))


def is_definite(token: Token) -> bool:
    """Presupposed and not introduced: "the", "her", "this", "Beck's"; of lists, their first."""
    first = token
    for child in first.children:
        if child.dep_ == "poss" or child.lower_ in {"the", "this", "that", "these", "those", "both"}:
            return True
        if child.dep_ in {"det", "nummod", "quantmod"} or child.lower_ in {"some", "any", "no", "another", "more"}:
            return False
    if token.dep_ == "conj" and token.head.pos_ in NOMINAL:
        return is_definite(token.head)
    return False


def is_introduced(token: Token) -> bool:
    """Said with "a", a number or "another"; or a plural without any article."""
    for child in token.children:
        if child.dep_ == "poss" or child.lower_ in {"the", "this", "that", "these", "those", "both"}:
            return False
        if child.lower_ in {"a", "an", "another", "some", "one"} or child.dep_ == "nummod":
            return True
    if token.dep_ == "conj" and token.head.pos_ in NOMINAL:
        return is_introduced(token.head)
    return token.tag_ in {"NNS", "NNPS"}


def side(token: Token) -> str | None:
    """`left` or `right` of a noun, of what it is on, or said right before the body part."""
    for one in (token, *(below for _, below in prepositions(token))):
        for child in one.children:
            if child.lower_ in {"left", "right"} and child.dep_ in {"amod", "compound", "nmod", "det", "advmod"}:
                return child.lower_
    before = token.doc[max(token.sent.start, token.i - 3) : token.i]
    near = [one for one in before if one.lower_ in {"left", "right"}]
    return near[-1].lower_ if near and near[-1].i >= token.i - 2 else None


def modality(token: Token) -> Modality:
    """How what a token says is meant, from what governs it."""
    current, first = token, True
    while True:
        found = _modality_at(current, token, first)
        if found:
            return found
        above = current.head
        if above == current:
            break
        found = _governed(current, above)
        if found:
            return found
        if current.dep_ == "conj" and current.pos_ == "VERB" and any(
            child.dep_ == "nsubj" for child in current.children
        ) and lemma(above) not in words.DREAMS:
            break
        current, first = above, False
    opening = token.sent.text.lstrip()
    if token.sent.text.rstrip().endswith("?") or re.match(r"(Suppose|What if|Imagine|As if)\b", opening):
        return "supposed"
    return "real"


def _modality_at(current: Token, token: Token, first: bool) -> Modality | None:
    kids = list(current.children)
    if current.lower_ == "without":
        return "negated"
    negated = any(
        child.dep_ == "neg"
        or (child.lower_ in {"longer", "more"} and any(one.dep_ == "neg" for one in child.children))
        or (child.lower_ in words.NEGATIONS and child.dep_ in {"det", "advmod", "preconj", "cc"})
        for child in kids
        if child.lower_ != "only"
    )
    if negated and (first or current.pos_ in {"VERB", "AUX"} or current.dep_ != "pobj"):
        return "negated"
    if any(child.dep_ == "nsubj" and (child.lower_ in {"nobody", "neither", "none", "nothing"}
           or any(one.lower_ in {"no", "neither"} for one in child.children)) for child in kids):
        return "negated"
    if current.pos_ in {"VERB", "AUX"}:
        if found := _clause(current, token, kids):
            return found
    if lemma(current) in words.IMAGES and current != token and current.is_ancestor(token):
        if lemma(current) == "dream":
            return "dreamed"
        if lemma(current) == "memory":
            return "remembered"
        return "depicted"
    if current != token and current.lower_ in {"like", "than"} and current.dep_ in {"prep", "mark"}:
        return "simile"
    if current.dep_ == "advcl" and any(child.dep_ == "mark" and child.lower_ == "like" for child in kids):
        return "simile"
    if current != token and current.lower_ == "as" and current.dep_ == "prep" and any(
        one.lower_ == "as" for one in current.head.children if one != current):
        return "simile"
    return None


def _clause(current: Token, token: Token, kids: list[Token]) -> Modality | None:
    if any(child.dep_ == "mark" and child.lower_ in {"if", "unless", "whether", "though"}
           and child.lower_ != "though" for child in kids):
        return "supposed"
    if any(child.dep_ in {"aux"} and child.lower_ in UNSURE for child in kids) and not (
        any(child.lower_ in {"could"} for child in kids) and lemma(current) in {"feel", "see", "hear"}):
        return "supposed"
    if any(child.lower_ == "about" for child in kids) and token != current:
        return "wished"
    if lemma(current) == "use" and token != current and any(one.tag_ == "VBD" for one in (current,)) and any(
        child.dep_ == "xcomp" for child in kids):
        return "remembered"
    if any(child.lower_ in {"perhaps", "maybe", "almost", "nearly", "formerly"} for child in kids
           if child.dep_ == "advmod"):
        return "supposed"
    subject_ = next((child for child in kids if child.dep_ in {"nsubj"}), None)
    if subject_ is not None and lemma(subject_) in words.IMAGES and lemma(subject_) not in words.MIRRORS:
        if token != subject_ and lemma(current) in {
            "show", "depict", "picture", "portray", "see", "feature", "be", "promise", "advertise"}:
            return "depicted"
    for child in kids:
        if child.dep_ == "prep" and child.lower_ in {"in", "on", "inside", "from", "into"}:
            for below in child.children:
                word = lemma(below) if below.dep_ == "pobj" else ""
                if word in words.IMAGES and word not in words.MIRRORS and below != token:
                    if child.i < current.i or token.i > child.i or child.lower_ == "in":
                        if word in {"book", "coin"} and child.i > current.i:
                            continue
                        return "dreamed" if word in {"dream", "half-dream", "nightmare"} else "depicted"
    return None


def _governed(current: Token, above: Token) -> Modality | None:
    if above.pos_ != "VERB" or current.dep_ not in {
        "xcomp", "ccomp", "prep", "dobj", "pcomp", "pobj", "acl", "advcl"}:
        return None
    verb = lemma(above)
    if verb in words.REFUSES and current.dep_ in {"xcomp", "pcomp", "prep"}:
        return "negated"
    if verb in words.REMEMBERS:
        return "remembered"
    if verb in words.DREAMS:
        return "dreamed" if verb in {"dream", "imagine"} else "wished"
    if verb == "think" and current.dep_ in {"prep", "ccomp"}:
        return "supposed"
    if verb in {"recall", "wonder"}:
        return "remembered"
    if verb in words.SUPPOSES and current.dep_ in {"xcomp", "ccomp"} and current.i > above.i:
        return "supposed"
    return None
