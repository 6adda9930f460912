"""A CLIP tokenizer whose vocabulary is learned from the project's own captions.

Byte-level BPE with an end-of-word suffix (Sennrich et al. 2016; Radford et al. 2021): words of the
caption grammar become single tokens, any other word still tokenises, down to its bytes.
"""

import json
from collections.abc import Iterable

from tokenizers import trainers
from transformers import CLIPTokenizer

SPECIAL = ["<|startoftext|>", "<|endoftext|>"]
MAX_TOKENS = 64


def train_tokenizer(captions: Iterable[str], vocab_size: int = 1600) -> CLIPTokenizer:
    """Learn merges from captions; BOS and EOS keep the two highest ids, as CLIP expects."""
    letters = [*_byte_alphabet(), *(letter + "</w>" for letter in _byte_alphabet())]
    blank = CLIPTokenizer(vocab=_ids([*letters, *SPECIAL]), merges=[])
    learner = blank.backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=_byte_alphabet(),
        end_of_word_suffix="</w>",
        special_tokens=SPECIAL,
        show_progress=False,
    )
    learner.train_from_iterator(captions, trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [
        tuple(pair) if isinstance(pair, list) else tuple(pair.split()) for pair in model["merges"]
    ]
    learned = sorted(model["vocab"], key=model["vocab"].__getitem__)
    words = [word for word in learned if word not in SPECIAL]
    missing = [letter for letter in letters if letter not in model["vocab"]]
    return CLIPTokenizer(
        vocab=_ids([*words, *missing, *SPECIAL]), merges=merges, model_max_length=MAX_TOKENS
    )


def _ids(words: list[str]) -> dict[str, int]:
    return {word: index for index, word in enumerate(words)}


def _byte_alphabet() -> list[str]:
    """The 256 printable stand-ins of byte-level BPE (GPT-2), in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]
