"""Face detection and recognition by `insightface`: boxes, landmarks and embeddings."""

import math
import warnings

import cv2
import numpy as np
import onnxruntime
from insightface.app import FaceAnalysis
from insightface.app.common import Face as Found

from cluster.domain.identity.face import Face
from cluster.domain.identity.score import Box
from cluster.ports import Pixels
from cluster.providers.facepack import FacePack

DETECTION_SIZES = [(320, 320), (640, 640)]
"""The detector sees the picture at both sizes: large faces are found in one, small in the other."""
BORDER = 0.25
"""Grey border added on each side, as a share of the longer side: a face that fills its frame is
found only with something round it."""
WORKING_SIDE_PX = 512
"""Smaller pictures are enlarged to this side before anything else."""
MIN_DETECTION_SCORE = 0.7
"""What the detector is less sure of counts as no face."""
SAME_FACE_OVERLAP = 0.5
"""Share of the smaller of two boxes from which on they are one face."""


class InsightFaceEncoder:
    """A `FaceEncoder`. Not tied to a pack: any folder that `insightface` loads will do."""

    def __init__(self, pack: FacePack, providers: list[str] | None = None) -> None:
        # scikit-image's notice about a function that insightface calls, once a picture otherwise.
        warnings.filterwarnings("ignore", category=FutureWarning, module="insightface")
        self.model = pack.model
        self._app = FaceAnalysis(
            name=str(pack.folder),
            allowed_modules=["detection", "recognition"],
            providers=providers,
            sess_options=_session_options(),
        )
        self._app.prepare(ctx_id=0, det_thresh=MIN_DETECTION_SCORE, det_size=DETECTION_SIZES)

    def faces(self, pixels: Pixels) -> tuple[Face, ...]:
        """Faces of uint8 RGB pixels (height, width, 3), largest first, in the picture's own px.

        Embeddings are float32 and L2-normalised. Any number of threads may call this.
        """
        height, width = pixels.shape[:2]
        scale = max(1.0, WORKING_SIDE_PX / max(height, width))
        border = math.ceil(BORDER * scale * max(height, width))
        found = self._app.get(_prepared(pixels, scale, border))
        faces = [_face(one, scale, border, (width, height)) for one in found]
        return tuple(sorted(_distinct(faces), key=lambda face: -face.area_px))


def _session_options() -> onnxruntime.SessionOptions:
    """One thread a picture, asleep when idle: these models are small, pictures come in parallel,
    and the cores belong to the generator."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _prepared(pixels: Pixels, scale: float, border: int) -> Pixels:
    """What the detector is shown: enlarged, with a grey border, uint8 BGR (height', width', 3)."""
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    if scale > 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    bordered = np.pad(image, ((border, border), (border, border), (0, 0)), constant_values=127)
    return np.asarray(bordered, np.uint8)


def _distinct(faces: list[Face]) -> list[Face]:
    """Non-maximum suppression by the smaller box: without faces that lie mostly inside a surer one.

    Eyes and mouths of a large face overlap it too little for the detector's own suppression.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_shared(face, other) < SAME_FACE_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _shared(one: Face, other: Face) -> float:
    """Their common area as a share of the smaller one's."""
    width = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    height = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return max(width, 0) * max(height, 0) / max(min(one.area_px, other.area_px), 1e-6)


def _face(found: Found, scale: float, border: int, size: tuple[int, int]) -> Face:
    corners = (np.asarray(found.bbox, np.float64).reshape(2, 2) - border) / scale
    (x0, y0), (x1, y1) = np.clip(corners, 0, size).tolist()
    box: Box = (x0, y0, x1, y1)
    return Face(
        box=box,
        landmarks=((found.kps - border) / scale).astype(np.float32),
        score=float(found.det_score),
        embedding=np.asarray(found.normed_embedding, np.float32),
    )
