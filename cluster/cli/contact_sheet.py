"""A contact sheet: a row a scene, references | raw | final | scores, for a person to judge."""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from cluster.domain.identity import PASS_IDR
from cluster.domain.job import Job

TILE = 320
SMALL = 154
GAP = 12
MARGIN = 28
HEADER = 84
CAPTION = 62
SCORES = 330
REFERENCES = 4
LINE = 22

PAPER, INK, FAINT, RULE = (18, 20, 26), (236, 238, 242), (142, 150, 166), (46, 51, 63)
GOOD, POOR = (94, 200, 132), (240, 170, 80)


class Panel(NamedTuple):
    """A finished scene with its pictures as files; None where there is none."""

    job: Job
    raw: bytes | None
    final: bytes | None


def contact_sheet(title: str, references: Sequence[bytes], panels: Sequence[Panel]) -> Image.Image:
    """Draw the sheet (RGB). Pictures are scaled to 320 px, references to half of that."""
    width = 2 * MARGIN + 3 * (TILE + GAP) + SCORES
    height = HEADER + len(panels) * (CAPTION + TILE + MARGIN)
    sheet = Image.new("RGB", (width, max(height, HEADER + MARGIN)), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 20), title, INK, _font(26))
    columns = ("references", "raw", "repaired / final", "identity")
    for at, name in enumerate(columns):
        draw.text((_column(at), HEADER - 26), name, FAINT, _font(14))
    for row, panel in enumerate(panels):
        _draw_panel(sheet, HEADER + row * (CAPTION + TILE + MARGIN), references, panel)
    return sheet


def _column(at: int) -> int:
    return MARGIN + at * (TILE + GAP)


def _draw_panel(sheet: Image.Image, top: int, references: Sequence[bytes], panel: Panel) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.line((MARGIN, top, sheet.width - MARGIN, top), RULE)
    prompt = panel.job.request.prompt
    draw.text(
        (MARGIN, top + 9), _fitted(draw, prompt, sheet.width - 2 * MARGIN, 18), INK, _font(18)
    )
    told = panel.job.result.prompt or "no prompt was written"
    draw.text(
        (MARGIN, top + 36), _fitted(draw, told, sheet.width - 2 * MARGIN, 12), FAINT, _font(12)
    )
    top += CAPTION
    for at, content in enumerate(references[:REFERENCES]):
        corner = (at % 2 * (SMALL + GAP), at // 2 * (SMALL + GAP))
        sheet.paste(_picture(content, SMALL), (MARGIN + corner[0], top + corner[1]))
    for column, picture in ((1, panel.raw), (2, panel.final)):
        where = (_column(column), top)
        if picture is None:
            draw.rectangle((*where, where[0] + TILE, where[1] + TILE), outline=RULE)
            draw.text((where[0] + 16, where[1] + 16), "no picture", FAINT, _font(16))
        else:
            sheet.paste(_picture(picture, TILE), where)
    _draw_scores(draw, (_column(3) + GAP, top), panel.job)


def _picture(content: bytes, side: int) -> Image.Image:
    """A picture, letterboxed into a square of `side` px."""
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (side, side), PAPER)
    fitted = image.resize(size, Image.Resampling.LANCZOS)
    square.paste(fitted, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def _draw_scores(draw: ImageDraw.ImageDraw, corner: tuple[int, int], job: Job) -> None:
    x, y = corner
    idr = job.result.idr
    draw.text((x, y), "n/a" if idr is None else f"{idr:.2f}", _grade(idr), _font(44))
    verdict = job.result.identity.verdict.replace("_", " ") if job.result.identity else "no score"
    draw.text((x + 116, y + 8), f"IDR · {verdict}", FAINT, _font(14))
    draw.text((x + 116, y + 27), job.status, GOOD if job.status == "succeeded" else POOR, _font(14))
    y += 66
    for name, value in _parts(job):
        label = _fitted(draw, name, 176, 14)
        draw.text((x, y), label, INK if value is not None else FAINT, _font(14))
        _draw_bar(draw, x + 184, y + 5, value)
        y += LINE
    for line in _notes(job):
        draw.text((x, y + 6), _fitted(draw, line, SCORES - GAP, 13), FAINT, _font(13))
        y += LINE - 3


def _parts(job: Job) -> Iterator[tuple[str, float | None]]:
    parts = job.result.identity.parts if job.result.identity else ()
    return ((part.name.replace("_", " "), part.score) for part in parts[:6])


def _notes(job: Job) -> Iterator[str]:
    raw = job.result.raw_identity
    if raw is not None:
        yield f"raw IDR {'no face' if raw.idr is None else f'{raw.idr:.3f}'}"
    for repair in job.result.repairs[:3]:
        after = "no face" if repair.idr_after is None else f"{repair.idr_after:.3f}"
        yield f"repair {repair.attempt}: {after}, {'kept' if repair.kept else 'not kept'}"
    yield f"adapter {job.result.adapter or 'none'} · seed {job.result.seed}"
    if job.problem:
        yield job.problem.message


def _draw_bar(draw: ImageDraw.ImageDraw, x: int, y: int, value: float | None) -> None:
    if value is None:
        draw.text((x, y - 5), "not visible", FAINT, _font(13))
        return
    draw.rectangle((x, y, x + 90, y + 8), fill=RULE)
    draw.rectangle((x, y, x + round(90 * max(0.0, min(1.0, value))), y + 8), fill=_grade(value))
    draw.text((x + 98, y - 5), f"{value:.2f}", INK, _font(13))


def _grade(value: float | None) -> tuple[int, int, int]:
    return GOOD if value is not None and value >= PASS_IDR else POOR


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitted(draw: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """The text, cut with an ellipsis where it is wider than `width` px."""
    font = _font(size)
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"
