"""Verbs that the parser took for nouns ("a bolt sears her shoulder"), made plain to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .nouns import nouns
from .text import Plain

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token


FINITE = frozenset({"VBZ", "VBD", "VBP", "MD"})
"""Tags of verbs that a sentence can stand on."""
FOLLOWS = frozenset({"DET", "PRON", "ADP", "PROPN", "ADV", "NUM", "PART", "SCONJ"})
"""Word classes that begin what stands after a verb."""


def with_verbs(plain: Plain, doc: Doc) -> Plain:
    """The text with "did sear" for "sears" in sentences that were read without any finite verb.

    One verb at a time; the same object where there is nothing to mend.
    """
    for sentence in reversed(list(doc.sents)):
        if _has_its_verb(sentence):
            continue
        for token in sentence:
            if (base := _base(token)) is not None:
                return _with_did(plain, token, base)
    return plain


def _with_did(plain: Plain, token: Token, base: str) -> Plain:
    put = f"did {base}"
    start, end = token.idx, token.idx + len(token.text)
    origin = (*[plain.origin[start]] * (len(put) - 1), plain.origin[end - 1])
    return Plain(
        plain.text[:start] + put + plain.text[end:],
        (*plain.origin[:start], *origin, *plain.origin[end:]),
    )


def _has_its_verb(sentence: Span) -> bool:
    """A finite verb, and in prose one that the sentence hangs on."""
    if not any(one.tag_ in FINITE for one in sentence):
        return False
    root = sentence.root
    stands = root.pos_ in {"VERB", "AUX"} and (
        root.tag_ != "VBN" or any("subj" in one.dep_ for one in root.children)
    )
    return stands or not _is_prose(sentence)


def _is_prose(sentence: Span) -> bool:
    text = sentence.text.strip()
    return text[:1].isupper() and text[-1:] in ".!"


def _base(token: Token) -> str | None:
    """The verb that a noun is by its form and place, after a noun and before an object."""
    if not _stands_like_a_verb(token):
        return None
    written = token.lower_
    plural = token.nbor(-1).tag_ in {"NNS", "NNPS"}
    if plural and token.tag_ == "NN" and nouns().is_verb(written):
        return written
    for end, put in (("ies", "y"), ("s", ""), ("es", "")):
        if written.endswith(end) and nouns().is_verb(written.removesuffix(end) + put):
            return written.removesuffix(end) + put
    return None


def _stands_like_a_verb(token: Token) -> bool:
    is_inside = token.sent.start < token.i < token.sent.end - 1
    if not is_inside or token.pos_ not in {"NOUN", "PROPN"}:
        return False
    before, after = token.nbor(-1), token.nbor(1)
    is_after_a_noun = before.pos_ in {"NOUN", "PROPN", "PRON"} and before.dep_ != "poss"
    return is_after_a_noun and after.pos_ in FOLLOWS
