"""Collars, hoods and pauldrons of each outfit."""

from training.studio.renderer.geometry import (
    METAL,
    Piece,
    ball,
    box,
    collar,
)
from training.studio.renderer.palette import GOLD, STEEL, Colour, darker


def cloak(colour: Colour) -> list[Piece]:
    """A standing collar, a drape over the shoulders in folds and a gold clasp."""
    high = [(0.074, -0.225), (0.082, -0.19), (0.098, -0.160), (0.104, -0.163), (0.09, -0.20)]
    drape = [(0.078, -0.20), (0.13, -0.222), (0.20, -0.25), (0.26, -0.32), (0.29, -0.46)]
    clasp = ball((0.011, 0.006, 0.011), GOLD, METAL).moved((0.0, -0.085, -0.232))
    return [
        collar(high, darker(colour, 0.85), gap=0.5, slope=0.014, folds=0.02),
        collar(drape, colour, gap=0.14, slope=0.012, folds=0.05),
        clasp,
    ]


def armour(colour: Colour) -> list[Piece]:
    """A gorget round the neck and two layered pauldrons."""
    metal = (
        0.35 * STEEL[0] + 0.65 * colour[0],
        0.35 * STEEL[1] + 0.65 * colour[1],
        0.35 * STEEL[2] + 0.65 * colour[2],
    )
    ring = [(0.066, -0.185), (0.074, -0.18), (0.078, -0.205), (0.10, -0.235), (0.13, -0.25)]
    pieces = [collar(ring, metal, gap=0.0, material=METAL, slope=0.012)]
    for side in (-1.0, 1.0):
        for out, low, size in ((0.165, -0.245, 0.062), (0.205, -0.275, 0.070)):
            plate = ball((size, size * 1.05, size * 0.75), metal, METAL)
            pieces.append(plate.turned(y=side * 0.5).moved((side * out, 0.03, low)))
    return pieces


def hoodie(colour: Colour) -> list[Piece]:
    """A thick hood lying round the neck."""
    roll = [
        (0.070, -0.225),
        (0.076, -0.195),
        (0.094, -0.175),
        (0.116, -0.185),
        (0.122, -0.212),
        (0.105, -0.238),
        (0.08, -0.24),
    ]
    return [collar(roll, colour, gap=0.16, slope=0.024, folds=0.02)]


def stand(colour: Colour, gap: float, height: float, flare: float) -> list[Piece]:
    """A stand-up collar."""
    top = -0.215 + height
    profile = [
        (0.076, -0.225),
        (0.070, -0.205),
        (0.068 + flare, top),
        (0.075 + flare, top - 0.002),
        (0.082, -0.22),
    ]
    return [collar(profile, colour, gap=gap, slope=0.015)]


def turn_down(colour: Colour) -> list[Piece]:
    """A folded shirt collar."""
    profile = [(0.068, -0.215), (0.068, -0.186), (0.076, -0.185), (0.097, -0.222)]
    return [collar(profile, colour, gap=0.17, slope=0.016)]


def dress(outfit: str, colour: Colour) -> list[Piece]:
    """The parts of an outfit that stand off the body; the rest is drawn on it."""
    pale: Colour = (0.93, 0.92, 0.90) if sum(colour) < 1.9 else (0.80, 0.82, 0.86)
    match outfit:
        case "cloak":
            return cloak(colour)
        case "armour":
            return armour(colour)
        case "hoodie":
            return hoodie(colour)
        case "suit":
            return turn_down(pale)
        case "uniform":
            boards = [
                box((0.075, 0.05, 0.008), GOLD, METAL)
                .turned(y=s * 0.32)
                .moved((s * 0.135, 0.03, -0.218))
                for s in (-1.0, 1.0)
            ]
            return stand(darker(colour, 1.1), 0.05, 0.034, 0.0) + boards
        case "shirt":
            return turn_down(darker(colour, 1.18))
        case "robe":
            return stand(darker(colour, 0.8), 0.55, 0.014, 0.006)
        case _:
            return stand(darker(colour, 0.85), 0.34, 0.036, 0.012)
