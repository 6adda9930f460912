"""Image codec: pixels to PNG, and any image file to pixels, with every guard in one place."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from cluster.errors import BadImage
from cluster.ports import Pixels

FORMATS = ("PNG", "JPEG", "WEBP")
# What Pillow raises on damaged files, besides OSError: each was seen on a cut or altered one.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError)
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
BACKGROUND = (255, 255, 255)
GREY_16_BIT = "I;16"


@dataclass(frozen=True)
class ImageLimits:
    """What an image file may be. The defaults suit pictures that this installation made itself.

    Args:
        max_px: Width times height, read from the header before anything is decompressed.
        fit_side_px: The longer side is scaled down to this; null keeps the size.
    """

    max_bytes: int = 256 * 2**20
    max_px: int = 64 * 2**20
    min_side_px: int = 1
    fit_side_px: int | None = None


OWN_PICTURES = ImageLimits()


def to_png(pixels: Pixels) -> bytes:
    """Lossless PNG of RGB pixels, uint8 (height, width, 3)."""
    out = io.BytesIO()
    Image.fromarray(pixels, mode="RGB").save(out, format="PNG", compress_level=3)
    return out.getvalue()


def decode_image(content: bytes, limits: ImageLimits = OWN_PICTURES) -> Pixels:
    """Pixels of a PNG, JPEG or WebP file: RGB, uint8 (height, width, 3).

    EXIF rotation is applied, transparency is laid on white, 16 bits become 8, an animation gives
    its first frame. Raises BadImage, which says what is wrong.
    """
    if len(content) > limits.max_bytes:
        raise BadImage(f"the file has more than {limits.max_bytes} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_size(image.size, limits)
            if side := limits.fit_side_px:
                # JPEG can be decoded at a fraction of its size; the others ignore this.
                image.draft("RGB", (side, side))
            image.load()
            return _pixels(image, limits.fit_side_px)
    except BOMB as error:
        raise BadImage(f"the image has more than {limits.max_px} pixels") from error
    except BROKEN as error:
        raise BadImage("this is not a whole PNG, JPEG or WebP image") from error


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_px:
        raise BadImage(f"{width} x {height} is more than {limits.max_px} pixels")
    if min(size) < limits.min_side_px:
        raise BadImage(f"{width} x {height}: each side needs at least {limits.min_side_px} px")


def _pixels(image: Image.Image, side_px: int | None) -> Pixels:
    upright = ImageOps.exif_transpose(image)
    if upright.mode == GREY_16_BIT:
        # Pillow's own conversion clips at 255 instead of scaling: a photograph would be white.
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, BACKGROUND)
        upright.alpha_composite(layer)
    rgb = upright.convert("RGB")
    if side_px is not None:
        rgb.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return np.asarray(rgb, dtype=np.uint8)
