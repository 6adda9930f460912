"""Renders for training: a memory map of pictures, each with its actor, shot and detail map.

Picture ``i`` shows actor ``i // SHOTS`` and depends on nothing but the seed and ``i``, so that
a set can be made by several processes, stopped and resumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cluster.ports import Pixels
from training.studio.processes import in_processes
from training.studio.renderer.actor import Actor, random_actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import Shot, random_shot

SHOTS = 6
"""Pictures of each actor."""

CHUNK = 60
"""Pictures between two progress marks."""

CELL_PX = 4
"""Side of a detail map's cell: that of a latent."""

VISIBLE = 24
"""Grey levels by which something must change a cell to count in full."""


@dataclass(frozen=True)
class RenderSet:
    """A set on disk. ``seed`` separates training from held-out people."""

    folder: Path
    count: int
    size_px: int
    seed: int

    @property
    def pictures_path(self) -> Path:
        return self.folder / f"pictures_{self.seed}_{self.count}_{self.size_px}.npy"

    def pictures(self) -> NDArray[np.uint8]:
        """All pictures, (count, size, size, 3) uint8 RGB, mapped read-only."""
        mapped: NDArray[np.uint8] = np.load(self.pictures_path, mmap_mode="r")
        return mapped

    @property
    def details_path(self) -> Path:
        return self.pictures_path.with_suffix(".details.npy")

    def details(self) -> NDArray[np.uint8]:
        """Where marks and injuries, and where the prop shows, (count, size/4, size/4, 2), 0 to 255,
        mapped."""
        mapped: NDArray[np.uint8] = np.load(self.details_path, mmap_mode="r")
        return mapped

    def example(self, index: int) -> tuple[Actor, Shot]:
        """Who and what picture ``index`` shows."""
        actor = random_actor(np.random.default_rng([self.seed, index // SHOTS]))
        return actor, random_shot(np.random.default_rng([self.seed, 1, index]))

    def mark(self, chunk: int) -> Path:
        """The file that says a chunk is finished."""
        return self.pictures_path.with_suffix("") / f"{chunk:06d}"

    def finished(self) -> int:
        """How many pictures from the first on are there without a gap."""
        chunk = 0
        while self.mark(chunk).exists():
            chunk += 1
        return min(chunk * CHUNK, self.count)


def _allocate(renders: RenderSet) -> None:
    """Create the empty memory map once."""
    if renders.pictures_path.exists():
        return
    renders.mark(0).parent.mkdir(parents=True, exist_ok=True)
    side = renders.size_px
    for path, shape in (
        (renders.details_path, (side // CELL_PX, side // CELL_PX, 2)),
        (renders.pictures_path, (side, side, 3)),
    ):
        np.lib.format.open_memmap(path, "w+", np.uint8, (renders.count, *shape)).flush()


def details(renderer: Renderer, actor: Actor, shot: Shot, picture: Pixels) -> NDArray[np.uint8]:
    """What marks and injuries, and what the prop changes in a picture, uint8 RGB (size, size, 3):
    the same one without them, compared.

    Returns (size/4, size/4, 2) uint8, the mean change of each cell, 255 from `VISIBLE` on.
    """
    side = renderer.size // CELL_PX
    found = np.zeros((side, side, 2), np.uint8)
    if actor.marks or shot.injuries:
        clean = renderer.render(replace(actor, marks=()), replace(shot, injuries=()))
        found[..., 0] = _change(picture, clean)
    if shot.prop:
        found[..., 1] = _change(picture, renderer.render(actor, replace(shot, prop=None)))
    return found


def _change(picture: Pixels, other: Pixels) -> NDArray[np.uint8]:
    """How much each cell of two pictures differs, 255 from `VISIBLE` grey levels on."""
    side = len(picture) // CELL_PX
    apart = np.abs(picture.astype(np.int16) - other).max(2)
    cells = apart.reshape(side, CELL_PX, side, CELL_PX).mean((1, 3))
    return np.asarray((cells * (255 / VISIBLE)).clip(0, 255), np.uint8)


@dataclass(frozen=True)
class RenderTask:
    """One process's part of a set: every ``workers``-th chunk."""

    renders: RenderSet
    head_cache: Path
    worker: int
    workers: int


def _render_part(task: RenderTask) -> None:
    """Render the chunks of a task that are not there yet."""
    cv2.setNumThreads(1)
    renders = task.renders
    renderer = Renderer(renders.size_px, task.head_cache)
    pictures = np.load(renders.pictures_path, mmap_mode="r+")
    maps = np.load(renders.details_path, mmap_mode="r+")
    for chunk in range(task.worker, -(-renders.count // CHUNK), task.workers):
        if renders.mark(chunk).exists():
            continue
        for index in range(chunk * CHUNK, min((chunk + 1) * CHUNK, renders.count)):
            actor, shot = renders.example(index)
            pictures[index] = renderer.render(actor, shot)
            maps[index] = details(renderer, actor, shot, pictures[index])
        renders.mark(chunk).touch()


def render_all(renders: RenderSet, head_cache: Path, workers: int) -> Iterator[int]:
    """Render what is missing in ``workers`` processes; yields how many pictures are finished."""
    _allocate(renders)
    tasks = [RenderTask(renders, head_cache, worker, workers) for worker in range(workers)]
    yield from in_processes(_render_part, tasks, renders.finished)
    if renders.finished() < renders.count:
        raise RuntimeError(f"rendering stopped at {renders.finished()} of {renders.count}")
    yield renders.count
