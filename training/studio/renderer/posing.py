"""Where the camera stands and how the actor is turned; and what moves along with a head."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.studio.renderer.geometry import rotation
from training.studio.renderer.mesh import Floats, Reals
from training.studio.renderer.shot import Shot

NECK = np.array([0.0, 0.03, -0.13], np.float32)
"""The point about which the head turns."""

FOLLOW = 0.06
"""How far the camera follows a face that turns aside, metres at a right angle."""

PERSPECTIVE = 0.85
"""One over the camera's distance in metres."""


@dataclass(frozen=True)
class Frame:
    """What the picture shows at the head: its middle (x, z) and its width, in metres."""

    x: float
    z: float
    width: float

    @property
    def bottom(self) -> float:
        """Height of the lower edge."""
        return self.z - self.width / 2


def head_share(z: Floats) -> Floats:
    """How far points at height ``z`` (n,) turn with the head, (n, 1): 0 on the shoulders, 1 from
    the jaw up."""
    t = np.clip((z + 0.235) / 0.10, 0, 1)
    share: Floats = (t * t * (3 - 2 * t))[:, None]
    return share


@dataclass(frozen=True)
class Posing:
    """How a shot turns head and body: rotation matrices (3, 3) about the neck."""

    head: Floats
    body: Floats

    def apply(self, points: Floats, rest_z: Floats) -> Floats:
        """Points (n, 3) turned, metres; ``rest_z`` (n,) is their height on the average head."""
        about: Reals = points - NECK
        share = head_share(rest_z)
        mixed = (about @ self.head.T) * share + (about @ self.body.T) * (1 - share)
        turned: Reals = mixed + NECK
        return turned.astype(np.float32)


def camera_and_pose(shot: Shot, rng: np.random.Generator) -> tuple[Frame, Posing]:
    """What the camera sees and how the actor is turned; the first draws of the shot's own rng."""
    middle = {"close-up": -0.050, "portrait": -0.074, "waist-up": -0.108}[shot.framing]
    aside = FOLLOW * np.sin(np.radians(shot.yaw))
    frame = Frame(float(aside) + 0.006 * rng.normal(), middle + 0.005 * rng.normal(), shot.width)
    lean = {"running": 10.0, "fighting": -4.0}.get(shot.action, 0.0) * (1 if shot.seed % 2 else -1)
    angles = np.radians([shot.pitch, shot.roll + lean, shot.yaw])
    body = rotation(0.0, np.radians(0.6 * lean), 0.35 * angles[2])
    return frame, Posing(rotation(*angles), body)


class Ties:
    """Carries points along with the nearest of some vertices ``rest`` (k, 3); remembers which those
    are."""

    def __init__(self, rest: Floats) -> None:
        self.rest = rest
        self._known: dict[int, tuple[NDArray[np.intp], Floats]] = {}

    def carry(self, points: Floats, shift: Floats) -> Floats:
        """``points`` (n, 3) moved by the ``shift`` (k, 3) of the vertices near them."""
        key = zlib.crc32(points.tobytes())
        if key not in self._known:
            if len(self._known) > 200:
                self._known.clear()
            self._known[key] = self._nearest(points)
        near, weight = self._known[key]
        carried: Floats = points + (weight[..., None] * shift[near]).sum(1)
        return carried

    def _nearest(self, points: Floats) -> tuple[NDArray[np.intp], Floats]:
        ends = (points**2).sum(1)[:, None] + (self.rest**2).sum(1)[None]
        squared = (ends - 2 * points @ self.rest.T).clip(0)
        near = np.argpartition(squared, 6, axis=1)[:, :6]
        weight = 1 / (np.take_along_axis(squared, near, 1) + 1e-4)
        weight /= weight.sum(1, keepdims=True)
        return near, weight.astype(np.float32)
