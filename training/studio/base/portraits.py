"""The face of every render as the product's own encoder finds and embeds it; made once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.providers import face_encoder
from cluster.settings import Settings
from training.studio.base.renders import SHOTS, RenderSet
from training.studio.processes import in_processes

CHUNK = 120
"""Pictures in one file of results."""


@dataclass(frozen=True)
class Portraits:
    """Who each of n pictures shows.

    actor_of: (n,) int64.
    embeddings: (n, dim) float32 unit vectors of the largest face, zero where none was found.
    boxes: (n, 4) float32, x0, y0, x1, y1 of that face in [0, 1] of the picture.
    """

    actor_of: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    boxes: NDArray[np.float32]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a face was found, (n,)."""
        return np.asarray(self.embeddings.any(axis=1))

    def others(self) -> dict[int, NDArray[np.int64]]:
        """By picture that can be learned: the actor's other pictures that show a face, (m,)."""
        known = self.known
        found: dict[int, NDArray[np.int64]] = {}
        for actor in np.unique(self.actor_of):
            own = np.flatnonzero((self.actor_of == actor) & known)
            found |= {int(row): own[own != row] for row in own if len(own) > 1}
        return found


@dataclass(frozen=True)
class FaceSet:
    """The faces of a render set's first ``count`` pictures, kept beside them."""

    renders: RenderSet
    count: int

    def part(self, chunk: int) -> Path:
        """Embedding and box, (CHUNK, dim + 4) float32, of one chunk."""
        return self.renders.pictures_path.with_suffix("") / f"faces_{chunk:06d}.npy"

    @property
    def chunks(self) -> range:
        return range(-(-self.count // CHUNK))

    def missing(self) -> list[int]:
        return [chunk for chunk in self.chunks if not self.part(chunk).exists()]

    def done(self) -> int:
        """How many pictures' faces are there."""
        return min(self.count, (len(self.chunks) - len(self.missing())) * CHUNK)

    def load(self) -> Portraits:
        """All faces. FileNotFoundError before `embed_faces` has finished."""
        rows = np.concatenate([np.load(self.part(chunk)) for chunk in self.chunks])[: self.count]
        actor_of = np.arange(self.count, dtype=np.int64) // SHOTS
        return Portraits(actor_of, rows[:, :-4], rows[:, -4:])


def embed_faces(faces: FaceSet, workers: int) -> Iterator[int]:
    """Embed what is missing in ``workers`` processes; yields how many pictures are done."""
    missing = faces.missing()
    yield faces.done()
    if not missing:
        return
    # The pack is downloaded here, once, and not by every worker.
    face_encoder(Settings().identity)
    tasks = [(faces, missing[worker::workers]) for worker in range(workers)]
    yield from in_processes(_embed_part, tasks, faces.done)
    if left := faces.missing():
        raise RuntimeError(f"embedding faces stopped with {len(left)} parts missing")
    yield faces.count


def _embed_part(task: tuple[FaceSet, list[int]]) -> None:
    faces, chunks = task
    encoder = face_encoder(Settings().identity)
    pictures = faces.renders.pictures()
    for chunk in chunks:
        batch = pictures[chunk * CHUNK : min((chunk + 1) * CHUNK, faces.count)]
        found = [encoder.faces(np.ascontiguousarray(picture)) for picture in batch]
        dim = max((len(one[0].embedding) for one in found if one), default=0)
        rows = np.zeros((len(batch), dim + 4), np.float32)
        for row, one in zip(rows, found, strict=True):
            if one:
                row[:-4] = one[0].embedding
                row[-4:] = np.array(one[0].box) / faces.renders.size_px
        _save(faces.part(chunk), rows)


def _save(path: Path, rows: NDArray[np.float32]) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".part.npy")
    np.save(partial, rows)
    partial.replace(path)
