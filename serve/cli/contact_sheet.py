"""A contact sheet: a row a scene, references | raw | final | scores, for a person to judge."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from cluster.domain.story.job import Job
from cluster.drawing import FAINT, GOOD, INK, PAPER, POOR, RULE, fitted, font, grade, picture_of

TILE = 320
SMALL = 154
GAP = 12
MARGIN = 28
HEADER = 84
CAPTION = 62
SCORES = 330
REFERENCES = 4
LINE = 22


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
    draw.text((MARGIN, 20), title, INK, font(26))
    columns = ("references", "raw", "repaired / final", "identity")
    for at, name in enumerate(columns):
        draw.text((_column(at), HEADER - 26), name, FAINT, font(14))
    for row, panel in enumerate(panels):
        _draw_panel(sheet, HEADER + row * (CAPTION + TILE + MARGIN), references, panel)
    return sheet


def _column(at: int) -> int:
    return MARGIN + at * (TILE + GAP)


def _draw_panel(sheet: Image.Image, top: int, references: Sequence[bytes], panel: Panel) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.line((MARGIN, top, sheet.width - MARGIN, top), RULE)
    prompt = panel.job.request.prompt
    draw.text((MARGIN, top + 9), fitted(draw, prompt, sheet.width - 2 * MARGIN, 18), INK, font(18))
    told = panel.job.result.prompt or "no prompt was written"
    draw.text((MARGIN, top + 36), fitted(draw, told, sheet.width - 2 * MARGIN, 12), FAINT, font(12))
    top += CAPTION
    for at, content in enumerate(references[:REFERENCES]):
        corner = (at % 2 * (SMALL + GAP), at // 2 * (SMALL + GAP))
        sheet.paste(picture_of(content, SMALL), (MARGIN + corner[0], top + corner[1]))
    for column, picture in ((1, panel.raw), (2, panel.final)):
        where = (_column(column), top)
        if picture is None:
            draw.rectangle((*where, where[0] + TILE, where[1] + TILE), outline=RULE)
            draw.text((where[0] + 16, where[1] + 16), "no picture", FAINT, font(16))
        else:
            sheet.paste(picture_of(picture, TILE), where)
    _draw_scores(draw, (_column(3) + GAP, top), panel.job)


def _draw_scores(draw: ImageDraw.ImageDraw, corner: tuple[int, int], job: Job) -> None:
    x, y = corner
    idr = job.result.idr
    draw.text((x, y), "n/a" if idr is None else f"{idr:.2f}", grade(idr), font(44))
    verdict = job.result.identity.verdict.replace("_", " ") if job.result.identity else "no score"
    draw.text((x + 116, y + 8), f"IDR · {verdict}", FAINT, font(14))
    draw.text((x + 116, y + 27), job.status, GOOD if job.status == "succeeded" else POOR, font(14))
    y += 66
    for name, value in _parts(job):
        label = fitted(draw, name, 176, 14)
        draw.text((x, y), label, INK if value is not None else FAINT, font(14))
        _draw_bar(draw, x + 184, y + 5, value)
        y += LINE
    for line in _notes(job):
        draw.text((x, y + 6), fitted(draw, line, SCORES - GAP, 13), FAINT, font(13))
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
        draw.text((x, y - 5), "not visible", FAINT, font(13))
        return
    draw.rectangle((x, y, x + 90, y + 8), fill=RULE)
    draw.rectangle((x, y, x + round(90 * max(0.0, min(1.0, value))), y + 8), fill=grade(value))
    draw.text((x + 98, y - 5), f"{value:.2f}", INK, font(13))
