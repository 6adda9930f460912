"""Hair as layered sheets that follow the skull and then fall, drawn with ragged ends."""

from dataclasses import dataclass, replace

import numpy as np

from training.studio.renderer.geometry import HAIR, Piece, ball, grid_faces, solid, tube
from training.studio.renderer.mesh import Floats, HeadShape, floats

CENTRE = np.array([0.0, -0.01, -0.045], np.float32)
"""The middle of the skull."""

Line = tuple[tuple[float, float], ...]

SLICK: Line = (
    (0, 0.034),
    (0.6, 0.028),
    (0.9, 0.0),
    (1.1, -0.045),
    (1.3, -0.055),
    (1.5, -0.03),
    (1.9, -0.05),
    (2.3, -0.11),
    (np.pi, -0.125),
)
"""Heights at which hair ends, by angle from the front: along the hairline."""


@dataclass(frozen=True)
class Cut:
    """A hair style: where it ends, how thick it lies, how much it waves and clumps (metres)."""

    ends: Line
    thickness: float
    clump: float
    wave: float = 0.0
    layers: tuple[float, ...] = (0.5, 1.0)


CUTS: dict[str, Cut] = {
    "buzzed": Cut(SLICK, 0.0035, 0.0005, layers=(1.0,)),
    "short": Cut(
        (
            (0, 0.014),
            (0.5, 0.012),
            (0.85, -0.005),
            (1.1, -0.04),
            (1.25, -0.065),
            (1.5, -0.032),
            (1.9, -0.04),
            (2.3, -0.10),
            (np.pi, -0.12),
        ),
        0.017,
        0.007,
    ),
    "bob": Cut(
        ((0, -0.012), (0.5, -0.014), (0.68, -0.05), (0.9, -0.15), (1.2, -0.165), (np.pi, -0.165)),
        0.021,
        0.003,
    ),
    "long": Cut(
        ((0, 0.036), (0.3, 0.030), (0.62, -0.01), (0.85, -0.25), (1.1, -0.34), (np.pi, -0.34)),
        0.018,
        0.004,
        wave=0.007,
    ),
    "ponytail": Cut(SLICK, 0.008, 0.002),
    "bun": Cut(SLICK, 0.008, 0.002),
    "curly": Cut(
        ((0, 0.010), (0.5, 0.004), (0.85, -0.05), (1.15, -0.12), (1.5, -0.135), (np.pi, -0.14)),
        0.034,
        0.016,
        wave=0.004,
        layers=(0.4, 0.7, 1.0),
    ),
}

POLAR = np.linspace(0.03, 1.78, 40)
COLUMNS, ROWS = 72, 16


def skull_radius(head: HeadShape) -> Floats:
    """Distance from `CENTRE` to the skull without ears, (40, 72) by polar angle and azimuth."""
    bare = (head.part == 0) & (head.masks["ears"] < 0.2) & (head.rest[:, 2] > -0.16)
    points = head.rest[bare] - CENTRE
    distance = np.linalg.norm(points, axis=1)
    directions = points / distance[:, None]
    azimuth = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    polar, turn = np.meshgrid(POLAR, azimuth, indexing="ij")
    rays = np.stack(
        [np.sin(turn) * np.sin(polar), -np.cos(turn) * np.sin(polar), np.cos(polar)], -1
    )
    nearest = np.argsort(-(rays.reshape(-1, 3) @ directions.T), axis=1)[:, :5]
    radius: Floats = distance[nearest].mean(axis=1).reshape(polar.shape).astype(np.float32)
    return radius


def strands(radius: Floats, cut: Cut, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Root-to-tip points (16, 72, 3) of a cut, metres, and how far each lies on the skull, (16, 72)
    in [0, 1]. ``radius`` as of `skull_radius`."""
    azimuth = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    shift = 0.12 * rng.normal()
    ends = np.interp(np.abs(azimuth + shift * np.cos(azimuth / 2)), *np.transpose(cut.ends))
    ends = ends + cut.clump * 0.8 * rng.normal(size=COLUMNS)
    flat = radius * np.sin(POLAR)[:, None]
    height = radius * np.cos(POLAR)[:, None] + CENTRE[2]
    points = np.empty((ROWS, COLUMNS, 3), np.float32)
    on_skull = np.empty((ROWS, COLUMNS), np.float32)
    for column in range(COLUMNS):
        r, z = flat[:, column], height[:, column]
        if ends[column] < z[-1]:
            fall = z[-1] - ends[column]
            r = np.append(r, r[-1] * (1.0 + min(0.30, 0.9 * fall)))
            z = np.append(z, ends[column])
        length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(r), np.diff(z)))])
        stop = np.interp(-ends[column], -z, length)
        along = np.linspace(0, stop, ROWS)
        ring = np.interp(along, length, r)
        points[:, column, 0] = np.sin(azimuth[column]) * ring
        points[:, column, 1] = CENTRE[1] - np.cos(azimuth[column]) * ring
        points[:, column, 2] = np.interp(along, length, z)
        on_skull[:, column] = np.clip(1 - (along - length[39]) / 0.08, 0, 1)
    return points, on_skull


def sheets(radius: Floats, cut: Cut, rng: np.random.Generator, lift: float) -> list[Piece]:
    """The layers of a cut, innermost first; ``lift`` scales their thickness, ``radius`` is
    (40, 72)."""
    points, on_skull = strands(radius, cut, rng)
    out = points - CENTRE
    out[..., 2] *= on_skull
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9
    clumps = rng.normal(size=(5, COLUMNS)) @ np.eye(COLUMNS)
    rough = np.repeat(clumps, [3, 3, 3, 3, 4], axis=0)
    rough = (rough + np.roll(rough, 1, 1)) * 0.7 + 0.4 * rng.normal(size=(ROWS, COLUMNS))
    along = np.linspace(0, 1, ROWS)[:, None]
    sway = cut.wave * np.sin(along * 9 + rng.uniform(0, 6) + 1.7 * np.arange(COLUMNS)[None] / 9)
    pieces = []
    for layer in cut.layers:
        raise_by = 0.003 + lift * layer * (
            cut.thickness * (0.75 + 0.25 * along) + cut.clump * rough
        )
        moved = points + out * np.maximum(raise_by, 0.002)[..., None] + out * sway[..., None]
        u = np.broadcast_to(np.arange(COLUMNS)[None] / COLUMNS, (ROWS, COLUMNS))
        v = np.broadcast_to(along, (ROWS, COLUMNS))
        piece = solid(moved.reshape(-1, 3), grid_faces(ROWS, COLUMNS, True), (0, 0, 0), HAIR)
        pieces.append(
            replace(
                piece,
                uv=np.stack([u.ravel(), v.ravel()], -1).astype(np.float32),
                shade=np.full(ROWS * COLUMNS, layer, np.float32),
            )
        )
    return pieces


def tail(rng: np.random.Generator) -> Piece:
    """A ponytail: up from the back of the crown and down at one side, in front of the shoulder."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    knots = floats(
        [
            [0.0, 0.05, 0.055],
            [0.02, 0.07, 0.088],
            [0.06, 0.08, 0.075],
            [0.095, 0.06, 0.01],
            [0.108, 0.02, -0.09],
            [0.105, -0.02, -0.19],
            [0.10, -0.04, -0.28],
        ]
    )
    knots[:, 0] *= side
    at = np.linspace(0, len(knots) - 1, 20)
    path = np.stack([np.interp(at, np.arange(len(knots)), knots[:, k]) for k in range(3)], -1)
    radius = np.interp(at, [0, 1, 3, 5, 6], [0.014, 0.022, 0.028, 0.022, 0.007])
    piece = tube(path.astype(np.float32), radius.astype(np.float32), (0, 0, 0), HAIR, sides=12)
    return replace(piece, uv=piece.uv * floats([1.0, 0.85]))


def knot() -> Piece:
    """A bun on top of the head."""
    piece = ball((0.050, 0.046, 0.040), (0, 0, 0), HAIR).moved((0.0, 0.005, 0.086))
    count = len(piece.points)
    turn = np.arctan2(piece.points[:, 0], piece.points[:, 2] - 0.086) / (2 * np.pi)
    depth = 0.2 + 0.5 * (piece.points[:, 1] - 0.005 + 0.046) / 0.092
    return replace(
        piece,
        uv=np.stack([turn, depth], -1).astype(np.float32),
        shade=np.full(count, 0.8, np.float32),
    )


def mohawk(radius: Floats, rng: np.random.Generator) -> list[Piece]:
    """Blades of hair standing along the middle of the skull, whose ``radius`` is (40, 72)."""
    front = radius[::-1, COLUMNS // 2][12:]
    back = radius[:, 0]
    polar = np.concatenate([-POLAR[::-1][12:], POLAR])
    ray = np.concatenate([front, back])
    place = np.stack(
        [np.zeros_like(ray), CENTRE[1] + ray * np.sin(polar), CENTRE[2] + ray * np.cos(polar)], -1
    )
    out = place - CENTRE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    pieces = []
    for x in np.linspace(-0.018, 0.018, 7):
        tall = 0.058 * np.sin(np.linspace(0.6, 2.9, len(ray))) * (1 - 500 * x * x)
        tall = tall + 0.006 * rng.normal(size=len(ray))
        levels = np.linspace(0, 1, 6)
        points = place[None] + out[None] * (levels[:, None] * tall[None])[..., None]
        points = points + np.array([x, 0, 0]) * (1 - 0.55 * levels[:, None, None])
        piece = solid(points.reshape(-1, 3), grid_faces(6, len(ray), False), (0, 0, 0), HAIR)
        u = np.broadcast_to(np.linspace(0, 1, len(ray))[None], (6, len(ray)))
        v = np.broadcast_to(levels[:, None], (6, len(ray)))
        uv = np.stack([u.ravel() + x * 9, 0.15 + 0.8 * v.ravel()], -1).astype(np.float32)
        pieces.append(replace(piece, uv=uv))
    return pieces


def hair(radius: Floats, style: str, rng: np.random.Generator, hat: bool) -> list[Piece]:
    """The hair of a style on a skull of ``radius`` (40, 72); under a hat it lies flat and nothing
    stands up."""
    if style == "bald":
        return []
    if style == "mohawk":
        return [] if hat else mohawk(radius, rng)
    lift = 0.35 if hat else 1.0
    pieces = sheets(radius, CUTS[style], rng, lift)
    if style == "ponytail" and not hat:
        pieces.append(tail(rng))
    if style == "bun" and not hat:
        pieces.append(knot())
    return pieces
