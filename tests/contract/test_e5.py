"""What the sentence encoder promises."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cluster import providers
from cluster.errors import Unsupported
from cluster.ports import TextEncoder
from cluster.settings import MemorySettings

SCENES = ("Kairo fights in the rain", "Kairo reads a book by the sea", "Kairo bakes bread")


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return providers.text_encoder(MemorySettings())


def test_sentences_become_unit_vectors(encoder: TextEncoder) -> None:
    vectors = encoder.encode(SCENES)
    assert vectors.shape == (3, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    ("words", "nearest"), [("a duel in a storm", 0), ("reading at the beach", 1), ("a bakery", 2)]
)
def test_the_scene_nearest_in_meaning_ranks_first(
    encoder: TextEncoder, words: str, nearest: int
) -> None:
    cosines = encoder.encode(SCENES) @ encoder.encode([words])[0]
    assert int(cosines.argmax()) == nearest


def test_one_sentence_or_many_give_the_same_vector(encoder: TextEncoder) -> None:
    alone = encoder.encode(SCENES[:1])[0]
    np.testing.assert_allclose(encoder.encode(SCENES)[0], alone, atol=1e-5)


@pytest.mark.parametrize("text", ["", " ", "rain " * 4000, "雨" * 3000, "\x00", "🌧️" * 900])
def test_any_text_has_a_vector(encoder: TextEncoder, text: str) -> None:
    assert np.isfinite(encoder.encode([text])).all()


def test_threads_may_share_it(encoder: TextEncoder) -> None:
    expected = encoder.encode(SCENES)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: encoder.encode(SCENES), range(8)):
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_needs_no_torch() -> None:
    code = "import sys, cluster.providers.e5 as e5; e5.E5Encoder().encode(['a']); " + (
        "sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_switched_off_it_says_how_to_switch_it_on() -> None:
    with pytest.raises(Unsupported, match="sentence encoder is off") as caught:
        providers.text_encoder(MemorySettings(text_encoder="off"))
    assert "memory.text_encoder" in caught.value.advice
