"""ONNX graph rewriting: YuNet in the layout of SCRFD, the detector that `insightface` can load.

Same weights, same arithmetic: only the graph's two ends change.

    input     RGB (x - 127.5) / 128           -> BGR 0..255, as YuNet was trained
    scores    class and objectness            -> sqrt(class * objectness)
    boxes     centre offset and log size      -> distances to left, top, right, bottom
    anchors   one a cell                      -> two a cell, the second with score 0

All quantities stay in units of the stride (8, 16, 32), which SCRFD shares.
YuNet: Wu et al., 2023 (libfacedetection, MIT). SCRFD: Guo et al., 2021.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
PREFIX = "scrfd"


def as_scrfd(content: bytes) -> bytes:
    """An ONNX file with nine outputs: scores (n, 1), distances (n, 4) and landmark offsets
    (n, 10) for each of the three strides, from YuNet's twelve."""
    model = onnx.load_from_string(content)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    image = next(value.name for value in graph.input if value.name not in weights)
    nodes = [
        *_input_nodes(image),
        *graph.node,
        *(node for stride in STRIDES for node in _output_nodes(stride)),
    ]
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in _constants().items()
    )
    for field in (graph.node, graph.input, graph.output, graph.value_info):
        del field[:]
    graph.node.extend(nodes)
    shape = [1, 3, "height", "width"]
    graph.input.append(helper.make_tensor_value_info(_name("input"), TensorProto.FLOAT, shape))
    graph.output.extend(_output_values())
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _name(part: str, stride: int | None = None) -> str:
    return f"{PREFIX}_{part}" if stride is None else f"{PREFIX}_{part}_{stride}"


def _constants() -> dict[str, np.ndarray[Any, Any]]:
    values: dict[str, np.ndarray[Any, Any]] = {
        "128": np.array(128, np.float32),
        "127.5": np.array(127.5, np.float32),
        "0": np.array(0, np.float32),
        "0.5": np.array(0.5, np.float32),
        "1": np.array(1, np.float32),
        "bgr": np.array([2, 1, 0], np.int64),
        **{f"rows_{n}": np.array([1, -1, n], np.int64) for n in (1, 4, 10)},
    }
    return {_name(key): value for key, value in values.items()}


def _node(op: str, inputs: list[str], *outputs: str, **attributes: int) -> onnx.NodeProto:
    return helper.make_node(op, inputs, list(outputs), **attributes)


def _input_nodes(image: str) -> Iterator[onnx.NodeProto]:
    """From SCRFD's input, RGB (1, 3, height, width) about 0, to YuNet's: BGR, 0 to 255."""
    yield _node("Mul", [_name("input"), _name("128")], _name("scaled"))
    yield _node("Add", [_name("scaled"), _name("127.5")], _name("rgb"))
    yield _node("Gather", [_name("rgb"), _name("bgr")], image, axis=1)


def _output_nodes(stride: int) -> Iterator[onnx.NodeProto]:
    """From YuNet's four outputs of a stride to SCRFD's three, each (n, columns)."""

    def at(part: str) -> str:
        return _name(part, stride)

    for raw in ("cls", "obj"):
        yield _node("Clip", [f"{raw}_{stride}", _name("0"), _name("1")], at(raw))
    yield _node("Mul", [at("cls"), at("obj")], at("product"))
    yield _node("Sqrt", [at("product")], at("score"))
    yield _node("Mul", [at("score"), _name("0")], at("never"))
    yield _node("Concat", [at("score"), at("never")], at("score_pair"), axis=2)
    yield _node("Reshape", [at("score_pair"), _name("rows_1")], at("scores"))

    yield _node("Split", [f"bbox_{stride}"], at("offset"), at("log_size"), axis=2)
    yield _node("Exp", [at("log_size")], at("size"))
    yield _node("Mul", [at("size"), _name("0.5")], at("half_size"))
    yield _node("Sub", [at("half_size"), at("offset")], at("to_left_top"))
    yield _node("Add", [at("half_size"), at("offset")], at("to_right_bottom"))
    yield _node("Concat", [at("to_left_top"), at("to_right_bottom")], at("box"), axis=2)
    yield _node("Concat", [at("box"), at("box")], at("box_pair"), axis=2)
    yield _node("Reshape", [at("box_pair"), _name("rows_4")], at("boxes"))

    yield _node("Concat", [f"kps_{stride}", f"kps_{stride}"], at("points_pair"), axis=2)
    yield _node("Reshape", [at("points_pair"), _name("rows_10")], at("points"))


def _output_values() -> Iterator[onnx.ValueInfoProto]:
    """Grouped by kind, then by stride: SCRFD's order."""
    for kind, columns in (("scores", 1), ("boxes", 4), ("points", 10)):
        for stride in STRIDES:
            shape = [1, f"anchors_{stride}", columns]
            name = _name(kind, stride)
            yield helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
