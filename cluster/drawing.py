"""How our sheets of pictures are drawn: colours, letters, and pictures fitted into tiles."""

from PIL import Image, ImageDraw, ImageFont

from cluster.codecs.images import decode_image
from cluster.domain.identity.score import PASS_IDR

PAPER, INK, FAINT, RULE = (18, 20, 26), (236, 238, 242), (142, 150, 166), (46, 51, 63)
GOOD, POOR = (94, 200, 132), (240, 170, 80)


def picture_of(content: bytes, side: int) -> Image.Image:
    """A picture, letterboxed into a square of `side` px."""
    image = Image.fromarray(decode_image(content))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (side, side), PAPER)
    scaled = image.resize(size, Image.Resampling.LANCZOS)
    square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def grade(value: float | None) -> tuple[int, int, int]:
    """The colour of a score: whether it passes."""
    return GOOD if value is not None and value >= PASS_IDR else POOR


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Letters of `size` px."""
    return ImageFont.load_default(size)


def fitted(draw: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """The text, cut with an ellipsis where it is wider than `width` px."""
    letters = font(size)
    if draw.textlength(text, letters) <= width:
        return text
    while text and draw.textlength(f"{text}…", letters) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"
