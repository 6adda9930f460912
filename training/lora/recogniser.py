"""A pack's face recogniser as a differentiable torch module: a loss that sees what it sees.

It runs the ONNX files of SFace (Zhong et al., IEEE TIP 2021) and of ArcFace's residual networks
(Deng et al. 2019), and knows nothing of detection.
"""

from pathlib import Path

import insightface.model_zoo
import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from cluster.errors import ProviderMissing, Unsupported
from cluster.providers.facepack import ensure_pack
from cluster.settings import IdentitySettings

SIZE_PX = 112
"""Side of the aligned crop that SFace and ArcFace were trained on."""
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float64,
)
"""The five landmarks in the aligned 112-px crop (the ArcFace template)."""


class Recogniser(nn.Module):
    """Executes an ONNX graph with torch operators; all weights are frozen.

    ``mean`` and ``std`` are what is taken off pixels in [0, 255], and what they are divided by.
    """

    def __init__(self, path: Path, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self._mean, self._std = mean, std
        graph = onnx.load(str(path)).graph
        self._nodes = [
            (node.op_type, list(node.input), node.output[0], _attributes(node))
            for node in graph.node
        ]
        for init in graph.initializer:
            tensor = torch.from_numpy(numpy_helper.to_array(init).copy()).float()
            self.register_buffer(_key(init.name), tensor)
        self._input = _first_input(graph)
        self._output = graph.output[0].name

    def forward(self, aligned: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Embed aligned crops.

        Args:
            aligned: (n, 3, 112, 112) RGB in [0, 1].

        Returns:
            L2-normalised embeddings (n, dim) and the feature maps after each stride.
        """
        values: dict[str, Tensor] = {self._input: (aligned * 255.0 - self._mean) / self._std}
        stages: list[Tensor] = []
        size = aligned.shape[-1]
        for kind, names, output, attributes in self._nodes:
            inputs = [values[n] if n in values else getattr(self, _key(n)) for n in names]
            values[output] = result = _run(kind, inputs, attributes)
            if kind == "PRelu" and result.shape[-1] < size:
                stages.append(result)
                size = result.shape[-1]
        return functional.normalize(values[self._output].flatten(1)), stages


def recogniser_of(settings: IdentitySettings) -> Recogniser:
    """The pack's own, in torch. Raises ProviderMissing, or Unsupported for a network that cannot be
    run so."""
    pack = ensure_pack(settings)
    for path in sorted(pack.folder.glob("*.onnx")):
        model = insightface.model_zoo.get_model(str(path), providers=["CPUExecutionProvider"])
        if model is not None and model.taskname == "recognition":
            return Recogniser(path, model.input_mean, model.input_std)
    raise ProviderMissing(f"the face pack {pack.model} holds no recogniser")


def alignment(landmarks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Similarity transform from the aligned crop to image pixels, least squares (Umeyama 1991).

    Args:
        landmarks: float32 (5, 2), px in the image, in the order of `TEMPLATE`.

    Returns:
        Float32 (2, 3), mapping homogeneous template coordinates (px) to image coordinates (px).
    """
    source, target = TEMPLATE, landmarks.astype(np.float64)
    s, t = source - source.mean(0), target - target.mean(0)
    a = (s * t).sum() / (s * s).sum()
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / (s * s).sum()
    linear = np.array([[a, -b], [b, a]])
    shift = target.mean(0) - linear @ source.mean(0)
    return np.column_stack([linear, shift]).astype(np.float32)


def align(images: Tensor, matrices: Tensor) -> Tensor:
    """Crop aligned faces differentiably.

    Args:
        images: float32 (n, 3, h, w) RGB.
        matrices: (n, 2, 3) from `alignment`.

    Returns:
        (n, 3, 112, 112), bilinear, border replicated.
    """
    h, w = images.shape[-2:]
    axis = torch.arange(SIZE_PX, dtype=torch.float32, device=images.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(-1, 3)
    pixels = torch.einsum("nij,kj->nki", matrices, points).view(-1, SIZE_PX, SIZE_PX, 2)
    scale = torch.tensor([w, h], dtype=torch.float32, device=images.device)
    grid = (pixels + 0.5) / scale * 2 - 1
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _key(name: str) -> str:
    return "w_" + name.replace(".", "_")


def _first_input(graph: onnx.GraphProto) -> str:
    """What is fed; old files list their weights as inputs as well."""
    weights = {init.name for init in graph.initializer}
    return next(str(one.name) for one in graph.input if one.name not in weights)


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _run(kind: str, inputs: list[Tensor], attributes: dict[str, object]) -> Tensor:
    match kind:
        case "Sub":
            return inputs[0] - inputs[1]
        case "Add":
            return inputs[0] + inputs[1]
        case "Mul":
            return inputs[0] * inputs[1]
        case "Conv":
            return _conv(inputs, attributes)
        case "BatchNormalization":
            x, gamma, beta, mean, variance = inputs
            epsilon = float(str(attributes["epsilon"]))
            return functional.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)
        case "PRelu":
            return functional.prelu(inputs[0], inputs[1].flatten())
        case "Dropout" | "Identity":
            return inputs[0]
        case "Flatten":
            return inputs[0].flatten(1)
        case "Gemm":
            return functional.linear(*inputs)
        case _:
            raise Unsupported(
                f"the face recogniser holds an operator that cannot be trained through: {kind}",
                advice="Set identity_weight to 0 in training.recipe, or use another pack.",
            )


def _conv(inputs: list[Tensor], attributes: dict[str, object]) -> Tensor:
    pads, strides = attributes["pads"], attributes["strides"]
    if not isinstance(pads, list) or not isinstance(strides, list):
        raise TypeError("convolution without pads and strides")
    bias = inputs[2] if len(inputs) > 2 else None
    groups = int(str(attributes["group"]))
    return functional.conv2d(
        inputs[0], inputs[1], bias, stride=tuple(strides), padding=pads[0], groups=groups
    )
