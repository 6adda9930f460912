"""What the vector index promises, on Milvus Lite in a folder and on a Milvus server."""

import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from cluster.errors import Invalid, ProviderError, ProviderMissing
from cluster.providers.milvus import MilvusIndex, collection_name, open_client, quoted
from cluster.settings import MemorySettings, StoreSettings

X, Y, Z = np.eye(3, dtype=np.float32)
BETWEEN = (X + 0.5 * Y).astype(np.float32)
ODD = "a\"b\\c\n\t'{}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "milvus_lite", "server"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(folder / "data"), "--port", str(port)],
            stdout=log,
            stderr=log,
        )
        try:
            _await(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module", params=["folder", pytest.param("server", marks=pytest.mark.slow)])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusClient]:
    uri = request.getfixturevalue("server") if request.param == "server" else None
    home = tmp_path_factory.mktemp("vectors")
    opened = open_client(StoreSettings(home=home), MemorySettings(milvus_uri=uri))
    yield opened
    opened.close()


@pytest.fixture
def index(client: MilvusClient, request: pytest.FixtureRequest) -> MilvusIndex:
    """An empty index of three characters' worth: its own model, so its own collection."""
    return MilvusIndex(client, f"model of {request.node.name}", 3)


def test_the_nearest_come_first(index: MilvusIndex) -> None:
    for id, vector in [("x", X), ("y", Y), ("between", BETWEEN)]:
        index.upsert(id, vector, character_id="kairo", story_id="s")
    found = index.search(X, character_id="kairo", story_id=None, limit=2)
    assert [id for id, _ in found] == ["x", "between"]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, 2 / 5**0.5])


def test_upserting_again_replaces(index: MilvusIndex) -> None:
    index.upsert("x", X, character_id="kairo", story_id="s")
    index.upsert("x", Y, character_id="kairo", story_id="t")
    assert index.ids() == {"x"}
    assert index.search(X, character_id="kairo", story_id="s", limit=5) == []
    assert index.search(Y, character_id="kairo", story_id="t", limit=5) == [("x", 1.0)]


def test_characters_and_stories_are_kept_apart(index: MilvusIndex) -> None:
    for id, character, story in [("a", "kairo", "s"), ("b", "kairo", "t"), ("c", "mira", "s")]:
        index.upsert(id, X, character_id=character, story_id=story)

    def ids(character: str, story: str | None) -> set[str]:
        found = index.search(X, character_id=character, story_id=story, limit=9)
        return {id for id, _ in found}

    assert ids("kairo", None) == {"a", "b"}
    assert ids("kairo", "s") == {"a"}
    assert ids("nobody", None) == set()


def test_names_are_data_and_never_part_of_a_filter(index: MilvusIndex) -> None:
    index.upsert("odd", X, character_id=ODD, story_id=ODD)
    index.upsert("other", X, character_id="kairo", story_id="s")
    assert index.search(X, character_id=ODD, story_id=ODD, limit=9) == [("odd", 1.0)]
    assert index.search(X, character_id='" or id != "', story_id=None, limit=9) == []
    assert quoted('a"\\') == '"a\\"\\\\"'


def test_a_deleted_vector_is_gone_and_may_be_deleted_again(index: MilvusIndex) -> None:
    index.upsert("x", X, character_id="kairo", story_id="s")
    index.delete("x")
    index.delete("x")
    assert index.search(X, character_id="kairo", story_id=None, limit=5) == []
    assert index.ids() == frozenset()


def test_a_vector_of_another_length_is_refused_before_it_is_sent(index: MilvusIndex) -> None:
    for wrong in (np.ones(4, np.float32), np.ones((1, 3), np.float32)):
        with pytest.raises(Invalid, match="vectors of 3 numbers"):
            index.upsert("x", wrong, character_id="kairo", story_id="s")
        with pytest.raises(Invalid, match="vectors of 3 numbers"):
            index.search(wrong, character_id="kairo", story_id=None, limit=1)


def test_models_share_nothing_even_if_their_names_look_alike(client: MilvusClient) -> None:
    one, other = MilvusIndex(client, "org/model-1", 3), MilvusIndex(client, "org_model_1", 3)
    one.upsert("x", X, character_id="kairo", story_id="s")
    assert other.ids() == frozenset()
    assert collection_name("org/model-1").startswith("memory_org_model_1_")


def test_a_model_that_changed_its_length_is_not_mixed_in(client: MilvusClient) -> None:
    MilvusIndex(client, "grown", 3)
    with pytest.raises(ProviderError, match=r"grown \[3\], not grown \[4\]"):
        MilvusIndex(client, "grown", 4)


def test_what_was_written_is_found_by_the_next_process(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writer = spawn.Process(target=_write, args=(tmp_path,))
    writer.start()
    writer.join(120)
    client = open_client(StoreSettings(home=tmp_path), MemorySettings())
    index = MilvusIndex(client, "kept", 3)
    assert index.search(X, character_id="kairo", story_id="s", limit=1) == [("x", 1.0)]
    second = spawn.Process(target=_is_refused, args=(tmp_path,))
    second.start()
    second.join(120)
    assert (writer.exitcode, second.exitcode) == (0, 0)
    client.close()


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ProviderMissing, match=r"127\.0\.0\.1:1"):
        open_client(StoreSettings(), MemorySettings(milvus_uri="http://127.0.0.1:1"))


def _write(home: Path) -> None:
    index = MilvusIndex(open_client(StoreSettings(home=home), MemorySettings()), "kept", 3)
    index.upsert("x", X, character_id="kairo", story_id="s")


def _is_refused(home: Path) -> None:
    with pytest.raises(ProviderMissing, match="cannot be opened"):
        open_client(StoreSettings(home=home), MemorySettings())


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the Milvus server did not start; see its log")
