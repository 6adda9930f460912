"""The model card says what was trained and measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from training.studio.stages import StudioPlan


@pytest.fixture
def plan(tmp_path: Path) -> StudioPlan:
    from training.studio.stages import StudioPlan

    lines = [{"stage": "text", "step": n, "seconds": 60 * n, "loss": 1 / n} for n in (1, 2)]
    lines.append({"stage": "unet", "step": 50, "seconds": 3600, "loss": 0.4})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return StudioPlan(folder=tmp_path, studio=tmp_path, kairo=tmp_path, pictures=900)


def test_the_card_shows_each_stage_and_figure(plan: StudioPlan) -> None:
    from training.studio.report import card

    figures: dict[str, float | None] = {
        "face_found": 0.5,
        "face_found_in_renders": 0.99,
        "pictures": 300.0,
    }
    text = card.write_card(plan, figures).read_text()
    assert "| text | 2 | 2 | 0.500 |" in text
    assert "| unet | 60 | 50 | 0.400 |" in text
    assert "| face found | 0.500 | 0.990 |" in text
    assert "--count 300" in text
    assert "900 renders" in text
    assert card.hardware() in text


def test_a_figure_that_was_not_measured_stays_empty(plan: StudioPlan) -> None:
    from training.studio.report import card

    text = card.write_card(plan, {"idr_reference_adapter": None}).read_text()
    assert "| mean IDR with the image-prompt adapter |  |  |" in text
