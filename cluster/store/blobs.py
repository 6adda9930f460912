"""Content-addressed bytes in any fsspec file system."""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedIOBase
from typing import Any

import numpy as np
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from cluster.errors import CineError, NotFound

DIGEST = re.compile(r"[0-9a-f]{64}")
FIRST_BYTES = 2 * 2**20


class Blobs:
    """A blob lives under `<root>/<first two digits>/<sha256>` and never changes.

    Local writes go to a file of their own and are renamed, so that a reader sees a whole blob or
    none; object stores do that themselves. A read is checked against its address.
    """

    def __init__(self, root: str) -> None:
        files, path = url_to_fs(root)
        self._files: Any = files
        self._root = str(path).rstrip("/")
        self._local = isinstance(files, LocalFileSystem)

    def put(self, content: bytes) -> str:
        """Keep the bytes; returns their address, the lower-case hex SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if self._files.exists(path) and self._files.size(path) == len(content):
            return sha256
        if not self._local:
            self._files.pipe_file(path, content)
            return sha256
        draft = f"{path}.{uuid.uuid4().hex}.part"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(draft, content)
        self._files.mv(draft, path)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Raises NotFound; CineError when the bytes no longer match their address."""
        path = self._path_of(sha256)
        try:
            content: bytes = self._files.cat_file(path)
        except FileNotFoundError:
            raise NotFound("artifact", id=sha256) from None
        _check(hashlib.sha256(content).hexdigest(), sha256)
        return content

    @contextmanager
    def view(self, sha256: str) -> Iterator[memoryview]:
        """The same of a large blob, lent for as long as the block lasts, and checked while the
        block works on it: the block ends only when the bytes are right, and what was made of them
        is worth nothing before. Whoever keeps some of them has to copy them.

        Raises what `get` raises; of damaged bytes also in place of what the block raised.
        """
        path, digest = self._path_of(sha256), hashlib.sha256()
        try:
            file = self._files.open(path, "rb")
        except FileNotFoundError:
            raise NotFound("artifact", id=sha256) from None
        memory = np.empty(file.size, np.uint8)  # in large pages, which are cleared sooner
        with file, ThreadPoolExecutor(1) as beside:
            content = _read(file, memory.data, lambda part: beside.submit(digest.update, part))
            try:
                yield content
            finally:
                beside.shutdown()
                _check(digest.hexdigest(), sha256)

    def delete(self, sha256: str) -> None:
        """Forget the bytes; what is not there needs no forgetting."""
        if self.exists(sha256):
            self._files.rm_file(self._path(sha256))

    def exists(self, sha256: str) -> bool:
        return bool(DIGEST.fullmatch(sha256) and self._files.exists(self._path(sha256)))

    def _path_of(self, sha256: str) -> str:
        """Raises NotFound for what is no address."""
        if not DIGEST.fullmatch(sha256):
            raise NotFound("artifact", id=sha256)
        return self._path(sha256)

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"


def _read(
    file: BufferedIOBase, memory: memoryview, told: Callable[[memoryview], object]
) -> memoryview:
    """As much of a file as there is, and room for. `told` hears of each part, which is twice as
    long as the one before it: whoever listens on another thread can start at once, and seldom waits
    for Python's lock."""
    at, part_bytes = 0, FIRST_BYTES
    while got := file.readinto(memory[at : at + part_bytes]):
        told(memory[at : at + got])
        at, part_bytes = at + got, 2 * part_bytes
    return memory[:at]


def _check(found: str, sha256: str) -> None:
    if found != sha256:
        raise CineError(
            f"artifact {sha256} is damaged on disk",
            advice="Delete it from the blob store and restore it from a copy, or render again.",
        )
