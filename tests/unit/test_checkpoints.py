"""Jobs in flight outlive an upgrade: newer code reads what version 1 of the workflow has left.

The file was written by the code that first had that version; raise VERSION in `job_queue.py` when
the steps' order changes, and add the next file beside it.
"""

import json
from pathlib import Path

import pytest

from serve.workflow.durable_steps import Outcome
from serve.workflow.job_queue import VERSION
from serve.workflow.outcomes import (
    Analyzed,
    Collected,
    Judged,
    Planned,
    Remembered,
    Rendered,
    Repaired,
    ResolvedAdapter,
    StoryContext,
)

STORED = json.loads((Path(__file__).parent / "stored" / f"checkpoints_{VERSION}.json").read_text())
OUTCOMES: tuple[type[Outcome], ...] = (
    StoryContext,
    ResolvedAdapter,
    Planned,
    Rendered,
    Judged,
    Repaired,
    Analyzed,
    Remembered,
    Collected,
)


@pytest.mark.parametrize("kind", OUTCOMES, ids=lambda kind: kind.__name__)
def test_what_a_step_left_before_an_upgrade_is_read_after_it(kind: type[Outcome]) -> None:
    outcome = kind.model_validate(STORED[kind.step])

    kept = outcome.model_dump(mode="json")
    assert STORED[kind.step].keys() <= kept.keys()
    assert kind.model_validate(kept) == outcome
    assert json.dumps(outcome.detail())


def test_every_step_has_left_one() -> None:
    assert [kind.step for kind in OUTCOMES] == list(STORED)
