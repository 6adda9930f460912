"""Batched LoRA layers: they add to every row of a batch a low-rank change of that row's own.

`y[i] += up[slot of i] · down[slot of i] · x[i]`, as Punica and S-LoRA serve language models
(Chen et al. 2023, arXiv:2310.18547; Sheng et al. 2023, arXiv:2311.03285). A slot is an index into
tensors that never change their shape: filling one moves numbers and nothing else, so that a
compiled model stays compiled. Knows nothing of files, nor of who is in which slot.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLES = ("hidden_states", "sample", "x")


class Switch:
    """Slot index of every picture of a batch; one for all layers of a model.

    `rows` are those slots for the rows that the denoiser was called with, which are a multiple of
    the pictures under classifier-free guidance. int64 (rows,). Slot 0 changes nothing.
    """

    def __init__(self, denoiser: nn.Module) -> None:
        self._pictures = torch.zeros(1, dtype=torch.long, device=_device(denoiser))
        self.rows = self._pictures
        self.idle = True
        denoiser.register_forward_pre_hook(self._spread, with_kwargs=True)

    def turn(self, slots: Sequence[int]) -> None:
        """Let the n-th picture of every batch to come use the n-th of `slots`."""
        self.idle = not any(slots)
        pictures = [0] if self.idle else list(slots)
        self._pictures = torch.tensor(pictures, device=self._pictures.device)

    def _spread(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        sample = args[0] if args else next(kwargs[name] for name in SAMPLES if name in kwargs)
        times, rest = divmod(len(sample), len(self._pictures))
        if rest:
            raise RuntimeError(f"{len(sample)} rows for {len(self._pictures)} pictures")
        self.rows = self._pictures.repeat(times)


class SlotLayer(nn.Module):
    """What the layers below share: the tensors of all slots, and whose row is whose.

    `down` is (slots, rank, in, ...), `up` (slots, out, rank). A layer that sees the rows of several
    pictures run together is not `per_row`: it gives all of them the first picture's slot.
    """

    down: Tensor
    up: Tensor
    switch: Switch
    per_row: bool

    def _slots(self, x: Tensor) -> Tensor:
        if not self.per_row:
            return self.switch.rows[:1]
        if x.shape[0] != self.switch.rows.shape[0]:
            raise RuntimeError(f"{x.shape[0]} rows where {self.switch.rows.shape[0]} are painted")
        return self.switch.rows

    @property
    def _resting(self) -> bool:
        """Nothing to add; a compiled model adds its zeros, so as not to be compiled twice."""
        return not torch.compiler.is_compiling() and self.switch.idle


class SlotLinear(SlotLayer, nn.Linear):
    """A linear layer with slots."""

    def forward(self, x: Tensor) -> Tensor:
        """x (rows, ..., in) -> (rows, ..., out)."""
        y = functional.linear(x, self.weight, self.bias)
        if self._resting:
            return y
        slots = self._slots(x)
        tokens = x.reshape(slots.shape[0], -1, x.shape[-1])
        narrow = torch.bmm(tokens, self.down[slots].transpose(1, 2))
        wide = y.reshape(slots.shape[0], -1, y.shape[-1])
        return torch.baddbmm(wide, narrow, self.up[slots].transpose(1, 2)).reshape(y.shape)


class SlotConv2d(SlotLayer, nn.Conv2d):
    """A convolution with slots: its own kernel down to the rank, then 1 × 1 up."""

    def forward(self, x: Tensor) -> Tensor:
        """x (rows, in, height, width) -> (rows, out, height', width')."""
        y = super().forward(x)
        if self._resting:
            return y
        slots = self._slots(x)
        count, kernels = slots.shape[0], self.down[slots]
        narrow = functional.conv2d(  # one group a picture, so that each meets its own kernels
            x.reshape(1, -1, *x.shape[2:]) if self.per_row else x,
            kernels.flatten(0, 1),
            stride=self.stride,
            padding=self.padding,
            groups=count,
        )
        narrow = narrow.reshape(count, -1, kernels.shape[1], y.shape[2] * y.shape[3])
        added = torch.matmul(self.up[slots][:, None], narrow)
        return y + added.reshape(y.shape)


def can_hold_slots(layer: nn.Module) -> bool:
    """Whether `layer` is a plain layer of one of the two kinds. Quantised ones are not."""
    if type(layer) is nn.Conv2d:
        return layer.groups == 1 and layer.padding_mode == "zeros" and set(layer.dilation) == {1}
    return type(layer) in (nn.Linear, SlotLinear, SlotConv2d)


def give_slots(layer: nn.Module, down: Tensor, up: Tensor, switch: Switch, per_row: bool) -> None:
    """Turn a plain layer into one with slots, in place: its name and weights stay what they are.

    down (slots, rank, in, ...), up (slots, out, rank), of the weight's dtype and device.
    The kind changes last: a picture that is being painted meets a layer that adds zeros.
    """
    layer.register_buffer("down", down, persistent=False)
    layer.register_buffer("up", up, persistent=False)
    slotted = cast(SlotLayer, layer)
    slotted.switch, slotted.per_row = switch, per_row
    layer.__class__ = SlotConv2d if isinstance(layer, nn.Conv2d) else SlotLinear


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
