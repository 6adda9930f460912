"""Uploaded files: reference images and approved pictures, decoded one by one."""

import asyncio
from collections.abc import Sequence

from starlette.datastructures import UploadFile

from cluster.codecs.images import ImageLimits, decode_image
from cluster.errors import BadImage, Invalid
from cluster.ports import Pixels
from cluster.settings import GatewaySettings

# Icons and thumbnails: no face in them would be wide enough for the validator.
MIN_SIDE_PX = 64


async def read_images(
    files: Sequence[UploadFile], settings: GatewaySettings, *, kept: int = 0
) -> list[Pixels]:
    """Decode reference images: RGB uint8 (height, width, 3), upright, longer side limited.

    Args:
        kept: How many references the character has already.

    Raises:
        Invalid: There are too many.
        BadImage: One is not an image or is over a limit; names the file.
    """
    if kept + len(files) > settings.max_references:
        raise Invalid(
            f"A character has at most {settings.max_references} references"
            f" (gateway.max_references); it would have {kept + len(files)}"
        )
    return await read_all(files, settings)


async def read_all(files: Sequence[UploadFile], settings: GatewaySettings) -> list[Pixels]:
    """The same of images that are no references, however many there are: uint8 RGB (height, width,
    3) each. Raises BadImage."""
    return [await _read_image(file, settings, index) for index, file in enumerate(files)]


async def _read_image(file: UploadFile, settings: GatewaySettings, index: int) -> Pixels:
    content = await file.read(settings.max_image_bytes + 1)
    try:
        return await asyncio.to_thread(decode_image, content, limits_of(settings))
    except BadImage as error:
        raise BadImage(f"{name_of(file, index)}: {error.message}", index=index) from error


def limits_of(settings: GatewaySettings) -> ImageLimits:
    """What a picture that somebody sends may be."""
    return ImageLimits(
        max_bytes=settings.max_image_bytes,
        max_px=settings.max_image_px,
        min_side_px=MIN_SIDE_PX,
        fit_side_px=settings.reference_side_px,
    )


def name_of(file: UploadFile, index: int) -> str:
    """What the sender knows a file by."""
    return f"file {index + 1} ({file.filename!r})" if file.filename else f"file {index + 1}"
