"""Content-addressed bytes."""

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from cluster.errors import CineError, NotFound
from cluster.store.blobs import Blobs

CONTENT = b"pixels" * 10_000
ADDRESS = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["file", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """A local folder, and a store that is not one."""
    roots = {"file": f"file://{tmp_path}/blobs", "memory": f"memory://{uuid.uuid4()}"}
    return Blobs(roots[request.param])


def viewed(blobs: Blobs, address: str) -> bytes:
    with blobs.view(address) as content:
        return bytes(content)


def test_a_blob_is_found_under_its_digest(blobs: Blobs) -> None:
    assert not blobs.exists(ADDRESS)
    assert blobs.put(CONTENT) == ADDRESS
    assert blobs.put(CONTENT) == ADDRESS
    assert blobs.exists(ADDRESS)
    nothing = blobs.put(b"")
    assert (blobs.get(ADDRESS), blobs.get(nothing)) == (CONTENT, b"")
    assert (viewed(blobs, ADDRESS), viewed(blobs, nothing)) == (CONTENT, b"")


@pytest.mark.parametrize("address", [ADDRESS, "", "..", "../../etc/passwd", ADDRESS.upper(), "é"])
def test_what_is_not_there_is_not_found(blobs: Blobs, address: str) -> None:
    assert not blobs.exists(address)
    for read in (blobs.get, partial(viewed, blobs)):
        with pytest.raises(NotFound, match="artifact"):
            read(address)


def stumbled(blobs: Blobs, address: str) -> None:
    with blobs.view(address):
        raise ValueError


def test_damage_is_noticed_and_mended_by_the_next_put(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}")
    blobs.put(CONTENT)
    (tmp_path / ADDRESS[:2] / ADDRESS).write_bytes(CONTENT[:100])
    for read in (blobs.get, partial(viewed, blobs), lambda address: stumbled(blobs, address)):
        with pytest.raises(CineError, match="damaged"):
            read(ADDRESS)
    blobs.put(CONTENT)
    assert blobs.get(ADDRESS) == CONTENT


def test_writers_at_once_leave_one_whole_blob_and_nothing_else(tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path}")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(blobs.put, [CONTENT] * 16)) == {ADDRESS}
    assert blobs.get(ADDRESS) == CONTENT
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [ADDRESS]
