"""Counts the tokens of a prompt as the model's own text encoder will."""

import math
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from cluster.domain.prompting.guard import TokenCounter
from cluster.domain.reading.sentence import tokens

MARKS = 2
"""Begin and end of text."""
PIECE_CHARS = 3
WHOLE_WORD_CHARS = 7


def counter_of(folder: Path) -> TokenCounter:
    """Counts with the tokenizer of a model's folder, where there is one, else by estimate."""
    file = folder / "tokenizer" / "tokenizer.json"
    return _counter(file) if file.is_file() else estimate


@cache
def _counter(file: Path) -> TokenCounter:
    tokenizer: Tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    own_marks = tokenizer.num_special_tokens_to_add(False)

    def count(text: str) -> int:
        return len(tokenizer.encode(text).ids) + (MARKS if own_marks == 0 else 0)

    return count


def estimate(text: str) -> int:
    """More tokens than BPE vocabularies of tens of thousands of words make of English.

    A short word or a mark is one piece, a longer one a piece for each three letters; characters
    beyond ASCII are a piece a byte.
    """
    return MARKS + sum(_pieces(word) for word in tokens(text)) + text.count("-")


def _pieces(word: str) -> int:
    if not word.isascii():
        return len(word.encode())
    if word.isdigit():
        return len(word)
    return 1 if len(word) <= WHOLE_WORD_CHARS else math.ceil(len(word) / PIECE_CHARS)
