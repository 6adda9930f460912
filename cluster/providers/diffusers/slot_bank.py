"""Slot memory for many LoRA adapters at once: tables of one row a slot.

A table holds the layers that one adapter was the first to touch, so that a model pays only for the
layers that are adapted. All numbers of a slot in a table lie side by side: filling a slot is one
copy a table, whatever the number of layers. Ranks are padded with zeros. Knows nothing of names,
nor of who may be thrown out.
"""

import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cluster.errors import BadAdapter
from cluster.providers.diffusers.slot_layers import Switch, can_hold_slots, give_slots

ARRAYS: dict[torch.dtype, type[np.generic]] = {
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: ml_dtypes.bfloat16,
}
"""What numpy, whose views cost a tenth of torch's, calls them."""

ALIGN = 64
"""Numbers: every tensor starts at a multiple, where aligned vector loads are quickest."""


class Span(NamedTuple):
    """Where a layer's two factors begin in a row, and their shapes at the bank's rank."""

    down_at: int
    down: tuple[int, ...]
    up_at: int
    up: tuple[int, ...]


class Factors(NamedTuple):
    """One layer's low-rank change, `scale * up @ down`: down (rank, in, ...), up (out, rank, ...),
    both of any float dtype."""

    down: npt.NDArray[Any]
    up: npt.NDArray[Any]
    scale: float


class SlotTable:
    """Layers whose weights have one dtype and device: `rows` is (slots + 1, numbers)."""

    def __init__(self, layers: Mapping[str, nn.Module], slots: int, rank: int) -> None:
        self.spans: dict[str, Span] = {}
        self.rank, end = rank, 0
        for name, layer in layers.items():
            weight = layer.get_parameter("weight")
            down, up = (rank, *weight.shape[1:]), (weight.shape[0], rank)
            middle = _aligned(end + prod(down))
            self.spans[name] = Span(end, down, middle, up)
            end = _aligned(middle + prod(up))
        self.rows = torch.zeros(slots + 1, end, dtype=weight.dtype, device=weight.device)
        self._spare: deque[npt.NDArray[np.uint8]] = deque()

    def tensors(self, name: str) -> tuple[Tensor, Tensor]:
        """The layer's factors in all slots, views of `rows`: down (slots + 1, rank, in, ...), up
        (slots + 1, out, rank)."""
        span = self.spans[name]
        return (
            _view(self.rows, span.down_at, span.down),
            _view(self.rows, span.up_at, span.up),
        )

    def staged(self, factors: Mapping[str, Factors]) -> Tensor | None:
        """A row (numbers,) of `factors` by layer, in the host's memory and the table's dtype; None
        where they touch nothing of this table."""
        if factors.keys().isdisjoint(self.spans):
            return None
        row = self._row()
        numbers = row.view(torch.uint8).numpy().view(ARRAYS[row.dtype])
        for name, span in self.spans.items():
            down = _part(numbers, span.down_at, span.down)
            up = _part(numbers, span.up_at, span.up)
            rank = 0
            if (pair := factors.get(name)) is not None:
                rank, factor = len(pair.down), pair.up.reshape(len(pair.up), -1)
                if pair.scale != 1:  # in float32, and rounded once
                    factor = factor.astype(np.float32) * np.float32(pair.scale)
                down[:rank], up[:, :rank] = pair.down, factor
            if rank < self.rank:
                down[rank:], up[:, rank:] = 0, 0
        return row

    def _row(self) -> Tensor:
        """Memory of the host for a row, whatever it holds: pinned for a GPU, which torch keeps for
        the next; else what an earlier row was let go from, since the kernel clears new pages, and
        slowly where they are not large, which numpy asks for and torch does not."""
        size = self.rows.shape[1]
        if self.rows.device.type == "cuda":
            return torch.empty(size, dtype=self.rows.dtype, pin_memory=True)
        try:
            memory = self._spare.pop()
        except IndexError:
            memory = np.empty(size * self.rows.itemsize, np.uint8)
        row = torch.from_numpy(memory).view(self.rows.dtype)
        weakref.finalize(row, self._spare.append, memory).atexit = False
        return row


class Staged(NamedTuple):
    """An adapter ready to be copied into a slot: one row a table that it touches."""

    rows: dict[SlotTable, Tensor]
    sample_wise: bool  # it touches only layers that tell the pictures of a batch apart

    @property
    def bytes(self) -> int:
        """What it takes of the host's memory."""
        return sum(row.nbytes for row in self.rows.values())


class SlotBank:
    """The slots 1 to `slots` of a denoiser; slot 0 changes nothing.

    `stage` may be called from any thread; `fill` and the switch belong to whoever paints.

    Args:
        unet: Whether the denoiser is a UNet.
        max_rank: Every pair of tensors takes the room of this rank.
    """

    def __init__(self, denoiser: nn.Module, *, unet: bool, slots: int, max_rank: int) -> None:
        self._denoiser, self.slots, self._rank = denoiser, slots, max_rank
        self._tables: list[SlotTable] = []
        self._filled: dict[int, set[SlotTable]] = {}
        self._lock = threading.Lock()
        self._in_lists = _in_lists(denoiser)
        self._unet = unet
        self.switch = Switch(denoiser)

    @property
    def bytes(self) -> int:
        """What all slots of all adapted layers take."""
        return sum(table.rows.nbytes for table in self._tables)

    def open(self, modules: Iterable[str]) -> None:
        """Give these layers their slots, unless they have them. Raises BadAdapter."""
        with self._lock:
            have = {name for table in self._tables for name in table.spans}
            groups: dict[tuple[torch.dtype, torch.device], dict[str, nn.Module]] = {}
            for name in sorted(set(modules) - have):
                layer = self._denoiser.get_submodule(name)
                if not can_hold_slots(layer):
                    raise BadAdapter(f"{name}: a {type(layer).__name__} cannot be adapted here")
                weight = layer.get_parameter("weight")
                groups.setdefault((weight.dtype, weight.device), {})[name] = layer
            for layers in groups.values():
                self._add(layers)

    def stage(self, factors: Mapping[str, Factors]) -> Staged:
        """Bring an adapter of at most the bank's rank into the form in which slots are filled.

        Raises BadAdapter for a layer that cannot be adapted.
        """
        self.open(factors)
        rows = {table: table.staged(factors) for table in tuple(self._tables)}
        return Staged(
            {table: row for table, row in rows.items() if row is not None},
            all(self._per_row(name) for name in factors),
        )

    def fill(self, slot: int, staged: Staged) -> None:
        """Copy an adapter into `slot`, over whatever was in it."""
        before = self._filled.pop(slot, set())
        for table in before.difference(staged.rows):
            table.rows[slot].zero_()
        for table, row in staged.rows.items():
            table.rows[slot].copy_(row, non_blocking=True)
        self._filled[slot] = set(staged.rows)

    def _add(self, layers: Mapping[str, nn.Module]) -> None:
        table = SlotTable(layers, self.slots, self._rank)
        for name, layer in layers.items():
            give_slots(layer, *table.tensors(name), self.switch, self._per_row(name))
        self._tables.append(table)

    def _per_row(self, name: str) -> bool:
        """Whether the layer sees one row a picture.

        All layers of a UNet do, and the blocks of a transformer; some transformers embed the tokens
        of all pictures of a batch in one run (Z-Image), outside their blocks.
        """
        return self._unet or name.startswith(self._in_lists)


def _in_lists(denoiser: nn.Module) -> tuple[str, ...]:
    lists = (name for name, part in denoiser.named_modules() if isinstance(part, nn.ModuleList))
    return tuple(f"{name}." for name in lists)


def _view(rows: Tensor, at: int, shape: tuple[int, ...]) -> Tensor:
    return rows[..., at : at + prod(shape)].view(*rows.shape[:-1], *shape)


def _part(row: npt.NDArray[Any], at: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return row[at : at + prod(shape)].reshape(shape)


def _aligned(number: int) -> int:
    return -(-number // ALIGN) * ALIGN
