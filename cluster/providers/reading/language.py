"""Which language a request is in, as far as the embedded reader must know: English, or not."""

import re

from cluster.domain.story.reading import Understanding
from cluster.domain.vocabulary import word_set

from .nouns import nouns

FUNCTION_WORDS = {
    "en": word_set(
        "the a an and of in on to with his her he she is at from by over into as it for out up "
        "that they their through under off down while who but are was then"
    ),
    "es": word_set(
        "el la los las un una de del y en con su sus por para que se lleva es al como sobre"
    ),
    "de": word_set(
        "der die das ein eine einen dem den und mit in im auf zu von sich ist sie er ihr ihre sein"
    ),
    "fr": word_set(
        "le la les un une des de du et dans avec son sa ses il elle est sur par pour qui au"
    ),
    "it": word_set("il lo la gli un una di del della e nel con suo sua che si per sul è al dalla"),
    "pt": word_set("o a os as um uma de do da e em com seu sua que se por para no na é ao"),
    "nl": word_set("de het een en van in met zijn haar hij zij is op te door naar uit die"),
}
"""ISO 639-1 codes -> the words of each language that no text is without."""

SCRIPTS = (
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)
"""Languages that are told by their script; the first that a third of the letters are of."""

MARKED = {
    "de": re.compile(r"[äöüß]", re.IGNORECASE),
    "es": re.compile(r"[ñ¿¡áíóú]", re.IGNORECASE),
    "fr": re.compile(r"[çèêàùœ]", re.IGNORECASE),
}
"""Letters that English does without, by the language that they speak for."""


def identify_language(text: str) -> Understanding:
    """Guess the language by script, then by function words, then by how much is English."""
    if not any(one.isalpha() for one in text):
        return Understanding(language=None, sure=0.0, read=False)
    tokens = re.findall(r"[^\W\d_]+(?:'[a-z]+)?", text.lower())
    counts = {code: sum(token in some for token in tokens) for code, some in FUNCTION_WORDS.items()}
    return (
        _by_script(text)
        or _by_function_words(text, counts)
        or _by_strange_words(text, tokens, counts)
        or Understanding(language="en", sure=_share(counts, "en"), read=True)
    )


def _by_script(text: str) -> Understanding | None:
    letters = sum(one.isalpha() for one in text)
    for code, script in SCRIPTS:
        share = len(script.findall(text)) / letters
        if share > 0.3:
            return Understanding(language=code, sure=min(1.0, 0.5 + share / 2), read=False)
    return None


def _by_function_words(text: str, counts: dict[str, int]) -> Understanding | None:
    """Another language than English, if more of the function words are of that one."""
    best = max(counts, key=lambda code: (counts[code], code == "en"))
    lead = 0 if _marked(best, text) else 1
    if best != "en" and counts[best] > counts["en"] + lead:
        return Understanding(language=best, sure=_share(counts, best), read=False)
    return None


def _by_strange_words(text: str, tokens: list[str], counts: dict[str, int]) -> Understanding | None:
    """Not English, if it has no English function words and few words that English knows."""
    if counts["en"]:
        return None
    known = sum(nouns().knows(token) for token in tokens)
    foreign = next((code for code in MARKED if _marked(code, text)), None)
    if foreign and known < 0.5 * len(tokens):
        return Understanding(language=foreign, sure=0.6, read=False)
    if known < 0.25 * len(tokens) and len(tokens) > 3:
        return Understanding(language=None, sure=0.3, read=False)
    return None


def _marked(code: str, text: str) -> bool:
    return code in MARKED and MARKED[code].search(text) is not None


def _share(counts: dict[str, int], best: str) -> float:
    return round(counts[best] / max(1, sum(counts.values())), 2) if counts[best] else 0.5
