"""The demo that learns: what ships for it, what it tells, and the sheet it draws."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cluster.domain.character import CharacterId
from cluster.domain.learning.runs import TrainingRun
from cluster.domain.learning.training import GateVerdict, TrainedAdapter
from cluster.settings import LearnerSettings
from serve.api.approval import described
from serve.cli.before_after import TILE, BeforeAfter, Take, before_after
from serve.cli.demo_learn import NEWCOMER, Learned, mean_idr, pass_rate, summary

CAPTIONS = sorted(NEWCOMER.glob("golden_*.txt"))


def picture(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "PNG")
    return out.getvalue()


def run(status: str, reason: str = "") -> TrainingRun:
    adapter = TrainedAdapter(
        run_id="r",
        character_id=CharacterId("mira"),
        version=1,
        sha256="a" * 64,
        manifest="m" * 64,
        base_model="cineai/studio",
        rank=4,
        alpha=4,
        trigger="moqik",
        best_step=9,
        probe_idr=0.8,
        train_s=61.26,
    )
    verdict = GateVerdict(promoted=not reason, reason=reason, scenes=24)
    return TrainingRun.model_validate(
        {
            "id": "r",
            "character_id": "mira",
            "images": 31,
            "status": status,
            "adapter": adapter,
            "verdict": verdict,
        }
    )


def test_what_ships_is_more_than_a_training_needs_and_small() -> None:
    references = list(NEWCOMER.glob("reference_*.webp"))
    assert len(references) + len(CAPTIONS) > LearnerSettings().more_than_images + 5
    assert {one.with_suffix(".webp") for one in CAPTIONS} == set(NEWCOMER.glob("golden_*.webp"))
    assert sum(one.stat().st_size for one in NEWCOMER.iterdir()) < 1.5e6


@pytest.mark.parametrize("file", CAPTIONS, ids=lambda file: file.stem)
def test_every_caption_says_where_and_how(file: Path) -> None:
    state = described(file.read_text(), "Mira")
    assert state.place
    assert state.pose
    assert state.expression
    assert state.framing
    assert state.outfit


def test_a_picture_without_a_face_counts_as_nothing() -> None:
    assert pass_rate([0.75, 0.74, None, 0.9]) == 0.5
    assert mean_idr([0.8, None]) == 0.4


def test_the_summary_has_all_that_is_promised() -> None:
    pairs = [
        BeforeAfter("p", Take(None, 0.2), Take(None, 0.8)),
        BeforeAfter("q", Take(None, None), Take(None, 0.7)),
    ]
    told = summary(Learned(run("promoted"), pairs, Path("out/learned.png")), 99.0)
    promised = {
        "pass_rate_before": 0.0,
        "pass_rate_after": 0.5,
        "idr_before": 0.1,
        "idr_after": 0.75,
        "promoted": True,
        "train_seconds": 61.3,
    }
    assert promised.items() <= told.items()
    refused = summary(Learned(run("refused", "idr: no"), pairs, Path("x")), 99.0)
    assert (refused["promoted"], refused["reason"]) == (False, "idr: no")


def test_the_sheet_shows_before_above_after() -> None:
    red, green, blue = (200, 20, 20), (20, 200, 20), (20, 20, 200)
    pairs = [
        BeforeAfter("Mira waits", Take(picture(red), 0.2), Take(picture(green), 0.8)),
        BeforeAfter("Mira runs", Take(None, None), Take(picture(green), 0.9)),
    ]
    pixels = np.asarray(before_after("Mira", ("no adapter", "v1"), [picture(blue)] * 8, pairs))
    rows = {
        colour: np.where((pixels == colour).all(axis=2))[0].min() for colour in (blue, red, green)
    }
    assert rows[blue] < rows[red] < rows[green]
    assert int((pixels == green).all(axis=2).sum()) >= 2 * TILE**2 * 0.98
