"""The gate's contact sheet: each scene twice, the champion's picture above the challenger's."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

from cluster.domain.learning.training import Measure
from cluster.drawing import FAINT, GOOD, INK, PAPER, POOR, RULE, fitted, font, grade
from training.gate.picture_scores import ScoredImage

COLUMNS = 6
"""Scenes a row."""
TILE_PX, GAP_PX, MARGIN_PX = 192, 10, 28
LABEL_PX = 96
"""Width left of the pictures: whose they are."""
TITLE_PX, SCORE_PX = 42, 22
"""Heights of a scene's title and of the line below each picture."""
ROW_PX = TITLE_PX + 2 * (TILE_PX + SCORE_PX) + 18
HEAD_PX, MEASURE_PX = 88, 22
"""Heights of the heading and of one measure's line."""


def gate_sheet(
    heading: str,
    decision: str,
    measures: Sequence[Measure],
    titles: Sequence[str],
    pictures: tuple[Sequence[ScoredImage], Sequence[ScoredImage]],
) -> bytes:
    """The sheet as PNG. `pictures` are the champion's and the challenger's, one a title."""
    lines = -(-len(titles) // COLUMNS)
    top = HEAD_PX + len(measures) * MEASURE_PX + MARGIN_PX
    width = 2 * MARGIN_PX + LABEL_PX + COLUMNS * (TILE_PX + GAP_PX) - GAP_PX
    sheet = Image.new("RGB", (width, top + lines * ROW_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, 18), fitted(draw, heading, width - 2 * MARGIN_PX, 26), INK, font(26))
    colour = GOOD if all(one.passed for one in measures) else POOR
    draw.text((MARGIN_PX, 54), fitted(draw, decision, width - 2 * MARGIN_PX, 16), colour, font(16))
    for at, measure in enumerate(measures):
        _draw_measure(draw, HEAD_PX + at * MEASURE_PX, measure)
    for at, title in enumerate(titles):
        corner = (
            MARGIN_PX + LABEL_PX + at % COLUMNS * (TILE_PX + GAP_PX),
            top + at // COLUMNS * ROW_PX,
        )
        if at % COLUMNS == 0:
            _draw_labels(draw, corner[1])
        for line, words in enumerate(_lines(title)):
            where = (corner[0], corner[1] + line * 17)
            draw.text(
                where, fitted(draw, words, TILE_PX, 13), INK if line == 0 else FAINT, font(13)
            )
        for row, scored in enumerate(pictures):
            _draw_picture(
                sheet, (corner[0], corner[1] + TITLE_PX + row * (TILE_PX + SCORE_PX)), scored[at]
            )
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def _draw_measure(draw: ImageDraw.ImageDraw, y: int, measure: Measure) -> None:
    draw.text((MARGIN_PX, y), measure.name.replace("_", " "), INK, font(14))
    change = f"{_number(measure.champion)} to {_number(measure.challenger)}"
    draw.text((MARGIN_PX + 130, y), change, GOOD if measure.passed else POOR, font(14))
    if measure.low is not None and measure.high is not None:
        bounds = f"difference {measure.low:+.3f} to {measure.high:+.3f}"
        margin = f", margin {measure.margin:g}" if measure.margin else ""
        draw.text((MARGIN_PX + 270, y), bounds + margin, FAINT, font(14))


def _lines(title: str) -> tuple[str, str]:
    """A scene's title in two lines: place and expression, then the rest."""
    words = title.split(", ")
    return ", ".join(words[:2]), ", ".join(words[2:])


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _draw_labels(draw: ImageDraw.ImageDraw, top: int) -> None:
    draw.line(
        (MARGIN_PX, top - 8, MARGIN_PX + LABEL_PX + COLUMNS * (TILE_PX + GAP_PX), top - 8), RULE
    )
    for row, name in enumerate(("champion", "challenger")):
        y = top + TITLE_PX + row * (TILE_PX + SCORE_PX) + TILE_PX // 2 - 8
        draw.text((MARGIN_PX, y), name, FAINT, font(14))


def _draw_picture(sheet: Image.Image, corner: tuple[int, int], scored: ScoredImage) -> None:
    draw = ImageDraw.Draw(sheet)
    picture = Image.fromarray(scored.pixels)
    sheet.paste(ImageOps.pad(picture, (TILE_PX, TILE_PX), color=PAPER), corner)
    idr = "no face" if scored.idr is None else f"IDR {scored.idr:.2f}"
    draw.text((corner[0], corner[1] + TILE_PX + 2), idr, grade(scored.idr), font(13))
    rest = f"copy {scored.copy_score:.2f}"
    if scored.adherence is not None:
        rest = f"obeys {scored.adherence:.2f} · {rest}"
    draw.text((corner[0] + 62, corner[1] + TILE_PX + 4), rest, FAINT, font(11))
