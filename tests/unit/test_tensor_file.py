"""The safetensors reader sees what the library sees, and refuses what it refuses."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from cluster.codecs.tensor_file import read_tensors
from cluster.errors import BadAdapter

TENSORS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([[1.5]], np.float16),
    "none": np.zeros((0, 4), np.float32),
    "scalar": np.array(3, np.int64),
}


def test_it_reads_what_the_library_reads_and_copies_nothing() -> None:
    content = save(TENSORS, {"alpha": "4"})
    file = read_tensors(content)
    theirs = {name: (one["dtype"], one["shape"], one["data"]) for name, one in deserialize(content)}  # type: ignore[no-untyped-call]
    ours = {name: (raw.dtype, list(raw.shape), raw.data) for name, raw in file.tensors.items()}
    assert ours == theirs
    assert file.metadata == {"alpha": "4"}
    assert file.tensors["b"].data.obj is content
    assert b"".join(raw.data for raw in file.tensors.values()) == file.data


def written(header: dict[str, Any], size: int = 8) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


def one(**changes: object) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


@pytest.mark.parametrize(
    "header",
    [
        {"a": one(), "b": one()},  # they overlap
        {"a": one(data_offsets=[4, 12])},  # a gap before it
        {"a": one(shape=[1])},
        {"a": one(shape=[2.0])},
        {"a": one(shape=[-1, -2])},
        {"a": one(shape="2")},
        {"a": one(dtype="F33")},
        {"a": one(data_offsets=[8, 0])},
        {"a": one(data_offsets=["0", "8"])},
        {"a": {"dtype": "F32", "shape": [2]}},
        {"a": 5},
        {"a": one(shape=[1], data_offsets=[0, 4])},  # bytes behind the last
        {"a": one(shape=[4], data_offsets=[0, 16])},  # cut off
        {"a": one(), "__metadata__": {"alpha": 4}},
        {"a": one(), "__metadata__": ["alpha"]},
    ],
)
def test_what_the_library_refuses_is_refused(header: dict[str, Any]) -> None:
    content = written(header)
    with pytest.raises(SafetensorError):
        deserialize(content)  # type: ignore[no-untyped-call]
    with pytest.raises(BadAdapter):
        read_tensors(content)
