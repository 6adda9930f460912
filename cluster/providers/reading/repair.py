"""Verbs that the parser took for nouns ("a bolt sears her shoulder"), made plain to it."""

from spacy.tokens import Doc, Span, Token

from .nouns import nouns
from .text import Plain

FOLLOWS = frozenset({"DET", "PRON", "ADP", "PROPN", "ADV", "NUM", "PART", "SCONJ"})


def with_verbs(plain: Plain, doc: Doc) -> Plain:
    """The text with "did sear" for "sears" in sentences that were read without any finite verb;
    the same object where there is nothing to mend."""
    for sentence in reversed(list(doc.sents)):
        finite = any(one.tag_ in {"VBZ", "VBD", "VBP", "MD"} for one in sentence)
        done = sentence.root.pos_ in {"VERB", "AUX"} and (
            sentence.root.tag_ != "VBN" or any("subj" in one.dep_ for one in sentence.root.children)
        )
        if done and finite or (finite and not _is_prose(sentence)):
            continue
        for token in sentence:
            if (base := _base(token)) is not None:
                put = f"did {base}"
                start, end = token.idx, token.idx + len(token.text)
                at = plain.origin[start]
                return Plain(
                    plain.text[:start] + put + plain.text[end:],
                    (*plain.origin[:start], *[at] * (len(put) - 1), plain.origin[end - 1], *plain.origin[end:]),
                )
    return plain


def _is_prose(sentence: Span) -> bool:
    text = sentence.text.strip()
    return text[:1].isupper() and text[-1:] in ".!"


def _base(token: Token) -> str | None:
    """The verb that a noun is by its form and place, after a noun and before an object."""
    if token.i == token.sent.start or token.i + 1 >= token.sent.end or token.pos_ not in {"NOUN", "PROPN"}:
        return None
    before, after = token.nbor(-1), token.nbor(1)
    if before.pos_ not in {"NOUN", "PROPN", "PRON"} or after.pos_ not in FOLLOWS or before.dep_ == "poss":
        return None
    written = token.lower_
    if before.tag_ in {"NNS", "NNPS"} and token.tag_ == "NN" and nouns().is_verb(written):
        return written
    for end, put in (("ies", "y"), ("s", ""), ("es", "")):
        if written.endswith(end) and nouns().is_verb(written.removesuffix(end) + put):
            return written.removesuffix(end) + put
    return None
