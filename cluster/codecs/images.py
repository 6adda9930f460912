"""Pixels to PNG and back: how a picture crosses the border of the blob store."""

import io

import numpy as np
from PIL import Image

from cluster.ports import Pixels


def to_png(pixels: Pixels) -> bytes:
    """Lossless PNG of RGB pixels, uint8 (height, width, 3)."""
    out = io.BytesIO()
    Image.fromarray(pixels, mode="RGB").save(out, format="PNG", compress_level=3)
    return out.getvalue()


def from_png(content: bytes) -> Pixels:
    """RGB pixels, uint8 (height, width, 3), of a picture that `to_png` or a user wrote."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
