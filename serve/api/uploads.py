"""Uploaded files: what is an image that can be a reference, decided by decoding it."""

import asyncio
import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps
from starlette.datastructures import UploadFile

from cluster.errors import BadImage, Invalid
from cluster.ports import Pixels
from cluster.settings import GatewaySettings

FORMATS = ("PNG", "JPEG", "WEBP")
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError)
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
MIN_SIDE_PX = 64
BACKGROUND = (255, 255, 255)


async def read_images(
    files: Sequence[UploadFile], limits: GatewaySettings, *, kept: int = 0
) -> list[Pixels]:
    """Decode reference images: RGB uint8 (height, width, 3), upright, longer side limited.

    Args:
        kept: How many references the character has already.

    Raises:
        Invalid: There are too many.
        BadImage: One is not an image or is over a limit; names the file.
    """
    if kept + len(files) > limits.max_references:
        raise Invalid(
            f"A character has at most {limits.max_references} references"
            f" (gateway.max_references); it would have {kept + len(files)}"
        )
    return await read_all(files, limits)


async def read_all(files: Sequence[UploadFile], limits: GatewaySettings) -> list[Pixels]:
    """The same of images that are no references, however many there are. Raises BadImage."""
    return [await _read_image(file, limits, index) for index, file in enumerate(files)]


async def _read_image(file: UploadFile, limits: GatewaySettings, index: int) -> Pixels:
    content = await file.read(limits.max_image_bytes + 1)
    try:
        return await asyncio.to_thread(decode, content, limits)
    except BadImage as error:
        raise BadImage(f"{name_of(file, index)}: {error.message}", index=index) from error


def decode(content: bytes, limits: GatewaySettings) -> Pixels:
    """Pixels of an image file, uint8 (height, width, 3) RGB.

    The size is read from the header before anything is decompressed. EXIF rotation is applied,
    transparency is laid on white, an animation gives its first frame. Raises BadImage.
    """
    if len(content) > limits.max_image_bytes:
        raise BadImage(f"the file has more than {limits.max_image_bytes} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_size(image.size, limits)
            # JPEG can be decoded at a fraction of its size; the others ignore this.
            image.draft("RGB", (limits.reference_side_px, limits.reference_side_px))
            image.load()
            return _pixels(image, limits.reference_side_px)
    except BOMB as error:
        raise BadImage(f"the image has more than {limits.max_image_px} pixels") from error
    except BROKEN as error:
        raise BadImage("this is not a whole PNG, JPEG or WebP image") from error


def name_of(file: UploadFile, index: int) -> str:
    """What the sender knows a file by."""
    return f"file {index + 1} ({file.filename!r})" if file.filename else f"file {index + 1}"


def _check_size(size: tuple[int, int], limits: GatewaySettings) -> None:
    width, height = size
    if width * height > limits.max_image_px:
        raise BadImage(f"{width} x {height} is more than {limits.max_image_px} pixels")
    if min(size) < MIN_SIDE_PX:
        raise BadImage(f"{width} x {height}: each side needs at least {MIN_SIDE_PX} px")


def _pixels(image: Image.Image, side_px: int) -> Pixels:
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, BACKGROUND)
        upright.alpha_composite(layer)
    rgb = upright.convert("RGB")
    rgb.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return np.asarray(rgb, dtype=np.uint8)
