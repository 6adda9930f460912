"""Where eyes and the places of a face are in a render, computed from its geometry."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import FACE_PLACES
from training.studio.renderer.actor import Actor
from training.studio.renderer.mesh import Floats
from training.studio.renderer.posing import PERSPECTIVE, camera_and_pose
from training.studio.renderer.render import MARK_PLACE, Renderer
from training.studio.renderer.shot import Shot

KEYPOINTS = ("left eye", "right eye", *FACE_PLACES, "mouth", "left brow", "right brow", "collar")
"""``collar`` is the front of the neck where clothes begin."""

SKIN_PLACE = {
    **MARK_PLACE,
    "left brow": (0.0315, -0.0265),
    "right brow": (-0.0315, -0.0265),
    "collar": (0.0, -0.21),
}
"""Where each lies on the average head, (x, z) metres."""

EYE_DEPTH = np.array([0, -0.016, 0], np.float32)
"""From an eyeball's middle to its iris, metres."""


class Landmarks:
    """Projects the points of `KEYPOINTS`."""

    def __init__(self, head_cache: Path) -> None:
        self._renderer = Renderer(64, head_cache)
        head = self._renderer.head
        skin = head.part == 0
        front = np.flatnonzero(skin & (head.rest[:, 1] < -0.03))
        names = [name for name in KEYPOINTS if name in SKIN_PLACE]
        flat = head.rest[front][:, [0, 2]]
        wanted = np.array([SKIN_PLACE[name] for name in names], np.float32)
        nearest = front[((flat[None] - wanted[:, None]) ** 2).sum(-1).argmin(1)]
        self._spots = dict(zip(names, nearest.tolist(), strict=True))
        self._lips = np.flatnonzero(skin & (head.masks["lips"] > 0.5))
        self._eyes = [np.flatnonzero(head.part == part) for part in (1, 2)]
        self._last: tuple[Actor, Floats] | None = None

    def _neutral(self, actor: Actor) -> Floats:
        if self._last is None or self._last[0] != actor:
            self._last = (actor, self._renderer.shape(actor))
        return self._last[1]

    def of(self, actor: Actor, shot: Shot) -> NDArray[np.float32]:
        """Keypoints (11, 2): x and y in [0, 1] of the picture, y downwards."""
        head, neutral = self._renderer.head, self._neutral(actor)
        skin = neutral + head.expression(shot.expression)
        left, right = (neutral[eye].mean(0) + EYE_DEPTH for eye in self._eyes)
        known = {"left eye": left, "right eye": right, "mouth": skin[self._lips].mean(0)}
        points = [known[name] if name in known else skin[self._spots[name]] for name in KEYPOINTS]
        height = [
            head.rest[self._spots[name], 2] if name in self._spots else 0.0 for name in KEYPOINTS
        ]
        frame, posing = camera_and_pose(shot, np.random.default_rng(shot.seed))
        at = posing.apply(np.stack(points).astype(np.float32), np.array(height, np.float32))
        near = 1 + (at[:, 1] + 0.1) * PERSPECTIVE
        x = ((at[:, 0] - frame.x) * 2 / frame.width / near + 1) / 2
        y = (1 - (at[:, 2] - frame.z) * 2 / frame.width / near) / 2
        return np.stack([x, y], 1).astype(np.float32)
