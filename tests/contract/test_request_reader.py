"""Every RequestReader keeps to the text it reads, and names the things of the story."""

from collections.abc import Sequence
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.domain.character import Character
from cluster.domain.story.reading import SceneReading, Understanding
from cluster.domain.story.reading_check import check_reading
from cluster.domain.story.starting import starting_state
from cluster.domain.story.state import after
from cluster.ports import RequestReader
from cluster.providers import request_reader
from cluster.providers.reading.reader import OfflineReader
from cluster.settings import PromptSettings
from tests.values import KAIRO

SCRIPT = (
    "Kairo he his him a the in with without still takes off wears drops holds draws sword cloak "
    "red dark forest market cut bruise left cheek unhurt scar hair it them if dreams of not wants "
    "three days later Mira's , . ; : ! ? - — “ ” ' 日本 é 🎬"
)


@pytest.fixture(scope="module")
def reader() -> RequestReader:
    made = request_reader(PromptSettings())
    made.warm_up()
    return made


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from(SCRIPT.split()), min_size=1, max_size=30).map(" ".join)
    | st.text("ab .,'")
)
def test_whatever_is_asked_the_evidence_stands_in_the_text(
    reader: RequestReader, text: str
) -> None:
    reading = reader.read([KAIRO], starting_state([KAIRO], reader.layer), text)
    assert check_reading(reading, [KAIRO], text) is reading


def test_a_thing_of_the_story_is_known_again_and_a_new_one_is_not(reader: RequestReader) -> None:
    story = starting_state([KAIRO], reader.layer)
    (taken,) = reader.read([KAIRO], story, "Kairo holds a lantern").changes
    assert not taken.known
    story = after(story, [taken], 1)
    (used,) = reader.read([KAIRO], story, "Kairo drops his lantern").changes
    assert (used.known, used.entity) == (True, taken.entity)


def test_what_cannot_be_read_is_said_to_be_so_and_changes_nothing(reader: RequestReader) -> None:
    story = starting_state([KAIRO], reader.layer)
    for text, language in (
        ("カイロは雨の中で戦う", "ja"),
        ("Kairo lleva una capa en el bosque", "es"),
    ):
        reading = reader.read([KAIRO], story, text)
        assert (reading.understood.language, reading.understood.read) == (language, False)
        assert reading.changes == ()


def test_threads_read_at_once_and_agree(reader: RequestReader) -> None:
    texts = [f"Kairo holds a lantern in room {n}" for n in range(20)]
    story = starting_state([KAIRO], reader.layer)
    found: list[SceneReading] = []
    threads = [
        Thread(target=lambda text: found.append(reader.read([KAIRO], story, text)), args=(text,))
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {len(one.changes) for one in found} == {len(found[0].changes)}
    assert len(found) == len(texts)


def test_a_reader_that_invents_words_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Inventor:
        def read(self, cast: Sequence[Character], text: str) -> SceneReading:
            invented = honest.read(cast, "Kairo holds a sword").changes
            english = Understanding(language="en", sure=1.0, read=True)
            return SceneReading(changes=invented, understood=english)

    from cluster.providers.reading.embedded import EmbeddedReader

    honest, reader = EmbeddedReader(), OfflineReader()
    monkeypatch.setitem(vars(reader), "_embedded", Inventor())
    found = reader.read([KAIRO], starting_state([KAIRO], reader.layer), "Kairo waits in the rain")
    assert (found.changes, found.understood.read) == ((), False)


def test_a_garment_is_worn_somewhere(reader: RequestReader) -> None:
    assert [reader.layer(one) for one in ("cloak", "boot", "hat", "moon")] == [
        "outer",
        "feet",
        "head",
        None,
    ]
