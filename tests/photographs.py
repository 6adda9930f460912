"""Photographs of real people that installed packages bring along."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from cluster.ports import Pixels

# Found without an import: insightface loads scipy and matplotlib-sized libraries.
INSIGHTFACE = Path(str(getattr(find_spec("insightface"), "origin", ""))).parent / "data" / "images"
HANKS = INSIGHTFACE / "Tom_Hanks_54745.png"
FRIENDS = INSIGHTFACE / "t1.jpg"
"""Six people in one picture."""


def astronaut() -> Pixels:
    """Eileen Collins, NASA portrait, public domain: uint8 RGB (512, 512, 3)."""
    return np.ascontiguousarray(skimage.data.astronaut())


def photograph(path: Path) -> Pixels:
    """uint8 RGB (height, width, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
