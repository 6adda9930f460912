"""Where eyes and the places of a face are in a render, computed from its geometry."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.domain.vocabulary import FACE_PLACES
from training.studio.actor import Actor
from training.studio.mesh import Floats
from training.studio.render import EXAGGERATION, MARK_PLACE, PERSPECTIVE, Renderer, stage
from training.studio.shot import Shot

EYE_DEPTH = np.array([0, -0.016, 0], np.float32)
"""From an eyeball's middle to its iris, metres."""


class Landmarks:
    """Projects the keypoints of `tagger_net.KEYPOINTS`: both eyes, then `FACE_PLACES`."""

    def __init__(self, head_cache: Path) -> None:
        self._renderer = Renderer(64, head_cache)
        head = self._renderer.head
        front = np.flatnonzero((head.part == 0) & (head.rest[:, 1] < -0.03))
        places = np.array([MARK_PLACE[place] for place in FACE_PLACES], np.float32)
        flat = head.rest[front][:, [0, 2]]
        self._places = front[((flat[None] - places[:, None]) ** 2).sum(-1).argmin(1)]
        self._eyes = [np.flatnonzero(head.part == part) for part in (1, 2)]
        self._last: tuple[Actor, Floats] | None = None

    def _neutral(self, actor: Actor) -> Floats:
        if self._last is None or self._last[0] != actor:
            self._last = (actor, self._renderer.shape(actor))
        return self._last[1]

    def of(self, actor: Actor, shot: Shot) -> NDArray[np.float32]:
        """Keypoints (7, 2): x and y in [0, 1] of the picture, y downwards."""
        head, neutral = self._renderer.head, self._neutral(actor)
        skin = neutral[self._places] + EXAGGERATION * head.expression(shot.expression)[self._places]
        eyes = np.stack([neutral[eye].mean(0) + EYE_DEPTH for eye in self._eyes])
        frame, posing = stage(shot, np.random.default_rng(shot.seed))
        height = np.concatenate([np.zeros(2, np.float32), head.rest[self._places, 2]])
        at = posing.apply(np.concatenate([eyes, skin]), height)
        near = 1 + (at[:, 1] + 0.1) * PERSPECTIVE
        x = ((at[:, 0] - frame.x) * 2 / frame.width / near + 1) / 2
        y = (1 - (at[:, 2] - frame.z) * 2 / frame.width / near) / 2
        return np.stack([x, y], 1).astype(np.float32)
