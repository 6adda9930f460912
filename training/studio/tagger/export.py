"""The trained tagger as one ONNX file with float16 weights, and its labels beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from cluster.domain.identity.score import Domain
from training.studio.tagger.heads import SIGMOID, SOFTMAX
from training.studio.tagger.report import HeadCalibration

MEASURED_ON: tuple[Domain, ...] = ("studio",)
"""The kinds of pictures that `evaluate` has truth for: renders, and what was painted over them."""


class LogitsOnly(nn.Module):
    """The network without what only training needs: one row of logits a picture."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) in [0, 255] to logits (n, softmax labels + sigmoid labels)."""
        softmax, sigmoid, _ = self.net(pixels)
        return torch.cat([softmax, sigmoid], 1)


def halve(model: onnx.ModelProto, least: int = 256) -> onnx.ModelProto:
    """Keep large weights as float16, cast to float32 in the graph: the runtime folds the casts
    once at load, so the file halves and the arithmetic stays."""
    graph = model.graph
    casts = []
    for index, weight in enumerate(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < least:
            continue
        name = weight.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        graph.initializer[index].CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def labels(calibration: HeadCalibration, trained: dict[str, Any], size_px: int) -> dict[str, Any]:
    """What the provider has to know: heads in output order with labels and calibration."""
    exclusive = [
        {
            "name": head,
            "kind": "softmax",
            "labels": list(names),
            "scale": round(1 / calibration.temperature[head], 5),
            "shift": 0.0,
        }
        for head, names in SOFTMAX.items()
    ]
    independent = [
        {
            "name": head,
            "kind": "sigmoid",
            "labels": list(names),
            "scale": round(calibration.platt[head][0], 5),
            "shift": round(calibration.platt[head][1], 5),
        }
        for head, names in SIGMOID.items()
    ]
    return {
        "size_px": size_px,
        "measured_on": list(MEASURED_ON),
        "heads": exclusive + independent,
        "trained": trained,
    }


def export_onnx(
    net: nn.Module, calibration: HeadCalibration, trained: dict[str, Any], out: Path, size_px: int
) -> None:
    """Write ``tagger.onnx`` (input ``pixels`` float32 (n, 3, size, size) RGB in [0, 255], output
    ``logits`` (n, labels)) and ``tagger.json`` into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "tagger.onnx"
    torch.onnx.export(
        LogitsOnly(net).eval(),
        (torch.zeros(1, 3, size_px, size_px),),
        path,
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_axes={"pixels": {0: "n"}, "logits": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.save(halve(onnx.load(path)), path)
    text = json.dumps(labels(calibration, trained, size_px), indent=1)
    (out / "tagger.json").write_text(text + "\n")
