"""What the vocabulary's colour words look like, and how each place is lit. sRGB in [0, 1]."""

from dataclasses import dataclass

Colour = tuple[float, float, float]

GOLD: Colour = (0.90, 0.70, 0.26)
STEEL: Colour = (0.68, 0.70, 0.74)
WOOD: Colour = (0.36, 0.22, 0.12)
INK: Colour = (0.05, 0.05, 0.06)

HAIR: dict[str, Colour] = {
    "black": (0.055, 0.05, 0.06),
    "brown": (0.30, 0.17, 0.09),
    "blonde": (0.88, 0.70, 0.36),
    "red": (0.66, 0.19, 0.06),
    "white": (0.93, 0.92, 0.90),
    "grey": (0.50, 0.50, 0.52),
    "blue": (0.12, 0.26, 0.82),
    "green": (0.12, 0.55, 0.24),
    "pink": (0.96, 0.45, 0.68),
    "purple": (0.46, 0.16, 0.66),
}
EYE: dict[str, Colour] = {
    "brown": (0.28, 0.14, 0.06),
    "blue": (0.15, 0.42, 0.92),
    "green": (0.12, 0.62, 0.26),
    "amber": (0.98, 0.62, 0.05),
    "grey": (0.56, 0.61, 0.65),
    "violet": (0.56, 0.24, 0.86),
    "red": (0.88, 0.08, 0.06),
}
SKIN: dict[str, Colour] = {
    "pale": (0.97, 0.84, 0.77),
    "fair": (0.91, 0.72, 0.60),
    "tan": (0.77, 0.56, 0.41),
    "brown": (0.58, 0.40, 0.29),
    "dark": (0.41, 0.275, 0.205),
}
OUTFIT: dict[str, Colour] = {
    "dark": (0.075, 0.075, 0.09),
    "white": (0.90, 0.90, 0.88),
    "grey": (0.46, 0.47, 0.49),
    "red": (0.72, 0.09, 0.09),
    "blue": (0.12, 0.24, 0.66),
    "green": (0.11, 0.43, 0.17),
    "yellow": (0.93, 0.78, 0.16),
    "purple": (0.44, 0.15, 0.55),
    "orange": (0.93, 0.45, 0.09),
    "brown": (0.37, 0.23, 0.13),
}


@dataclass(frozen=True)
class Light:
    """Colour and strength of the key light, of the ambient above and below, and of the rim."""

    key: Colour
    sky: Colour
    ground: Colour
    rim: Colour


LIGHT: dict[str, Light] = {
    "studio": Light((0.80, 0.78, 0.76), (0.34, 0.34, 0.36), (0.22, 0.21, 0.20), (0.3, 0.3, 0.3)),
    "forest": Light((0.80, 0.80, 0.62), (0.28, 0.36, 0.27), (0.15, 0.19, 0.11), (0.35, 0.42, 0.2)),
    "desert": Light((0.95, 0.82, 0.60), (0.36, 0.34, 0.34), (0.30, 0.23, 0.14), (0.5, 0.4, 0.2)),
    "castle": Light((0.80, 0.66, 0.50), (0.24, 0.23, 0.25), (0.16, 0.13, 0.11), (0.4, 0.25, 0.1)),
    "space": Light((0.76, 0.78, 0.90), (0.20, 0.20, 0.31), (0.12, 0.10, 0.22), (0.3, 0.35, 0.7)),
    "neon city": Light(
        (0.66, 0.58, 0.74), (0.27, 0.20, 0.37), (0.14, 0.19, 0.27), (0.85, 0.15, 0.75)
    ),
    "street": Light((0.78, 0.76, 0.72), (0.32, 0.34, 0.38), (0.20, 0.20, 0.20), (0.3, 0.3, 0.3)),
    "snow field": Light(
        (0.80, 0.84, 0.92), (0.40, 0.43, 0.48), (0.34, 0.36, 0.40), (0.4, 0.45, 0.5)
    ),
    "sea": Light((0.88, 0.85, 0.76), (0.33, 0.40, 0.48), (0.17, 0.24, 0.28), (0.3, 0.45, 0.55)),
    "fire": Light((0.90, 0.66, 0.46), (0.28, 0.20, 0.16), (0.30, 0.17, 0.09), (1.0, 0.42, 0.08)),
    "market": Light((0.86, 0.74, 0.58), (0.31, 0.28, 0.26), (0.22, 0.18, 0.14), (0.5, 0.35, 0.15)),
    "cave": Light((0.60, 0.66, 0.76), (0.19, 0.21, 0.26), (0.11, 0.11, 0.13), (0.15, 0.4, 0.45)),
}


def darker(colour: Colour, by: float = 0.7) -> Colour:
    """The same hue, darker (or lighter with ``by`` above 1)."""
    return (min(colour[0] * by, 1.0), min(colour[1] * by, 1.0), min(colour[2] * by, 1.0))
