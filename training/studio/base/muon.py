"""Muon for a network's matrices and kernels, AdamW for all other weights, as one optimiser.

Muon steps along the orthogonalised momentum (Jordan et al. 2024), which learns more from each of
a small run's few steps. torch's takes matrices only, so it works on flat copies of the kernels.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter


class Muon:
    """``learning_rate`` is AdamW's; Muon's steps are of AdamW's size and ``ratio`` times that.

    An `Optimizer` as `training.loop` takes them.
    """

    def __init__(
        self,
        kernels: Iterable[Parameter],
        others: Iterable[Parameter],
        learning_rate: float,
        ratio: float = 2.0,
    ) -> None:
        """``kernels``: weights (out, in, ...) of linear and convolution layers."""
        self._kernels = list(kernels)
        self._flat = [Parameter(kernel.detach().flatten(1).clone()) for kernel in self._kernels]
        self._muon = torch.optim.Muon(
            self._flat, ratio * learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.98), weight_decay=0.01)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Both parts' groups: whoever sets their ``lr`` sets the parts'."""
        return [*self._muon.param_groups, *self._adamw.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for kernel in self._kernels:
            kernel.grad = None
        self._adamw.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight along its gradient."""
        for kernel, flat in zip(self._kernels, self._flat, strict=True):
            flat.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        self._muon.step()  # type: ignore[no-untyped-call]
        for kernel, flat in zip(self._kernels, self._flat, strict=True):
            kernel.copy_(flat.view(kernel.shape))
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was saved; the network's own weights are loaded before."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])
        for kernel, flat in zip(self._kernels, self._flat, strict=True):
            flat.copy_(kernel.flatten(1))


def is_kernel(weight: Tensor) -> bool:
    """Whether a weight of the UNet, (out, in, ...), multiplies features, rather than scale or shift
    them."""
    return weight.ndim >= 2
