"""The places behind an actor, painted flat and a little out of focus; and the weather.

Pixelss are (S, S, 3) uint8 RGB arrays; coordinates are fractions of S.
"""

from collections.abc import Callable

import cv2
import numpy as np

from cluster.ports import Pixels
from training.studio.renderer.mesh import floats

Tint = tuple[float, float, float]


class Canvas:
    """A square picture with a brush that thinks in fractions of its side."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.rng = rng
        self.pixels: Pixels = np.zeros((size, size, 3), np.uint8)

    def gradient(self, *stops: tuple[float, Tint]) -> None:
        """Fill with colours blended from top to bottom."""
        at = np.linspace(0, 1, self.size)
        heights = [stop[0] for stop in stops]
        rows = [np.interp(at, heights, [stop[1][k] for stop in stops]) for k in range(3)]
        self.pixels[:] = np.stack(rows, -1)[:, None].clip(0, 255).astype(np.uint8)

    def mottle(self, strength: float, cells: int = 10, top: float = 0.0, low: float = 1.0) -> None:
        """Multiply by soft noise between the heights ``top`` and ``low``."""
        first, last = int(top * self.size), int(low * self.size)
        grain = self.rng.random((cells, cells)).astype(np.float32)
        soft = cv2.resize(grain, (self.size, last - first), interpolation=cv2.INTER_CUBIC)
        factor = (1 - strength / 2 + strength * soft)[..., None]
        self.pixels[first:last] = (self.pixels[first:last] * factor).clip(0, 255)

    def point(self, x: float, y: float) -> tuple[int, int]:
        return int(x * self.size), int(y * self.size)

    def rectangle(self, x: float, y: float, right: float, low: float, tint: Tint) -> None:
        cv2.rectangle(self.pixels, self.point(x, y), self.point(right, low), tint, -1)

    def polygon(self, corners: list[tuple[float, float]], tint: Tint) -> None:
        points = np.array([self.point(*corner) for corner in corners], np.int32)
        cv2.fillPoly(self.pixels, [points], tint, cv2.LINE_AA)

    def disc(self, x: float, y: float, radius: float, tint: Tint) -> None:
        cv2.circle(
            self.pixels, self.point(x, y), max(1, int(radius * self.size)), tint, -1, cv2.LINE_AA
        )

    def line(self, x: float, y: float, right: float, low: float, tint: Tint, wide: float) -> None:
        thick = max(1, int(wide * self.size))
        cv2.line(self.pixels, self.point(x, y), self.point(right, low), tint, thick, cv2.LINE_AA)

    def hills(self, height: float, rough: float, tint: Tint) -> None:
        """A ridge across the whole width."""
        xs = np.linspace(0, 1, 25)
        ys = height + rough * np.cumsum(self.rng.normal(size=25)) / 3
        ys += rough * np.sin(xs * 7 + self.rng.uniform(0, 6))
        self.polygon([(0, 1.1), *zip(xs.tolist(), ys.tolist(), strict=True), (1, 1.1)], tint)

    def glow(self, x: float, y: float, radius: float, tint: Tint, strength: float = 1.0) -> None:
        """Add a soft light."""
        grid = np.arange(self.size, dtype=np.float32) / self.size
        fall = np.exp(-((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2) / (2 * radius * radius))
        lit = self.pixels + fall[..., None] * floats(tint) * strength
        self.pixels[:] = lit.clip(0, 255)

    def blur(self, width: float) -> None:
        """Put the picture out of focus."""
        self.pixels = cv2.GaussianBlur(self.pixels, (0, 0), width * self.size)

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))


def _studio(c: Canvas) -> None:
    level = c.uniform(95, 185)
    c.gradient((0, (level, level, level + 4)), (0.75, (level * 0.8,) * 3), (1, (level * 0.62,) * 3))
    c.glow(c.uniform(0.3, 0.7), 0.35, 0.30, (55, 55, 58))


def _forest(c: Canvas) -> None:
    c.gradient((0, (150, 195, 120)), (0.5, (90, 140, 70)), (1, (44, 66, 28)))
    c.mottle(0.9, 14)
    for _ in range(70):
        c.disc(
            c.uniform(0, 1),
            c.uniform(-0.1, 0.55),
            c.uniform(0.03, 0.08),
            (c.uniform(25, 80), c.uniform(85, 165), c.uniform(25, 60)),
        )
    for depth in range(7):
        x, wide = c.uniform(-0.05, 1.05), 0.018 + 0.009 * depth
        bark = 92 - 9 * depth
        c.rectangle(x - wide, -0.1, x + wide, 1.0, (bark, bark * 0.72, bark * 0.45))
        c.line(
            x, 0.3, x + c.uniform(-0.25, 0.25), 0.02, (bark, bark * 0.7, bark * 0.45), wide * 0.5
        )


def _desert(c: Canvas) -> None:
    c.gradient(
        (0, (110, 170, 225)), (0.5, (245, 215, 165)), (0.52, (235, 190, 120)), (1, (200, 145, 80))
    )
    c.disc(c.uniform(0.1, 0.9), c.uniform(0.08, 0.2), 0.06, (255, 247, 214))
    for step in range(3):
        shade = 1.0 - 0.13 * step
        c.hills(0.50 + 0.13 * step, 0.03, (232 * shade, 184 * shade, 112 * shade))
    for x in (c.uniform(0.02, 0.2), c.uniform(0.8, 0.97)):
        base = c.uniform(0.62, 0.75)
        c.line(x, base, x, base - 0.26, (62, 120, 58), 0.035)
        c.line(x, base - 0.1, x + 0.07, base - 0.1, (62, 120, 58), 0.024)
        c.line(x + 0.07, base - 0.1, x + 0.07, base - 0.19, (62, 120, 58), 0.024)


def _castle(c: Canvas) -> None:
    c.gradient((0, (86, 82, 84)), (1, (60, 54, 50)))
    for row in range(11):
        for column in range(8):
            x = (column + 0.5 * (row % 2)) / 7 - 0.1
            level = c.uniform(78, 128)
            c.rectangle(
                x + 0.006,
                row / 11 + 0.006,
                x + 0.135,
                row / 11 + 0.083,
                (level, level * 0.94, level * 0.86),
            )
    x = c.uniform(0.06, 0.2) if c.rng.random() < 0.5 else c.uniform(0.8, 0.94)
    c.rectangle(x - 0.09, 0.2, x + 0.09, 0.72, (44, 58, 96))
    c.disc(x, 0.2, 0.09, (44, 58, 96))
    c.line(x, 0.1, x, 0.72, (32, 28, 28), 0.018)
    c.line(x - 0.09, 0.42, x + 0.09, 0.42, (32, 28, 28), 0.018)
    torch = 1.0 - x
    c.line(torch, 0.42, torch, 0.6, (60, 38, 22), 0.03)
    c.disc(torch, 0.38, 0.035, (255, 214, 110))
    c.glow(torch, 0.37, 0.16, (220, 120, 30), 0.9)
    banner = 0.5 + c.uniform(-0.1, 0.1)
    left, right = banner - 0.1, banner + 0.1
    c.polygon([(left, 0), (right, 0), (right, 0.3), (banner, 0.4), (left, 0.3)], (150, 26, 30))


def _space(c: Canvas) -> None:
    c.gradient((0, (8, 8, 24)), (1, (16, 8, 36)))
    c.glow(c.uniform(0, 1), c.uniform(0, 1), 0.28, (90, 22, 120))
    c.glow(c.uniform(0, 1), c.uniform(0, 1), 0.24, (16, 60, 130))
    for _ in range(90):
        level = c.uniform(120, 255)
        c.disc(c.uniform(0, 1), c.uniform(0, 1), c.uniform(0.001, 0.006), (level, level, 255))
    x = c.uniform(0.05, 0.22) if c.rng.random() < 0.5 else c.uniform(0.78, 0.95)
    y, tint = c.uniform(0.12, 0.5), c.rng.uniform(90, 220, 3)
    c.disc(x, y, 0.15, tuple(tint))
    for band in range(4):
        c.line(
            x - 0.12,
            y - 0.08 + 0.05 * band,
            x + 0.12,
            y - 0.09 + 0.05 * band,
            tuple(tint * 0.8),
            0.014,
        )
    cv2.ellipse(
        c.pixels, c.point(x, y), c.point(0.22, 0.045), -18, 0, 360, (225, 205, 165), 2, cv2.LINE_AA
    )


def _neon_city(c: Canvas) -> None:
    c.gradient((0, (22, 8, 56)), (0.7, (92, 18, 112)), (1, (22, 14, 48)))
    bright = [(255, 40, 190), (30, 230, 255), (255, 210, 60), (130, 80, 255)]
    for depth in range(9):
        x, wide, top = c.uniform(-0.1, 1), c.uniform(0.1, 0.2), c.uniform(0.02, 0.5)
        body = 14 + 3 * depth
        c.rectangle(x, top, x + wide, 1.0, (body, body * 0.7, body * 1.7))
        tint = bright[int(c.rng.integers(4))]
        for row in np.arange(top + 0.03, 0.97, 0.055):
            for column in np.arange(x + 0.015, x + wide - 0.02, 0.04):
                if c.rng.random() < 0.42:
                    c.rectangle(column, row, column + 0.018, row + 0.022, tint)
    for _ in range(4):
        x, y, tint = c.uniform(0, 0.95), c.uniform(0.05, 0.7), bright[int(c.rng.integers(4))]
        c.rectangle(x, y, x + 0.045, y + c.uniform(0.14, 0.3), tint)
        c.glow(x + 0.02, y + 0.1, 0.09, tint, 0.55)


def _street(c: Canvas) -> None:
    c.gradient((0, (176, 190, 206)), (0.55, (196, 200, 204)), (1, (110, 110, 112)))
    for side in (0, 1):
        edge = side
        for depth in range(3):
            inner = 0.34 - 0.10 * depth if side == 0 else 0.66 + 0.10 * depth
            top = 0.26 - 0.12 * depth
            base = [(150, 92, 74), (168, 140, 110), (118, 116, 124)][
                (depth + int(c.rng.integers(3))) % 3
            ]
            c.polygon([(edge, top - 0.1), (inner, top), (inner, 0.75), (edge, 0.85)], base)
            for row in np.arange(top + 0.06, 0.66, 0.12):
                left = min(edge, inner) + 0.02
                for column in np.arange(left, max(edge, inner) - 0.03, 0.075):
                    c.rectangle(column, row, column + 0.036, row + 0.06, (72, 86, 106))
    c.polygon([(0.36, 0.72), (0.64, 0.72), (1.3, 1.05), (-0.3, 1.05)], (76, 76, 80))
    c.line(0.5, 0.75, 0.5, 1.0, (230, 220, 150), 0.014)
    x = 0.13 if c.rng.random() < 0.5 else 0.87
    c.line(x, 0.12, x, 0.95, (40, 42, 46), 0.018)
    c.disc(x, 0.11, 0.03, (255, 244, 205))


def _snow_field(c: Canvas) -> None:
    c.gradient((0, (176, 204, 236)), (0.5, (226, 234, 246)), (1, (248, 250, 255)))
    c.hills(0.42, 0.06, (168, 184, 212))
    c.hills(0.58, 0.03, (228, 236, 248))
    for _ in range(5):
        x, base, tall = c.uniform(0, 1), c.uniform(0.58, 0.78), c.uniform(0.18, 0.36)
        for tier in range(3):
            y, wide = base - tall * tier / 3.4, tall * (0.36 - 0.09 * tier)
            c.polygon([(x - wide, y), (x, y - tall * 0.5), (x + wide, y)], (52, 92, 82))
            c.polygon(
                [
                    (x - wide * 0.45, y - tall * 0.27),
                    (x, y - tall * 0.5),
                    (x + wide * 0.45, y - tall * 0.27),
                ],
                (240, 246, 252),
            )


def _sea(c: Canvas) -> None:
    c.gradient(
        (0, (96, 166, 232)), (0.46, (196, 226, 246)), (0.47, (22, 96, 150)), (1, (10, 62, 112))
    )
    for _ in range(5):
        x, y = c.uniform(0, 1), c.uniform(0.05, 0.3)
        for _ in range(4):
            c.disc(
                x + c.uniform(-0.09, 0.09),
                y + c.uniform(-0.02, 0.02),
                c.uniform(0.025, 0.05),
                (246, 250, 253),
            )
    for _ in range(46):
        y = c.uniform(0.49, 1.0)
        x, wide = c.uniform(-0.1, 1), 0.03 + 0.2 * (y - 0.45)
        c.line(x, y, x + wide, y + c.uniform(-0.006, 0.006), (96, 176, 214), 0.006)
    x = c.uniform(0.04, 0.2) if c.rng.random() < 0.5 else c.uniform(0.78, 0.93)
    c.polygon([(x, 0.24), (x + 0.09, 0.43), (x, 0.43)], (250, 250, 246))
    c.polygon(
        [(x - 0.07, 0.445), (x + 0.11, 0.445), (x + 0.07, 0.50), (x - 0.04, 0.50)], (112, 58, 34)
    )


def _fire(c: Canvas) -> None:
    c.gradient((0, (34, 10, 8)), (0.5, (112, 26, 6)), (1, (224, 92, 10)))
    for tint, tall, wide in (
        ((196, 44, 6), 0.75, 0.10),
        ((244, 118, 14), 0.52, 0.08),
        ((255, 214, 84), 0.30, 0.055),
    ):
        for x in np.arange(-0.05, 1.1, wide * 0.9):
            peak = 1.0 - tall * c.uniform(0.5, 1.1)
            lean = c.uniform(-0.06, 0.06)
            c.polygon(
                [
                    (x - wide, 1.05),
                    (x - wide * 0.6, (peak + 2) / 3),
                    (x + lean, peak),
                    (x + wide * 0.7, (peak + 1.9) / 3),
                    (x + wide, 1.05),
                ],
                tint,
            )
    for _ in range(40):
        c.disc(c.uniform(0, 1), c.uniform(0, 0.8), c.uniform(0.002, 0.007), (255, 200, 90))


def _market(c: Canvas) -> None:
    c.gradient((0, (120, 92, 72)), (0.4, (150, 112, 78)), (1, (92, 66, 46)))
    cloths = [(204, 52, 44), (236, 186, 60), (52, 126, 176), (72, 150, 84)]
    for x in (-0.12, 0.22, 0.62):
        y, tint = c.uniform(0.12, 0.28), cloths[int(c.rng.integers(4))]
        for strip in range(6):
            left = x + 0.065 * strip
            shade = tint if strip % 2 else (242, 232, 212)
            c.polygon(
                [
                    (left + 0.02, y - 0.1),
                    (left + 0.075, y - 0.1),
                    (left + 0.065, y + 0.04),
                    (left, y + 0.04),
                ],
                shade,
            )
        c.rectangle(x + 0.02, y + 0.05, x + 0.37, 0.55, (70, 50, 36))
        c.rectangle(x, 0.56, x + 0.38, 0.68, (128, 86, 50))
        for _ in range(14):
            ware = [(214, 60, 40), (240, 164, 40), (120, 176, 60), (150, 70, 150)][
                int(c.rng.integers(4))
            ]
            c.disc(x + c.uniform(0.02, 0.36), c.uniform(0.50, 0.57), 0.024, ware)
    for _ in range(5):
        x, y = c.uniform(0, 1), c.uniform(0.02, 0.16)
        c.disc(x, y, 0.026, (255, 222, 140))
        c.glow(x, y, 0.07, (180, 120, 40), 0.7)


def _cave(c: Canvas) -> None:
    c.gradient((0, (44, 46, 56)), (1, (30, 30, 36)))
    c.mottle(0.9, 12)
    x, y = c.uniform(0.15, 0.85), c.uniform(0.2, 0.45)
    c.glow(x, y, 0.17, (96, 150, 170), 1.0)
    for _ in range(13):
        left, wide, tall = c.uniform(-0.05, 1), c.uniform(0.03, 0.09), c.uniform(0.12, 0.42)
        level = c.uniform(24, 62)
        c.polygon(
            [(left - wide, -0.02), (left, tall), (left + wide, -0.02)], (level, level, level * 1.15)
        )
        foot = left + 0.2
        c.polygon(
            [(foot - wide, 1.02), (foot, 1 - tall * 0.7), (foot + wide, 1.02)],
            (level * 0.8, level * 0.8, level * 0.9),
        )
    for _ in range(4):
        left, low = c.uniform(0, 1), c.uniform(0.55, 0.95)
        c.polygon([(left - 0.025, low), (left, low - 0.11), (left + 0.025, low)], (66, 214, 226))
        c.glow(left, low - 0.04, 0.06, (20, 130, 140), 0.8)


PAINTERS: dict[str, Callable[[Canvas], None]] = {
    "studio": _studio,
    "forest": _forest,
    "desert": _desert,
    "castle": _castle,
    "space": _space,
    "neon city": _neon_city,
    "street": _street,
    "snow field": _snow_field,
    "sea": _sea,
    "fire": _fire,
    "market": _market,
    "cave": _cave,
}


def paint_place(place: str, weather: str, size: int, rng: np.random.Generator) -> Pixels:
    """A place in its weather, (size, size, 3) uint8 RGB, slightly out of focus."""
    canvas = Canvas(size, rng)
    PAINTERS[place](canvas)
    canvas.blur(0.0065)
    if weather in ("rain", "snow", "fog"):
        grey, amount = {"rain": (92, 0.48), "snow": (205, 0.30), "fog": (190, 0.66)}[weather]
        veil = floats([grey, grey + 4, grey + 10])
        canvas.pixels = (canvas.pixels * (1 - amount) + veil * amount).astype(np.uint8)
    return canvas.pixels


def weather_over(picture: Pixels, weather: str, rng: np.random.Generator) -> Pixels:
    """What falls or drifts in front of the actor, on a picture (size, size, 3) uint8 RGB."""
    size = len(picture)
    if weather == "fog":
        grain = rng.random((5, 5)).astype(np.float32)
        soft = cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)[..., None].clip(0, 1)
        height = np.linspace(0.05, 0.42, size, dtype=np.float32)[:, None, None]
        thick = soft * height
        fogged: Pixels = (picture * (1 - thick) + 205 * thick).astype(np.uint8)
        return fogged
    if weather == "clear":
        return picture
    over = np.zeros_like(picture)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(-10, size + 10, 2))
        if weather == "rain":
            long = int(rng.integers(size // 16, size // 7))
            cv2.line(
                over,
                (x, y),
                (x - long // 4, y + long),
                (66, 73, 84),
                max(1, size // 170),
                cv2.LINE_AA,
            )
        else:
            radius = int(rng.integers(max(1, size // 140), max(2, size // 80) + 1))
            cv2.circle(over, (x, y), radius, (215, 220, 226), -1, cv2.LINE_AA)
    if weather == "rain":
        return np.asarray(cv2.add(picture, over), np.uint8)
    soft_flakes = cv2.GaussianBlur(over, (0, 0), size / 260)
    return np.maximum(picture, np.asarray(soft_flakes, np.uint8))
