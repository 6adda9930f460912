"""Vectors follow the store in the background: whoever remembers or recalls waits for none."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from actors.episode_index import AWAITED, BATCH, RETRY_S, EpisodeIndex
from actors.memory import MemoryStore
from actors.recall import TextVectors
from cluster import providers
from cluster.domain.story.episode import EpisodeId
from cluster.domain.story.scene import SceneState, StoryId
from cluster.errors import CineError, Invalid, ProviderError, Unavailable
from cluster.settings import MemorySettings, Settings
from cluster.store import Store
from tests.fake_vectors import PATIENCE_S, Gate, ListIndex, WordCounter
from tests.handles import started
from tests.manual_clock import ManualClock
from tests.values import KAIRO, episode

STORY = StoryId("kairo")
AT_ONCE = 0.0


class Shelf:
    """The providers of a memory, in a test's hands."""

    def __init__(self) -> None:
        self.encoding, self.opening, self.searching = Gate(), Gate(), Gate()
        self.indexes: dict[str, ListIndex] = {}
        self.encoders: list[WordCounter] = []

    def text_encoder(self, _: MemorySettings) -> WordCounter:
        """The first one made is the writer's, who is the one that is held up."""
        self.encoders.append(WordCounter(Gate() if self.encoders else self.encoding))
        return self.encoders[-1]

    def vector_index(self, _: Settings, model: str, dim: int) -> ListIndex:
        self.opening()
        return self.indexes.setdefault(model, ListIndex(self.searching))

    @property
    def texts(self) -> set[str]:
        return set(self.indexes["words"].rows)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()
    monkeypatch.setattr(providers, "text_encoder", shelf.text_encoder)
    monkeypatch.setattr(providers, "vector_index", shelf.vector_index)
    return shelf


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def told(store: Store, count: int) -> None:
    """Scenes that the store alone knows of."""
    for n in range(count):
        store.episodes.commit(episode(f"old{n:04}", prompt=f"Kairo bakes bread {n}"))


@pytest.fixture
def memory(
    settings: Settings, store: Store, shelf: Shelf, clock: ManualClock
) -> Iterator[MemoryStore]:
    """A memory of Kairo; not started, so that a test can prepare what it finds."""
    store.characters.add(KAIRO)
    memory = MemoryStore(settings, clock)
    yield memory
    for gate in (shelf.encoding, shelf.opening, shelf.searching):
        gate.open()
    memory.close()


def found(memory: MemoryStore, text: str, wait_s: float = PATIENCE_S, limit: int = 9) -> list[str]:
    return [one.id for one, _ in memory.search(KAIRO.id, text, None, limit, wait_s)]


def test_remembering_and_recalling_wait_for_no_encoder(memory: MemoryStore, shelf: Shelf) -> None:
    started(memory)
    assert memory.settled(PATIENCE_S)
    shelf.encoding.close()

    memory.remember(episode("rain", prompt="rain"), ("sface", [1.0, 0.0]))
    shelf.encoding.wait_for_a_thread()

    assert memory.remember(episode("sea", SceneState(place="sea")), None).scene == 2
    assert memory.recall(KAIRO.id, STORY).place == "sea"
    memory.correct(EpisodeId("sea"), SceneState(place="ball"))
    assert memory.state(KAIRO.id, STORY, 2).place == "ball"
    assert memory.forget(EpisodeId("rain")).forgotten
    assert found(memory, "rain", AT_ONCE) == []
    assert not memory.settled(AT_ONCE)


def test_a_search_waits_for_what_was_remembered_before_it(memory: MemoryStore) -> None:
    started(memory)
    for prompt in ("rain", "sea", "bread"):
        memory.remember(episode(prompt, prompt=prompt), ("sface", [1.0, 0.5]))

    assert found(memory, "the sea")[0] == "sea"
    faces = memory.search_face(KAIRO.id, "sface", [1.0, 0.5], 9, PATIENCE_S)
    assert {one.id for one, _ in faces} == {"rain", "sea", "bread"}


def test_episodes_are_embedded_in_batches_and_what_waits_once(
    memory: MemoryStore, shelf: Shelf
) -> None:
    started(memory)
    assert memory.settled(PATIENCE_S)
    shelf.encoding.close()
    memory.remember(episode("first"), None)
    shelf.encoding.wait_for_a_thread()
    for n in range(BATCH + 3):
        memory.remember(episode(f"e{n}"), None)
    memory.correct(EpisodeId("e0"), SceneState(place="sea"))

    shelf.encoding.open()

    assert memory.settled(PATIENCE_S)
    (writer, *_) = shelf.encoders
    assert [len(batch) for batch in writer.read] == [1, BATCH, 3]
    assert [text for batch in writer.read for text in batch if "in sea" in text] == [
        "Kairo fights in rain; in sea"
    ]


def test_while_an_index_is_rebuilt_everything_answers_with_what_there_is(
    memory: MemoryStore, store: Store, shelf: Shelf
) -> None:
    told(store, AWAITED + 2 * BATCH)
    shelf.encoding.close()
    started(memory)
    shelf.encoding.wait_for_a_thread()
    assert found(memory, "bread") == []

    memory.remember(episode("rain", prompt="rain"), None)
    assert memory.recall(KAIRO.id, STORY).scene == AWAITED + 2 * BATCH + 1
    assert found(memory, "rain", AT_ONCE) == []
    shelf.encoding.let_one_pass()  # a batch of the old ones
    shelf.encoding.wait_for_a_thread()
    assert len(shelf.texts) == BATCH
    assert "rain" not in shelf.texts
    shelf.encoding.let_one_pass()  # what is new comes before the other old ones
    assert found(memory, "rain")[0] == "rain"
    assert len(shelf.texts) == BATCH + 1

    shelf.encoding.open()
    assert memory.settled(PATIENCE_S)
    assert len(shelf.texts) == AWAITED + 2 * BATCH + 1


def test_closing_waits_for_the_batch_in_hand_alone(
    settings: Settings, store: Store, shelf: Shelf
) -> None:
    store.characters.add(KAIRO)
    told(store, AWAITED + 1)
    shelf.encoding.close()
    vectors = TextVectors(settings, store.episodes, threading.Lock())
    index = started(EpisodeIndex("text", vectors, store.episodes))
    shelf.encoding.wait_for_a_thread()
    index.stop()
    shelf.encoding.let_one_pass()

    index.close()

    assert len(shelf.texts) == BATCH


def test_what_is_still_being_opened_says_so_at_once_and_is_waited_for(
    memory: MemoryStore, shelf: Shelf
) -> None:
    shelf.opening.close()
    started(memory)
    memory.remember(episode("rain", prompt="rain"), None)
    with pytest.raises(Unavailable, match="still being opened"):
        found(memory, "rain", AT_ONCE)
    assert not memory.settled(AT_ONCE)
    shelf.opening.open()
    assert found(memory, "rain") == ["rain"]


@pytest.mark.parametrize("error", [ProviderError("away"), OSError("away")])
def test_what_fails_is_told_and_made_good_once_it_is_back(
    memory: MemoryStore, shelf: Shelf, clock: ManualClock, error: Exception
) -> None:
    started(memory)
    assert memory.settled(PATIENCE_S)
    shelf.encoding.problem = error
    memory.remember(episode("rain", prompt="rain"), None)
    assert not memory.settled(PATIENCE_S)
    assert memory.remember(episode("sea", prompt="sea"), None).scene == 2
    with pytest.raises(CineError, match="away"):
        found(memory, "rain")

    shelf.encoding.problem = None
    clock.turn(RETRY_S)

    assert memory.settled(PATIENCE_S)
    assert set(found(memory, "rain")) == {"rain", "sea"}


def test_an_index_that_fails_under_a_search_is_opened_again(
    memory: MemoryStore, shelf: Shelf
) -> None:
    started(memory)
    memory.remember(episode("rain", prompt="rain"), None)
    assert found(memory, "rain") == ["rain"]
    shelf.searching.fail()
    with pytest.raises(ProviderError, match="away"):
        found(memory, "rain")
    shelf.searching.problem = None
    assert found(memory, "rain") == ["rain"]


def test_a_failing_text_index_keeps_no_face_from_being_found(
    memory: MemoryStore, shelf: Shelf
) -> None:
    shelf.encoding.fail()
    started(memory)
    memory.remember(episode("rain"), ("sface", [1.0, 0.0]))
    faces = memory.search_face(KAIRO.id, "sface", [1.0, 0.0], 3, PATIENCE_S)
    assert [one.id for one, _ in faces] == ["rain"]


def test_what_is_gone_takes_nobodys_place_and_leaves_the_index(
    memory: MemoryStore, store: Store, shelf: Shelf
) -> None:
    started(memory)
    for n in range(5):
        memory.remember(episode(f"gone{n}", prompt="rain"), ("sface", [1.0, 0.0]))
    memory.remember(episode("stays", prompt="sea and rain"), ("sface", [0.9, 0.1]))
    assert memory.settled(PATIENCE_S)
    for n in range(5):
        store.episodes.forget(EpisodeId(f"gone{n}"))  # as a predecessor that was killed

    assert found(memory, "rain", limit=1) == ["stays"]
    assert memory.settled(PATIENCE_S)
    assert shelf.texts == {"stays"}


def test_a_row_that_an_index_refuses_keeps_out_no_other(
    memory: MemoryStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = ListIndex.upsert

    def refusing(self: ListIndex, id: str, vector: object, **owner: str) -> None:
        if id == "bad":
            raise Invalid("no such vector")
        upsert(self, id, np.asarray(vector, np.float32), **owner)

    monkeypatch.setattr(ListIndex, "upsert", refusing)
    started(memory)
    memory.remember(episode("bad", prompt="rain"), None)
    memory.remember(episode("good", prompt="rain"), None)
    assert found(memory, "rain") == ["good"]
