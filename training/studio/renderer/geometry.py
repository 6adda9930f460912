"""Simple solids and sheets, and how they are tied to a head. Metres, axes as in `mesh`."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.studio.renderer.mesh import Floats, Ints, Reals, floats

CLOTH, METAL, HAIR, EMISSIVE, GLOSSY = 4, 5, 6, 7, 8
"""Materials of the shader beyond the head's own parts (0 to 3)."""


@dataclass(frozen=True)
class Piece:
    """A coloured mesh.

    points: (n, 3) metres. faces: (t, 3) vertex numbers. colour: (n, 3) sRGB in [0, 1].
    uv: (n, 2), across and along the strands of hair.
    shade: (n,), ambient occlusion, or the layer of a hair.
    anchored: whether it follows the head's shape.
    """

    points: Floats
    faces: Ints
    colour: Floats
    material: int
    uv: Floats
    shade: Floats
    anchored: bool = True

    def moved(self, offset: tuple[float, float, float]) -> "Piece":
        """The same piece elsewhere."""
        return replace(self, points=self.points + floats(offset))

    def turned(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Piece":
        """The same piece turned about the origin by radians around x, then y, then z."""
        return replace(self, points=self.points @ rotation(x, y, z).T)


def rotation(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Floats:
    """Rotation matrix around x, then y, then z, (3, 3)."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (x, y, z))
    around_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    around_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    around_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned: Floats = (around_z @ around_y @ around_x).astype(np.float32)
    return turned


def solid(
    points: NDArray[np.floating],
    faces: Ints,
    colour: tuple[float, float, float],
    material: int = CLOTH,
    anchored: bool = True,
) -> Piece:
    """A piece of one colour: ``points`` (n, 3) metres, ``faces`` (t, 3)."""
    count = len(points)
    return Piece(
        points=points.astype(np.float32),
        faces=faces,
        colour=np.tile(floats(colour), (count, 1)),
        material=material,
        uv=np.zeros((count, 2), np.float32),
        shade=np.ones(count, np.float32),
        anchored=anchored,
    )


def grid_faces(rows: int, columns: int, closed: bool) -> Ints:
    """Triangles of a grid of points in row order; ``closed`` joins the last column to the first."""
    row, column = np.meshgrid(
        np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij"
    )
    following = (column + 1) % columns
    a, b = row * columns + column, row * columns + following
    c, d = a + columns, b + columns
    both = np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)])
    return both.reshape(-1, 3).astype(np.int32)


def lathe(
    profile: list[tuple[float, float]],
    colour: tuple[float, float, float],
    sides: int = 14,
    material: int = CLOTH,
    flat: tuple[float, float] = (1.0, 1.0),
    anchored: bool = True,
) -> Piece:
    """A solid of revolution about z from (radius, height) pairs; ``flat`` scales x and y."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    radius, height = floats(profile).T
    x = np.outer(radius, np.sin(angle)) * flat[0]
    y = -np.outer(radius, np.cos(angle)) * flat[1]
    z = np.repeat(height[:, None], sides, 1)
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    return solid(points, grid_faces(len(profile), sides, True), colour, material, anchored)


def ball(
    radii: tuple[float, float, float],
    colour: tuple[float, float, float],
    material: int = CLOTH,
    anchored: bool = True,
) -> Piece:
    """An ellipsoid about the origin."""
    turn = np.linspace(0.02, np.pi - 0.02, 9)
    profile = [(float(np.sin(t)), float(-np.cos(t))) for t in turn]
    piece = lathe(profile, colour, 14, material, anchored=anchored)
    return replace(piece, points=piece.points * floats(radii))


def box(
    size: tuple[float, float, float],
    colour: tuple[float, float, float],
    material: int = CLOTH,
    anchored: bool = True,
) -> Piece:
    """A box about the origin with its own corners on each side, so that edges stay sharp."""
    points: list[Reals] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for sign in (-0.5, 0.5):
            square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
            side = np.insert(square, axis, sign, axis=1)
            first = 4 * len(faces) // 2
            points.append(side * np.array(size))
            faces += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    return solid(np.concatenate(points), np.array(faces, np.int32), colour, material, anchored)


def tube(
    path: Floats,
    radius: float | Floats,
    colour: tuple[float, float, float],
    material: int = GLOSSY,
    sides: int = 7,
    anchored: bool = True,
) -> Piece:
    """A round tube along ``path`` (K, 3); ``radius`` may vary along it."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(along[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    across = np.cross(along, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    up = np.cross(along, across)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = (
        np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    )
    width = np.broadcast_to(np.asarray(radius, np.float32), (len(path),))
    points = (path[:, None] + ring * width[:, None, None]).reshape(-1, 3)
    piece = solid(points, grid_faces(len(path), sides, True), colour, material, anchored)
    u = np.tile(angle / (2 * np.pi), len(path))
    v = np.repeat(np.linspace(0, 1, len(path)), sides)
    return replace(piece, uv=np.stack([u, v], -1).astype(np.float32))


def collar(
    profile: list[tuple[float, float]],
    colour: tuple[float, float, float],
    gap: float = 0.0,
    material: int = CLOTH,
    slope: float = 0.0,
    folds: float = 0.0,
) -> Piece:
    """A sheet round the neck from (radius, height) pairs, open by ``gap`` radians in front.

    ``slope`` lowers the front and lifts the nape; ``folds`` is the depth of vertical folds.
    """
    angle = np.linspace(gap, 2 * np.pi - gap, 40)
    radius, height = floats(profile).T
    wave = 1 + folds * (np.sin(9 * angle) + 0.6 * np.sin(17 * angle + 1.0))
    grown = np.linspace(0, 1, len(radius))[:, None]
    r = radius[:, None] * (1 + (wave[None] - 1) * grown)
    z = height[:, None] - slope * np.cos(angle)[None]
    points = np.stack([r * np.sin(angle), 0.015 - 0.9 * r * np.cos(angle), z], -1).reshape(-1, 3)
    return solid(points, grid_faces(len(profile), len(angle), False), colour, material)


def vertex_normals(points: Floats, faces: Ints) -> Floats:
    """Area-weighted unit normals, (N, 3)."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    across = np.cross(b - a, c - a)
    normal = np.empty_like(points)
    corners = faces.ravel("F")
    for axis in range(3):
        normal[:, axis] = np.bincount(corners, np.tile(across[:, axis], 3), len(points))
    unit: Floats = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12)
    return unit
