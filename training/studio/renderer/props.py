"""The props that are worn or held, and the hands that hold them."""

from itertools import pairwise

import numpy as np

from training.studio.renderer.geometry import (
    EMISSIVE,
    GLOSSY,
    METAL,
    Piece,
    ball,
    box,
    collar,
    grid_faces,
    lathe,
    solid,
    tube,
)
from training.studio.renderer.mesh import Floats, floats
from training.studio.renderer.palette import GOLD, INK, STEEL, WOOD, Colour, darker
from training.studio.renderer.posing import Frame


def arc(points: list[tuple[float, float, float]], count: int = 14) -> Floats:
    """A smooth path through the points, (count, 3) float32 metres."""
    knots = floats(points)
    at = np.linspace(0, len(knots) - 1, count)
    path = [np.interp(at, np.arange(len(knots)), knots[:, axis]) for axis in range(3)]
    return np.stack(path, -1).astype(np.float32)


def glasses(colour: Colour) -> list[Piece]:
    """Two round rims before the eyes, a bridge and temples."""
    turn = np.linspace(0, 2 * np.pi, 19)
    pieces = []
    for side in (-1.0, 1.0):
        rim = np.stack(
            [
                side * 0.033 + 0.0240 * np.cos(turn),
                np.full(19, -0.118),
                -0.050 + 0.0215 * np.sin(turn),
            ],
            -1,
        )
        pieces.append(tube(rim.astype(np.float32), 0.0017, colour, sides=5))
        temple = arc(
            [
                (side * 0.055, -0.117, -0.047),
                (side * 0.079, -0.06, -0.046),
                (side * 0.083, 0.0, -0.048),
            ],
            5,
        )
        pieces.append(tube(temple, 0.0021, colour, sides=5))
    pieces.append(tube(arc([(-0.011, -0.119, -0.046), (0.011, -0.119, -0.046)], 3), 0.0022, colour))
    return pieces


def headset(colour: Colour) -> list[Piece]:
    """A band over the head, two ear cups and a microphone."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 15)
    band = np.stack([0.096 * np.sin(turn), np.full(15, -0.004), -0.04 + 0.138 * np.cos(turn)], -1)
    pieces = [tube(band.astype(np.float32), 0.0075, colour)]
    for side in (-1.0, 1.0):
        cup = lathe(
            [(0.0, -0.014), (0.028, -0.012), (0.033, 0.0), (0.026, 0.013), (0.0, 0.016)],
            darker(colour, 1.6),
            14,
            GLOSSY,
        )
        pieces.append(cup.turned(y=side * np.pi / 2).moved((side * 0.097, -0.004, -0.062)))
    boom = arc([(0.1, -0.01, -0.085), (0.088, -0.08, -0.118), (0.045, -0.125, -0.134)])
    pieces.append(tube(boom, 0.0028, INK))
    pieces.append(ball((0.0085, 0.007, 0.007), INK, GLOSSY).moved((0.042, -0.128, -0.134)))
    return pieces


def hat(colour: Colour) -> list[Piece]:
    """A hat with a brim and a ribbon."""
    brim = [(0.098, 0.006), (0.135, 0.0), (0.150, 0.006), (0.135, 0.005), (0.098, 0.011)]
    crown = [(0.103, 0.006), (0.101, 0.03), (0.097, 0.075), (0.085, 0.092), (0.0, 0.088)]
    ribbon = [(0.1055, 0.009), (0.1045, 0.024)]
    shape = (0.93, 1.1)
    where = (0.0, -0.008, 0.008)
    return [
        lathe(brim, colour, 28, flat=shape).turned(x=-0.10).moved(where),
        lathe(crown, colour, 28, flat=shape).turned(x=-0.10).moved(where),
        lathe(ribbon, darker(colour, 0.35), 28, flat=shape).turned(x=-0.10).moved(where),
    ]


def scarf(colour: Colour) -> list[Piece]:
    """A thick striped scarf with one end hanging in front."""
    roll = [
        (0.062, -0.235),
        (0.066, -0.185),
        (0.085, -0.160),
        (0.112, -0.178),
        (0.118, -0.212),
        (0.096, -0.245),
    ]
    pieces = [collar(roll, colour, slope=0.02, folds=0.03)]
    for index in range(7):
        shade = colour if index % 2 else darker(colour, 0.55)
        strip = box((0.05, 0.018, 0.026), shade).turned(x=-0.12, y=0.07)
        pieces.append(
            strip.moved((0.036 + 0.002 * index, -0.106 - 0.001 * index, -0.245 - 0.026 * index))
        )
    return pieces


def fist(skin: Colour, at: tuple[float, float, float]) -> list[Piece]:
    """A closed hand with four fingers towards us."""
    x, y, z = at
    palm = ball((0.034, 0.026, 0.037), skin, GLOSSY, anchored=False).moved((x, y, z))
    fingers = [
        ball((0.0225, 0.0135, 0.0102), skin, GLOSSY, anchored=False)
        .turned(y=0.08 * (i - 1.5))
        .moved((x - 0.004, y - 0.0185 + 0.002 * abs(i - 1.5), z + 0.0235 - 0.0155 * i))
        for i in range(4)
    ]
    thumb = ball((0.0105, 0.012, 0.024), skin, GLOSSY, anchored=False).turned(y=0.7)
    fingers.append(thumb.moved((x + 0.018, y - 0.024, z + 0.010)))
    arm = tube(
        arc([(x, y + 0.01, z - 0.02), (x * 1.06, y + 0.03, z - 0.16)], 4),
        0.027,
        skin,
        GLOSSY,
        anchored=False,
    )
    return [palm, *fingers, arm]


def sword(x: float, frame: Frame) -> list[Piece]:
    """A straight blade held upright."""
    low, side = frame.bottom + 0.055, np.sign(x)
    blade = box((0.021, 0.004, frame.width * 0.74), STEEL, METAL, anchored=False)
    fuller = box((0.005, 0.006, frame.width * 0.66), darker(STEEL, 0.55), METAL, anchored=False)
    top = frame.width * 0.37 + 0.022
    parts = [
        blade.moved((0, 0, top)),
        fuller.moved((0, 0, top)),
        box((0.085, 0.014, 0.013), GOLD, METAL, anchored=False).moved((0, 0, 0.02)),
        lathe([(0.008, -0.09), (0.008, 0.02)], WOOD, 8, anchored=False),
    ]
    return [p.turned(z=0.5, y=0.10 * side).moved((x, -0.15, low + 0.02)) for p in parts]


def staff(x: float, frame: Frame) -> list[Piece]:
    """A wooden staff with a glowing crystal."""
    height = frame.width * 0.86
    pole = lathe([(0.0085, -0.1), (0.0085, height * 0.5), (0.011, height)], WOOD, 9, anchored=False)
    ring = lathe(
        [(0.017, height - 0.01), (0.021, height), (0.014, height + 0.012)],
        GOLD,
        10,
        METAL,
        anchored=False,
    )
    gem = lathe(
        [(0.0, height), (0.017, height + 0.018), (0.0, height + 0.045)],
        (0.35, 0.95, 0.95),
        5,
        EMISSIVE,
        anchored=False,
    )
    return [p.moved((x, -0.14, frame.bottom)) for p in (pole, ring, gem)]


def lantern(x: float, frame: Frame) -> list[Piece]:
    """An iron lantern with a burning light."""
    glow = lathe(
        [(0.0, -0.034), (0.026, -0.032), (0.029, 0.0), (0.024, 0.032), (0.0, 0.034)],
        (1.0, 0.83, 0.40),
        10,
        EMISSIVE,
        anchored=False,
    )
    top = lathe([(0.037, 0.032), (0.02, 0.05), (0.007, 0.058)], INK, 10, METAL, anchored=False)
    base = lathe([(0.037, -0.045), (0.037, -0.033), (0.0, -0.033)], INK, 10, METAL, anchored=False)
    bars = [
        box((0.004, 0.004, 0.07), INK, METAL, anchored=False).moved(
            (0.031 * float(np.sin(a)), -0.031 * float(np.cos(a)), 0.0)
        )
        for a in np.linspace(0, 2 * np.pi, 6, endpoint=False)
    ]
    turn = np.linspace(-1.4, 1.4, 9)
    handle = np.stack([0.024 * np.sin(turn), 0 * turn, 0.05 + 0.03 * np.cos(turn)], -1)
    ring = tube(handle.astype(np.float32), 0.0028, INK, METAL, anchored=False)
    at = (x, -0.15, frame.bottom + 0.085)
    return [p.moved(at) for p in (glow, top, base, ring, *bars)]


def umbrella(x: float, frame: Frame, colour: Colour) -> list[Piece]:
    """An open umbrella behind and above the head, its pole at one side."""
    pieces = []
    angles = np.linspace(0, 2 * np.pi, 9)
    for index, (start, end) in enumerate(pairwise(angles)):
        rows = []
        for r, z in ((0.0, 0.10), (0.10, 0.085), (0.185, 0.045), (0.235, 0.0)):
            turn = np.linspace(start, end, 4)
            dip = z - 0.012 * (r / 0.235) * np.sin((turn - start) / (end - start) * np.pi) * -1
            rows.append(np.stack([r * np.sin(turn), -r * np.cos(turn), dip], -1))
        shade = colour if index % 2 else darker(colour, 0.78)
        pieces.append(solid(np.concatenate(rows), grid_faces(4, 4, False), shade, anchored=False))
    top = min(0.055, frame.z + frame.width / 2 - 0.07)
    open_ = [p.turned(x=-0.75).moved((x * 0.25, 0.13, top)) for p in pieces]
    bent = arc(
        [
            (x * 0.3, 0.11, top + 0.05),
            (x, -0.10, frame.bottom + 0.05),
            (x, -0.10, frame.bottom - 0.03),
        ],
        9,
    )
    pole = tube(bent, 0.0045, STEEL, METAL, anchored=False)
    return [*open_, pole]


def book(x: float, frame: Frame, colour: Colour) -> list[Piece]:
    """An open book held before the chest, its cover towards us."""
    pieces = []
    for side in (-1.0, 1.0):
        cover = box((0.078, 0.007, 0.105), colour, anchored=False)
        pages = box((0.074, 0.012, 0.098), (0.95, 0.92, 0.84), anchored=False)
        stamp = box((0.034, 0.009, 0.034), GOLD, METAL, anchored=False)
        for part, at in (
            (cover, (0, 0, 0)),
            (pages, (0, 0.009, 0.004)),
            (stamp, (0, -0.001, 0.012)),
        ):
            moved = part.moved((side * 0.040, float(at[1]), float(at[2])))
            pieces.append(moved.turned(z=side * 0.22).turned(x=0.25))
    at_x = float(np.sign(x)) * min(abs(x) * 0.55, 0.085)
    return [p.moved((at_x, -0.19, frame.bottom + 0.046)) for p in pieces]


def cup(x: float, frame: Frame, colour: Colour) -> list[Piece]:
    """A mug with a handle."""
    side = -float(np.sign(x))
    body = lathe(
        [
            (0.0, -0.042),
            (0.030, -0.042),
            (0.033, 0.042),
            (0.028, 0.042),
            (0.026, 0.03),
            (0.0, 0.03),
        ],
        colour,
        16,
        GLOSSY,
        anchored=False,
    )
    stripe = lathe(
        [(0.0335, 0.0), (0.0342, 0.016)], darker(colour, 0.45), 16, GLOSSY, anchored=False
    )
    turn = np.linspace(-1.5, 1.5, 9)
    ear = np.stack([side * (0.030 + 0.022 * np.cos(turn)), 0 * turn, 0.024 * np.sin(turn)], -1)
    handle = tube(ear.astype(np.float32), 0.006, colour, anchored=False)
    at = (float(np.sign(x)) * min(abs(x), 0.115), -0.17, frame.bottom + 0.058)
    return [p.moved(at) for p in (body, stripe, handle)]


def wear(prop: str, colour: Colour) -> list[Piece]:
    """A worn prop, in the coordinates of the average head."""
    match prop:
        case "glasses":
            return glasses(INK)
        case "headset":
            return headset((0.10, 0.10, 0.12))
        case "hat":
            return hat(colour)
        case _:
            return scarf(colour)


def hold(prop: str, side: float, frame: Frame, skin: Colour, colour: Colour) -> list[Piece]:
    """A held prop and the hand that holds it, placed so that the frame shows them."""
    x = side * (frame.width * 0.5 - 0.048)
    match prop:
        case "sword":
            return [*sword(x, frame), *fist(skin, (x, -0.15, frame.bottom + 0.04))]
        case "staff":
            return [*staff(x, frame), *fist(skin, (x, -0.14, frame.bottom + 0.07))]
        case "lantern":
            return [*lantern(x, frame), *fist(skin, (x, -0.15, frame.bottom + 0.175))]
        case "umbrella":
            return [*umbrella(x, frame, colour), *fist(skin, (x, -0.11, frame.bottom + 0.05))]
        case "book":
            near = float(np.sign(x)) * min(abs(x) * 0.55, 0.085)
            return [
                *book(x, frame, colour),
                *fist(skin, (near + 0.085 * side, -0.20, frame.bottom + 0.01)),
            ]
        case _:
            at = side * (min(abs(x), 0.115) + 0.018)
            return [*cup(x, frame, colour), *fist(skin, (at, -0.155, frame.bottom + 0.035))]
