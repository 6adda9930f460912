"""A contact sheet of what learning changed: each prompt before and after, from the same seed."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from cluster.drawing import FAINT, INK, PAPER, RULE, fitted, font, grade, picture_of

TILE = 256
SMALL = 96
GAP = 12
MARGIN = 28
HEADER = 84
CAPTION = 40
SCORE = 44


class Take(NamedTuple):
    """A picture as a file, None where there is none, and its IDR."""

    picture: bytes | None
    idr: float | None


class BeforeAfter(NamedTuple):
    prompt: str
    before: Take
    after: Take


def before_after(
    title: str, names: tuple[str, str], references: Sequence[bytes], pairs: Sequence[BeforeAfter]
) -> Image.Image:
    """Draw the sheet (RGB): references on top, then a column a prompt, before above after.

    Args:
        names: What painted the upper and the lower row.
    """
    width = 2 * MARGIN + len(pairs) * (TILE + GAP) - GAP
    top = HEADER + SMALL + MARGIN
    sheet = Image.new("RGB", (width, top + CAPTION + 2 * (TILE + SCORE) + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 20), title, INK, font(26))
    draw.text((MARGIN, 56), f"above: {names[0]}   below: {names[1]}", FAINT, font(14))
    for at, content in enumerate(references):
        sheet.paste(picture_of(content, SMALL), (MARGIN + at * (SMALL + GAP), HEADER))
    draw.line((MARGIN, top - GAP, width - MARGIN, top - GAP), RULE)
    for at, pair in enumerate(pairs):
        x = MARGIN + at * (TILE + GAP)
        draw.text((x, top + 8), fitted(draw, pair.prompt, TILE, 14), INK, font(14))
        for row, take in enumerate((pair.before, pair.after)):
            _draw_take(sheet, (x, top + CAPTION + row * (TILE + SCORE)), take)
    return sheet


def _draw_take(sheet: Image.Image, corner: tuple[int, int], take: Take) -> None:
    draw = ImageDraw.Draw(sheet)
    x, y = corner
    if take.picture is None:
        draw.rectangle((x, y, x + TILE, y + TILE), outline=RULE)
        draw.text((x + 16, y + 16), "no picture", FAINT, font(16))
    else:
        sheet.paste(picture_of(take.picture, TILE), corner)
    told = "no face" if take.idr is None else f"IDR {take.idr:.2f}"
    draw.text((x, y + TILE + 6), told, grade(take.idr), font(20))
