"""Attribute classifier: one small ONNX network, trained on the studio's renders.

It knows pictures of one person, faces in the upper half of a square frame. Other shapes are cut
to a square first, about the face where it is known.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from cluster.domain.identity.score import Box, Domain
from cluster.domain.identity.tags import Tags
from cluster.errors import Invalid, ProviderMissing
from cluster.ports import Pixels
from cluster.settings import ASSETS

FACE_SHARE = 0.24
"""Faces narrower than this share of the square are cropped closer; training ends at 0.33."""
FACE_HEIGHT_IN_FRAME = 0.45
"""Where the renders that it was trained on have the middle of the face, from the top."""

Logits = npt.NDArray[np.float32]
"""(labels,) of one picture."""


@dataclass(frozen=True)
class LabelHead:
    """One classification head: a span of the network's logits, and how they become probabilities.

    Calibrated logits are `scale * logit + shift`. `independent` labels are judged one by one (a
    sigmoid each); the others exclude each other (softmax).
    """

    name: str
    independent: bool
    labels: tuple[str, ...]
    scale: float
    shift: float

    def probabilities(self, logits: Logits) -> dict[str, float]:
        """Probabilities in [0, 1] of logits (labels,): by temperature scaling (Guo et al. 2017) for
        labels that exclude each other, else by Platt scaling (Platt 1999)."""
        scaled = logits.astype(np.float64) * self.scale + self.shift
        if self.independent:
            values = 1 / (1 + np.exp(-scaled.clip(-30, 30)))
        else:
            raised = np.exp(scaled - scaled.max())
            values = raised / raised.sum()
        return dict(zip(self.labels, values.tolist(), strict=True))


def square(pixels: Pixels, face: Box | None) -> Pixels:
    """The square crop that the tagger looks at: as much as fits, and the face in it.

    uint8 (height, width, 3) -> a view (side, side, 3); `face` is a box in px.
    Without a face the middle of a wide picture and the top of a tall one.
    """
    height, width = pixels.shape[:2]
    side = float(min(height, width))
    x, y = width / 2, side * FACE_HEIGHT_IN_FRAME
    if face is not None:
        x0, y0, x1, y1 = face
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        side = min(side, max((x1 - x0) / FACE_SHARE, 1.0))
    left = int(np.clip(x - side / 2, 0, width - side))
    top = int(np.clip(y - side * FACE_HEIGHT_IN_FRAME, 0, height - side))
    return pixels[top : top + int(side), left : left + int(side)]


class OnnxTagger:
    """Implements the Tagger port on `folder`/tagger.onnx and tagger.json; thread-safe.

    Raises ProviderMissing when the files are not there.
    """

    def __init__(self, folder: Path = ASSETS / "tagger", threads: int = 1) -> None:
        model, sheet = folder / "tagger.onnx", folder / "tagger.json"
        if not model.exists() or not sheet.exists():
            raise ProviderMissing(
                f"no tagger in {folder}",
                advice="Make one with `python -m training.studio.tagger train`, then `evaluate`.",
            )
        described = json.loads(sheet.read_text())
        self._size = int(described["size_px"])
        self._measured_on: frozenset[Domain] = frozenset(described.get("measured_on", ()))
        self._heads = tuple(
            LabelHead(
                name=head["name"],
                independent=head["kind"] == "sigmoid",
                labels=tuple(head["labels"]),
                scale=head["scale"],
                shift=head["shift"],
            )
            for head in described["heads"]
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._lock = threading.Lock()

    @property
    def measured_on(self) -> frozenset[Domain]:
        """The kinds of pictures for which its card has figures, as tagger.json lists them; none
        for one that says nothing of it."""
        return self._measured_on

    def tags(self, pixels: Pixels, face: Box | None = None) -> Tags:
        """Read uint8 RGB pixels (height, width, 3); a face box in px helps off-centre people.

        Raises Invalid for arrays of another kind.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise Invalid(f"pixels must be uint8 (height, width, 3), not {pixels.shape}")
        sized = cv2.resize(
            square(pixels, face), (self._size, self._size), interpolation=cv2.INTER_AREA
        )
        batch = sized.astype(np.float32).transpose(2, 0, 1)[None]
        with self._lock:
            (logits,) = self._session.run(None, {"pixels": batch})
        return Tags(heads=self._split(np.asarray(logits[0], np.float32)))

    def _split(self, logits: Logits) -> dict[str, dict[str, float]]:
        heads: dict[str, dict[str, float]] = {}
        start = 0
        for head in self._heads:
            end = start + len(head.labels)
            heads[head.name] = head.probabilities(logits[start:end])
            start = end
        return heads
