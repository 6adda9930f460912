"""Tagger MMD: the maximum mean discrepancy between two sets of pictures, on the tagger's features.

The estimator is that of the Kernel Inception Distance (Bińkowski et al. 2018, "Demystifying MMD
GANs"): the unbiased squared discrepancy under a cubic polynomial kernel, averaged over random
subsets. No Inception network is at hand offline, so pictures are described by the spatial means of
the tagger's feature maps, which know clothes, places and faces of this domain. **The values compare
with each other only, never with published KIDs**: 0 is what two sets of renders score.
"""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from cluster.settings import ASSETS

Features = NDArray[np.float64]
MEANS = frozenset({"ReduceMean", "GlobalAveragePool"})
SUBSETS, SUBSET_SIZE = 100, 100


def features(pictures: NDArray[np.uint8], tagger: Path = ASSETS / "tagger") -> Features:
    """What the tagger's maps hold on average, (n, dim), of uint8 RGB pictures (n, h, w, 3).

    ``tagger`` is the folder of tagger.onnx. ValueError for a network without spatial means.
    """
    model = onnx.load(str(tagger / "tagger.onnx"))
    graph = model.graph
    means = [node.output[0] for node in graph.node if node.op_type in MEANS]
    if not means:
        raise ValueError(f"{tagger}: the tagger's network takes no mean over its maps")
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in means)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    side = int(session.get_inputs()[0].shape[2])
    rows = []
    for picture in pictures:
        sized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        pixels = sized.astype(np.float32).transpose(2, 0, 1)[None]
        found = session.run(means, {session.get_inputs()[0].name: pixels})
        rows.append(np.concatenate([np.ravel(one) for one in found]))
    return np.asarray(rows, np.float64)


def kernel(one: Features, other: Features) -> Features:
    """(x · y / dim + 1)³ of every pair of rows, (n, m)."""
    cubed: Features = (one @ other.T / one.shape[1] + 1) ** 3
    return cubed


def mmd2(one: Features, other: Features) -> float:
    """Unbiased squared maximum mean discrepancy of (n, dim) and (m, dim); below 0 by chance when
    equal."""
    n, m = len(one), len(other)
    own, theirs = kernel(one, one), kernel(other, other)
    inside = (own.sum() - np.trace(own)) / (n * (n - 1))
    outside = (theirs.sum() - np.trace(theirs)) / (m * (m - 1))
    return float(inside + outside - 2 * kernel(one, other).mean())


def tagger_mmd(made: Features, true: Features, seed: int = 0) -> tuple[float, float]:
    """Mean and standard deviation of `mmd2` over random subsets of both sets.

    Features (n, dim) and (m, dim) are standardised by the true set's mean and spread first: without
    Inception's own scale, a few large features would decide everything.
    """
    centre, spread = true.mean(0), true.std(0) + 1e-6
    made, true = (made - centre) / spread, (true - centre) / spread
    rng = np.random.default_rng(seed)
    size = min(SUBSET_SIZE, len(made), len(true))
    values = [
        mmd2(
            made[rng.choice(len(made), size, replace=False)],
            true[rng.choice(len(true), size, replace=False)],
        )
        for _ in range(SUBSETS)
    ]
    return float(np.mean(values)), float(np.std(values))
