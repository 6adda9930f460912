"""The model card of a finished training: what was trained on what, for how long, and its worth."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import torch

from training.studio.report.evaluate import StudioFigures
from training.studio.stages import StudioPlan

TEMPLATE = Path(__file__).with_name("card.md")

GROWN = """an earlier version of itself. Its autoencoder's encoder stayed as it was; decoder, text
encoder and UNet were trained further."""

FIGURES = {
    "face_found": "face found",
    "hair_colour": "hair colour as asked",
    "outfit_colour": "outfit colour as asked",
    "place": "place as asked",
    "marks": "marks as asked",
    "props": "props as asked",
    "injuries": "injuries as asked",
    "tagger_mmd": "tagger MMD against held-out renders",
    "idr_caption_only": "mean IDR by caption alone",
    "idr_reference_adapter": "mean IDR with the image-prompt adapter",
    "seconds_per_image": "seconds an image",
}
"""The figures of `evaluate` that the card shows, in words."""


@dataclass(frozen=True)
class TrainedStage:
    """What one stage of training came to."""

    name: str
    minutes: float
    steps: int
    loss: float


def stages_in(folder: Path) -> list[TrainedStage]:
    """Every stage that left a log in a training folder, in the order in which they ended."""
    found: dict[str, TrainedStage] = {}
    for line in _lines(folder / "log.jsonl"):
        found[line["stage"]] = TrainedStage(
            line["stage"], line["seconds"] / 60, line["step"], line["loss"]
        )
    return list(found.values())


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def hardware() -> str:
    """The GPU's name, or the CPU's."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    cpus = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpus.read_text().splitlines() if cpus.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def write_card(plan: StudioPlan, figures: StudioFigures) -> Path:
    """Write the card beside the weights; returns its path."""
    trained = stages_in(plan.folder)
    rows = [f"| {s.name} | {s.minutes:.0f} | {s.steps:,} | {s.loss:.3f} |" for s in trained]
    measured = [
        f"| {words} | {_said(figures.get(key))} | {_said(figures.get(f'{key}_in_renders'))} |"
        for key, words in FIGURES.items()
    ]
    card = Template(TEMPLATE.read_text()).substitute(
        pictures=f"{plan.pictures:,}",
        start=GROWN if plan.start else "nothing.",
        hardware=hardware(),
        hours=f"{sum(one.minutes for one in trained) / 60:.1f}",
        stages="\n".join(rows),
        count=f"{figures.get('pictures') or 0:.0f}",
        figures="\n".join(measured),
    )
    path = plan.studio / "README.md"
    path.write_text(card)
    return path


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
