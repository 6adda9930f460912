"""The gate's contact sheet: each scene twice, the champion's picture above the challenger's."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

from cluster.domain.learning.training import Measure
from cluster.drawing import FAINT, GOOD, INK, PAPER, POOR, RULE, fitted, font, grade
from training.gate.picture_scores import Scored

COLUMNS = 6
TILE = 192
GAP = 10
MARGIN = 28
LABEL = 96
"""Left of the pictures: whose they are."""
TITLE = 42
SCORE = 22
ROW = TITLE + 2 * (TILE + SCORE) + 18
HEAD = 88
MEASURE = 22


def gate_sheet(
    heading: str,
    decision: str,
    measures: Sequence[Measure],
    titles: Sequence[str],
    rows: tuple[Sequence[Scored], Sequence[Scored]],
) -> bytes:
    """The sheet as PNG. `rows` are the champion's and the challenger's pictures, one a title."""
    lines = -(-len(titles) // COLUMNS)
    top = HEAD + len(measures) * MEASURE + MARGIN
    width = 2 * MARGIN + LABEL + COLUMNS * (TILE + GAP) - GAP
    sheet = Image.new("RGB", (width, top + lines * ROW), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 18), fitted(draw, heading, width - 2 * MARGIN, 26), INK, font(26))
    colour = GOOD if all(one.passed for one in measures) else POOR
    draw.text((MARGIN, 54), fitted(draw, decision, width - 2 * MARGIN, 16), colour, font(16))
    for at, measure in enumerate(measures):
        _draw_measure(draw, HEAD + at * MEASURE, measure)
    for at, title in enumerate(titles):
        corner = (
            MARGIN + LABEL + at % COLUMNS * (TILE + GAP),
            top + at // COLUMNS * ROW,
        )
        if at % COLUMNS == 0:
            _draw_labels(draw, corner[1])
        for line, words in enumerate(_lines(title)):
            where = (corner[0], corner[1] + line * 17)
            draw.text(where, fitted(draw, words, TILE, 13), INK if line == 0 else FAINT, font(13))
        for row, scored in enumerate(rows):
            _draw_picture(sheet, (corner[0], corner[1] + TITLE + row * (TILE + SCORE)), scored[at])
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def _draw_measure(draw: ImageDraw.ImageDraw, y: int, measure: Measure) -> None:
    draw.text((MARGIN, y), measure.name.replace("_", " "), INK, font(14))
    told = f"{_number(measure.champion)} to {_number(measure.challenger)}"
    draw.text((MARGIN + 130, y), told, GOOD if measure.passed else POOR, font(14))
    if measure.low is not None and measure.high is not None:
        bounds = f"difference {measure.low:+.3f} to {measure.high:+.3f}"
        margin = f", margin {measure.margin:g}" if measure.margin else ""
        draw.text((MARGIN + 270, y), bounds + margin, FAINT, font(14))


def _lines(title: str) -> tuple[str, str]:
    """A scene's title in two lines: place and expression, then the rest."""
    words = title.split(", ")
    return ", ".join(words[:2]), ", ".join(words[2:])


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _draw_labels(draw: ImageDraw.ImageDraw, top: int) -> None:
    draw.line((MARGIN, top - 8, MARGIN + LABEL + COLUMNS * (TILE + GAP), top - 8), RULE)
    for row, name in enumerate(("champion", "challenger")):
        y = top + TITLE + row * (TILE + SCORE) + TILE // 2 - 8
        draw.text((MARGIN, y), name, FAINT, font(14))


def _draw_picture(sheet: Image.Image, corner: tuple[int, int], scored: Scored) -> None:
    draw = ImageDraw.Draw(sheet)
    picture = Image.fromarray(scored.pixels)
    sheet.paste(ImageOps.pad(picture, (TILE, TILE), color=PAPER), corner)
    idr = "no face" if scored.idr is None else f"IDR {scored.idr:.2f}"
    draw.text((corner[0], corner[1] + TILE + 2), idr, grade(scored.idr), font(13))
    rest = f"copy {scored.copy:.2f}"
    if scored.adherence is not None:
        rest = f"obeys {scored.adherence:.2f} · {rest}"
    draw.text((corner[0] + 62, corner[1] + TILE + 4), rest, FAINT, font(11))
