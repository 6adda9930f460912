"""Where and with which arithmetic the studio trains: the same code on CUDA and CPU."""

from contextlib import AbstractContextManager
from typing import Any

import torch


def device_of() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic."""
    return torch.autocast(device.type, torch.bfloat16)
