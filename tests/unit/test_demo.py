import io
import json

import numpy as np
from PIL import Image
from rich.text import Text

from cluster.domain.character import CharacterId
from cluster.domain.identity.score import IdentityReport, Part
from cluster.domain.story.job import Job, JobId, Problem, Repair, Result, Step
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.domain.vocabulary import EYE_COLOURS, HAIR_COLOURS, HAIR_STYLES, MARK_KINDS, OUTFITS
from serve.cli.contact_sheet import TILE, Panel, contact_sheet
from serve.cli.demo import KAIRO, scene_report
from serve.cli.progress import step_line

PARTS = (
    Part(name="face", score=0.91, weight=0.7),
    Part(name="left_eye", score=None, weight=0, reason="hidden"),
    Part(name="scar on the left cheek", score=0.4, weight=0.1),
)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (128, 128)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def finished(status: str = "succeeded") -> Job:
    identity = IdentityReport(idr=0.83, verdict="pass", parts=PARTS)
    repair = Repair(attempt=1, idr_before=0.6, idr_after=0.83, kept=True, strength=0.45)
    result = Result(
        idr=0.83,
        identity=identity,
        raw_identity=identity,
        repairs=(repair,),
        seed=7,
        prompt="portrait of a man",
        artifact="a",
        raw_artifact="b",
    )
    request = SceneRequest(
        character_id=CharacterId("kairo"), prompt="Kairo fights " * 30, story_id=StoryId("demo")
    )
    problem = Problem(code="identity_lost", message="lost", advice="retry")
    return Job.model_validate(
        {
            "id": JobId("j"),
            "status": status,
            "request": request,
            "result": result,
            "steps": [Step(name="render", duration_ms=12.34)],
            "problem": problem if status == "rejected" else None,
        }
    )


def test_the_sheet_shows_every_picture_large_and_in_its_place() -> None:
    red, green, blue = (200, 20, 20), (20, 200, 20), (20, 20, 200)
    panels = [Panel(finished(), picture(green), picture(blue))] * 2
    sheet = contact_sheet("Kairo", [picture(red)] * 4, panels)
    pixels = np.asarray(sheet)
    for colour, least in ((red, 8 * 140**2), (green, 2 * TILE**2), (blue, 2 * TILE**2)):
        area = int((np.abs(pixels.astype(int) - colour).sum(axis=2) < 12).sum())
        assert area >= least * 0.98
    columns = [np.where((pixels == colour).all(axis=2))[1].min() for colour in (red, green, blue)]
    assert columns == sorted(columns)


def test_the_sheet_is_drawn_without_pictures_scores_or_references() -> None:
    job = finished("rejected").model_copy(update={"result": Result()})
    wide = picture((9, 9, 9), (300, 100))
    sheet = contact_sheet("Kairo", [], [Panel(job, None, None), Panel(finished(), wide, None)])
    assert sheet.height > 2 * TILE


def test_a_scene_is_reported_with_all_that_is_promised() -> None:
    told = json.loads(json.dumps(scene_report(finished())))
    promised = {
        "job_id",
        "status",
        "idr",
        "identity",
        "repairs",
        "steps",
        "prompt",
        "adapter",
        "seed",
        "state",
    }
    assert promised <= set(told)
    assert told["steps"] == [{"name": "render", "attempt": 1, "duration_ms": 12.3}]
    assert set(told["state"]) == {"before", "after"}
    assert told["identity"]["parts"][0]["name"] == "face"


def test_a_step_is_one_line_with_its_time_and_what_it_did() -> None:
    step = Step(
        name="repair",
        attempt=2,
        duration_ms=1500,
        detail={"idr_before": 0.6, "idr": None, "kept": False},
    )
    line = Text.from_markup(step_line(step.model_dump(mode="json"))).plain
    assert " ".join(line.split()) == "✓ repair 2 1.50 s IDR 0.600 → no face, not kept"


def test_markup_in_a_prompt_is_shown_as_it_is() -> None:
    line = step_line({"name": "prompt", "duration_ms": 1, "detail": {"prompt": "[red]x[/red]"}})
    assert "[red]x[/red]" in Text.from_markup(line).plain


def test_kairos_profile_is_spelled_with_the_vocabulary() -> None:
    profile = json.loads((KAIRO / "profile.json").read_text())["profile"]
    assert profile["hair"]["colour"] in HAIR_COLOURS
    assert profile["hair"]["style"] in HAIR_STYLES
    assert {profile["left_eye"]["colour"], profile["right_eye"]["colour"]} <= set(EYE_COLOURS)
    assert profile["marks"] == [{"kind": "scar", "place": "left cheek"}]
    assert profile["marks"][0]["kind"] in MARK_KINDS
    assert profile["outfit"]["garment"] in OUTFITS
