"""Starting the tagger from a shipped one: what its ONNX file still knows of the network.

The file has each batch norm folded into the convolution before it. They are told apart again with
a batch of pictures: what the folded convolution gives there is what the norm has to restore.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.studio.tagger.net import TaggerNet


def folded(net: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions with their norm, in the order of the graph."""
    blocks = [list(block) for block in net.modules() if isinstance(block, nn.Sequential)]
    return [
        (block[0], block[1])
        for block in blocks
        if len(block) == 3 and isinstance(block[0], nn.Conv2d)
        if isinstance(block[1], nn.BatchNorm2d)
    ]


def restore(net: TaggerNet, path: Path, pixels: Tensor) -> None:
    """Take over every weight of the file that fits, into the leading corner of one that has grown.
    ``pixels`` (n, 3, 128, 128) float32 in [0, 255], a few dozen pictures. Raises ValueError when
    the file's convolutions are not this network's."""
    weights = {
        weight.name.removesuffix("_half"): torch.from_numpy(
            numpy_helper.to_array(weight).astype(np.float32)
        )
        for weight in onnx.load(path).graph.initializer
    }
    own = net.state_dict()
    for name, value in weights.items():
        grown = own.get(name.removeprefix("net."))
        if grown is not None and grown.ndim == value.ndim:
            corner = tuple(slice(0, size) for size in value.shape)
            if grown[corner].shape == value.shape:
                grown[corner] = value
    convolutions = [value for name, value in weights.items() if name.startswith("onnx::Conv")]
    pairs = folded(net)
    shapes = [weight.shape for weight in convolutions[::2]]
    if shapes != [convolution.weight.shape for convolution, _ in pairs]:
        raise ValueError(f"{path} is of another network: start without it")
    handles = [
        norm.register_forward_pre_hook(Unfold(bias))
        for (_, norm), bias in zip(pairs, convolutions[1::2], strict=True)
    ]
    with torch.no_grad():
        for (convolution, _), weight in zip(pairs, convolutions[::2], strict=True):
            convolution.weight.copy_(weight)
        net.train()(pixels)
    for handle in handles:
        handle.remove()


class Unfold:
    """Gives a norm the scale and shift after which it changes nothing but adds ``bias``."""

    def __init__(self, bias: Tensor) -> None:
        self.bias = bias

    def __call__(self, norm: nn.Module, inputs: tuple[Tensor]) -> None:
        mean = inputs[0].mean((0, 2, 3))
        norm.weight.data.copy_(inputs[0].std((0, 2, 3)))  # type: ignore[operator]
        norm.bias.data.copy_(mean + self.bias)  # type: ignore[operator]
