"""LoRA serving: adapters are verified, staged in the host's memory, and served from slots."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
from cachetools import LRUCache
from torch import nn

from cluster.codecs.adapter_file import DOWN, UP, check_fits, open_adapter
from cluster.codecs.tensor_file import Raw
from cluster.domain.learning.adapter import AdapterVersion
from cluster.errors import BadAdapter
from cluster.ports import BlobStore
from cluster.providers.diffusers.folder import BaseFolder
from cluster.providers.diffusers.slot_bank import Factors, SlotBank, Staged

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
ATTENTION = (".to_q", ".to_k", ".to_v", ".to_out.0")


class Adapters:
    """Serves every picture of a batch with an adapter of its own, or with the base model alone.

    A file is verified before anything is touched, so that one that is refused leaves what is served
    as it is, bit for bit. A slot is taken from whoever used it longest ago, never from an adapter
    of the batch in hand; it is named only when it is full.
    """

    def __init__(
        self, denoiser: nn.Module, base: BaseFolder, blobs: BlobStore, *, slots: int, max_rank: int
    ) -> None:
        self._base, self._blobs, self._max_rank = base, blobs, max_rank
        self._bank = SlotBank(
            denoiser, unet=base.component == "unet", slots=slots, max_rank=max_rank
        )
        self._free = list(range(slots, 0, -1))
        self._slots: OrderedDict[str, int] = OrderedDict()
        # As many again as are in slots: those of the jobs that wait.
        self._staged: LRUCache[str, Staged] = LRUCache(2 * slots)
        self._lock, self._staging = threading.Lock(), threading.Lock()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the adapters in slots, the one used longest ago first."""
        return tuple(self._slots)

    @property
    def bank_bytes(self) -> int:
        """What the slots take of the device's memory."""
        return self._bank.bytes

    def open_attention(self) -> None:
        """Give all attention projections their slots now, before the model is compiled."""
        layers = self._base.layers.shapes
        self._bank.open(name for name in layers if name.endswith(ATTENTION))

    def stage(self, adapter: AdapterVersion) -> Staged:
        """Verify an adapter and lay it ready, unless it is. Raises BadAdapter, or NotFound.

        May be called from any thread, while pictures are painted.
        """
        name = _name(adapter)
        if (known := self._known(name)) is not None:
            return known
        with self._staging:
            staged = self._known(name) or self._read(adapter)
        with self._lock:
            self._staged[name] = staged
        return staged

    def together(self, adapters: Sequence[AdapterVersion | None]) -> list[list[int]]:
        """Which pictures can be painted at once: their places in `adapters`, in groups.

        All of them as a rule. No group has more adapters than there are slots; adapters that change
        layers which cannot tell pictures apart have a group each. Raises what `stage` raises.
        """
        groups: dict[str | int, list[int]] = {}
        mixed: dict[str, int] = {}
        for place, adapter in enumerate(adapters):
            key: str | int = 0
            if adapter is not None:
                key = _name(adapter)
                if self.stage(adapter).sample_wise:
                    key = mixed.setdefault(key, len(mixed)) // self._bank.slots
            groups.setdefault(key, []).append(place)
        return list(groups.values())

    @contextmanager
    def serving(self, adapters: Sequence[AdapterVersion | None]) -> Iterator[None]:
        """Let the n-th picture of every batch painted herein use the n-th adapter.

        For one thread at a time. Raises what `stage` raises, before anything is changed.
        """
        wanted = {_name(one): self.stage(one) for one in adapters if one is not None}
        for name, staged in wanted.items():
            if name not in self._slots:
                self._fill(name, staged, wanted.keys())
            self._slots.move_to_end(name)
        self._bank.switch.turn([self._slots[_name(one)] if one else 0 for one in adapters])
        try:
            yield
        finally:
            self._bank.switch.turn([0])

    def _fill(self, name: str, staged: Staged, in_flight: Set[str]) -> None:
        if not self._free:
            oldest = next(one for one in self._slots if one not in in_flight)
            self._free.append(self._slots.pop(oldest))
        self._bank.fill(self._free[-1], staged)
        self._slots[name] = self._free.pop()

    def _known(self, name: str) -> Staged | None:
        with self._lock:
            return self._staged.get(name)

    def _read(self, adapter: AdapterVersion) -> Staged:
        with self._blobs.view(adapter.sha256) as content:  # which checks the digest meanwhile
            return self._bank.stage(self._verified(adapter, content))

    def _verified(self, adapter: AdapterVersion, content: memoryview) -> dict[str, Factors]:
        base = self._base
        file, raw = open_adapter(content)
        # A file that names the weights it was trained on is judged by these alone.
        if file.base_sha256 is None and adapter.base_model not in base.known_as:
            raise BadAdapter(
                f"{adapter.id} belongs to {adapter.base_model}; {base.id} is being served"
            )
        check_fits(file, base.layers, lambda: base.sha256, self._max_rank)
        part = file.component
        return {
            name: Factors(
                _array(raw[f"{part}.{name}{DOWN}"]), _array(raw[f"{part}.{name}{UP}"]), scale
            )
            for name, scale in file.scales.items()
        }


def _array(raw: Raw) -> npt.NDArray[Any]:
    """A view of the bytes."""
    return np.ndarray(raw.shape, DTYPES[raw.dtype], raw.data)


def _name(adapter: AdapterVersion) -> str:
    """A version number may come back with another file after its character was deleted."""
    return f"{adapter.id}_{adapter.sha256[:12]}"
