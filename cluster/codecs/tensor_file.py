"""The safetensors format over bytes in memory, read where they lie: no tensor is copied.

`safetensors.deserialize` copies every tensor, and takes `bytes` alone; an adapter of 46 MB is
verified in a third of the time without it.
The format: https://github.com/huggingface/safetensors#format.
"""

import json
import struct
from math import prod
from typing import Any, NamedTuple

from cluster.errors import BadAdapter

Content = bytes | memoryview
Shape = tuple[int, ...]

LENGTH_BYTES = 8
ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
}


class Raw(NamedTuple):
    """One tensor as it lies in the file; `data` is little-endian, a view."""

    dtype: str
    shape: Shape
    data: memoryview


class TensorFile(NamedTuple):
    """``tensors`` by name, ``data`` all of them in one, and what the header says besides."""

    tensors: dict[str, Raw]
    data: memoryview
    metadata: dict[str, str]


def read_tensors(content: Content) -> TensorFile:
    """Raises BadAdapter for what the format does not allow: tensors of another size than their
    shape and dtype have, that overlap, or that leave a gap."""
    header = read_header(content)
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise BadAdapter("not a safetensors file: __metadata__ is not a table of strings")
    data = memoryview(content)[LENGTH_BYTES + _length(content) :]
    tensors, end = {}, 0
    try:
        for name, one in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            first, last = one["data_offsets"]
            raw = Raw(one["dtype"], tuple(one["shape"]), data[first:last])
            if first != end or last - first != _bytes_of(raw):
                raise BadAdapter(f"{name}: not where a safetensors file has its next tensor")
            tensors[name], end = raw, last
    except (KeyError, TypeError, ValueError) as error:
        raise BadAdapter(f"not a safetensors file: {error!r} in its header") from error
    if end != len(data):
        raise BadAdapter(f"not a complete safetensors file: {len(data)} bytes of {end}")
    return TensorFile(tensors, data, metadata)


def _bytes_of(raw: Raw) -> int:
    """By dtype and shape. Raises KeyError or ValueError for what is neither."""
    if not all(isinstance(side, int) and side >= 0 for side in raw.shape):
        raise ValueError(f"shape {raw.shape}")
    return ITEM_BYTES[raw.dtype] * prod(raw.shape)


def read_header(content: Content) -> dict[str, Any]:
    """The JSON header at the start of a safetensors file. Raises BadAdapter."""
    length = _length(content)
    if length > len(content) - LENGTH_BYTES:
        raise BadAdapter("not a complete safetensors file: its header is cut off")
    try:
        header = json.loads(bytes(content[LENGTH_BYTES : LENGTH_BYTES + length]))
    except (ValueError, RecursionError) as error:
        raise BadAdapter(f"not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise BadAdapter("not a safetensors file: its header is not an object")
    return header


def _length(content: Content) -> int:
    """The header's, bytes; more than there are where even that is cut off."""
    if len(content) < LENGTH_BYTES:
        return len(content)
    return int(struct.unpack("<Q", content[:LENGTH_BYTES])[0])
