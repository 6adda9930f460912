import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.datastructures import Headers, UploadFile

from cluster.codecs.images import ImageLimits, decode_image
from cluster.errors import BadImage, Invalid
from cluster.settings import GatewaySettings
from serve.api.uploads import limits_of, read_images

LIMITS = GatewaySettings()
FILES = limits_of(LIMITS)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """96 wide, 128 high: red above, blue below."""
    image = Image.new("RGB", (96, 128), (255, 0, 0))
    image.paste((0, 0, 255), (0, 64, 96, 128))
    return image.convert(mode)


def file(content: bytes, name: str | None = "kairo.png") -> UploadFile:
    return UploadFile(io.BytesIO(content), filename=name, headers=Headers())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_become_rgb_pixels(kind: str) -> None:
    pixels = decode_image(encoded(halves(), kind), FILES)
    assert pixels.shape == (128, 96, 3)
    assert pixels.dtype == np.uint8
    assert pixels[10, 48, 0] > 200 > 60 > pixels[10, 48, 2]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_are_refused_whatever_their_name(kind: str) -> None:
    with pytest.raises(BadImage, match="PNG, JPEG or WebP"):
        decode_image(encoded(halves(), kind), FILES)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.fromarray(np.full((80, 80), 65535, np.uint16)) if mode == "I;16" else halves(mode)
    pixels = decode_image(encoded(image, kind), FILES)
    assert pixels.shape[2] == 3
    assert pixels.max() > 60


def test_sixteen_bits_become_eight_and_keep_their_brightness() -> None:
    image = Image.fromarray(np.full((80, 80), 0x40FF, np.uint16))
    assert (decode_image(encoded(image), FILES) == 0x40).all()


def test_a_picture_of_our_own_keeps_its_size() -> None:
    assert decode_image(encoded(Image.new("RGB", (2600, 40)))).shape == (40, 2600, 3)


def test_a_picture_of_our_own_has_limits_too() -> None:
    with pytest.raises(BadImage, match="more than 100 pixels"):
        decode_image(encoded(Image.new("RGB", (11, 10))), ImageLimits(max_px=100))


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter to the right
    pixels = decode_image(encoded(halves(), "JPEG", exif=exif), FILES)
    assert pixels.shape == (96, 128, 3)
    assert pixels[48, 120, 0] > 200, "what was above is on the right"


def test_transparency_is_laid_on_white() -> None:
    assert decode_image(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))), FILES).min() == 255


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert decode_image(content, FILES)[5, 5, 0] > 200


def test_a_large_picture_is_kept_smaller() -> None:
    pixels = decode_image(encoded(Image.new("RGB", (5000, 2500)), "JPEG"), FILES)
    assert pixels.shape == (1024, 2048, 3)


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny file with a valid header of any size: a decompression bomb's fuse."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(BadImage, match="pixels"):
        decode_image(png_that_claims(side, side), FILES)


def test_a_cut_off_file_is_refused() -> None:
    whole = encoded(Image.effect_noise((128, 128), 90).convert("RGB"))
    with pytest.raises(BadImage, match="whole"):
        decode_image(whole[: len(whole) // 2], FILES)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_bytes_that_are_no_image_are_refused(content: bytes) -> None:
    with pytest.raises(BadImage):
        decode_image(content, FILES)


def test_a_tiny_image_is_refused() -> None:
    with pytest.raises(BadImage, match="at least 64"):
        decode_image(encoded(Image.new("RGB", (63, 200))), FILES)


async def test_the_error_names_the_file(tmp_path: Path) -> None:
    good = encoded(halves())
    with pytest.raises(BadImage, match=r"file 2 \('b\.txt'\)") as caught:
        await read_images([file(good), file(b"x", "b.txt")], LIMITS)
    assert caught.value.index == 1


async def test_a_file_over_the_byte_limit_is_refused() -> None:
    with pytest.raises(BadImage, match="more than 100 bytes"):
        await read_images([file(encoded(halves()))], GatewaySettings(max_image_bytes=100))


async def test_references_are_counted_with_those_there_are() -> None:
    files = [file(encoded(halves()))] * 2
    with pytest.raises(Invalid, match="at most 2"):
        await read_images(files, GatewaySettings(max_references=2), kept=1)
