import base64
import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from cluster.domain.character import Character, CharacterId, Outfit
from cluster.domain.consent import Consent
from cluster.domain.story.job import Job, JobId
from cluster.domain.story.scene import Injury, SceneRequest, SceneState
from cluster.errors import ConsentMissing, Invalid, NotFound, Unsupported
from cluster.settings import GeneratorSettings
from serve.api import admission
from serve.api.casting import slug
from serve.api.schemas import Correction, SceneOrder, cursor_of, job_cursor, job_position, parts_of

TODAY = datetime(2026, 5, 1, tzinfo=UTC).date()


def order(**fields: object) -> SceneOrder:
    given = {"character_id": "kairo", "prompt": "Kairo runs", **fields}
    wanted = {name: value for name, value in given.items() if value is not ...}
    return SceneOrder.model_validate_json(json.dumps(wanted), strict=True)


def test_the_story_is_the_characters_own_unless_named() -> None:
    assert admission.request_of(order()).story_id == "kairo"
    assert admission.request_of(order(story_id="pilot")).story_id == "pilot"


def test_a_cast_of_one_is_a_character() -> None:
    both = (order(), order(character_id=..., cast=["kairo"]))
    assert {admission.request_of(one) for one in both} == {
        SceneRequest(character_id="kairo", prompt="Kairo runs", story_id="kairo")
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"character_id": ...},
        {"character_id": None},
        {"cast": ["kairo"]},
        {"cast": None},
        {"character_id": ..., "cast": []},
        {"character_id": "Kairo"},
        {"character_id": "kai ro"},
        {"prompt": " \n "},
        {"prompt": "a\x00b"},
        {"prompt": "x" * 2001},
        {"pose": " "},
        {"pose": "a\nb"},
        {"seed": -1},
        {"seed": "7"},
        {"width_px": 63},
        {"width_px": 100},
        {"adapter_version": "yes"},
        {"adapter_version": -1},
        {"media_type": "video"},
        {"unheard": 1},
    ],
)
def test_a_malformed_order_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        order(**fields)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"character_id": ..., "cast": ["kairo", "mira"]}, Unsupported, "one for now"),
        ({"backend": "imagen"}, Unsupported, "imagen"),
        ({"width_px": 4096}, Invalid, "width_px"),
        ({"height_px": 4096}, Invalid, "height_px"),
    ],
)
def test_what_cannot_be_rendered_is_refused_and_says_what(
    fields: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        admission.refuse_order(order(**fields), GeneratorSettings())


def test_what_can_be_rendered_is_not_refused() -> None:
    fields = {"backend": "diffusers", "width_px": 128, "height_px": 2048, "seed": 0}
    admission.refuse_order(order(**fields), GeneratorSettings())


@pytest.mark.parametrize(
    "consent",
    [
        Consent(revoked=True),
        Consent(until=datetime(2026, 4, 30, tzinfo=UTC).date()),
        Consent(likeness="real"),
    ],
)
def test_nobody_is_rendered_without_consent(consent: Consent) -> None:
    kairo = Character(id=CharacterId("kairo"), name="Kairo", consent=consent)
    with pytest.raises(ConsentMissing, match="Kairo cannot be rendered: ") as caught:
        kairo.require_consent("rendered", on=TODAY)
    assert "PATCH /v1/characters/kairo" in caught.value.advice


def test_a_consent_holds_on_its_last_day() -> None:
    consent = Consent(until=TODAY)
    Character(id=CharacterId("kairo"), name="Kairo", consent=consent).require_consent(
        "trained", on=TODAY
    )


def test_one_key_and_body_are_one_job() -> None:
    same, other = admission.order_digest(order()), admission.order_digest(order(seed=1))
    assert admission.job_id("k", same) == admission.job_id("k", same)
    assert len({admission.job_id("k", same), admission.job_id("k", other)}) == 2
    assert admission.job_id(None, same) != admission.job_id(None, same)


def test_a_job_cursor_leads_back_to_the_job() -> None:
    job = Job(id=JobId("j1"), request=admission.request_of(order()))
    assert job_position(job_cursor(job)) == (job.created_at, "j1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "!!!!",
        cursor_of("a"),
        cursor_of("not a date", "j1"),
        cursor_of("2026-01-01T00:00:00", "j1"),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
        base64.urlsafe_b64encode(b"[1,2]").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_of_ones_own_making_is_a_page_that_does_not_exist(text: str) -> None:
    with pytest.raises(NotFound, match="page"):
        job_position(text)


def test_a_cursor_keeps_its_parts() -> None:
    assert parts_of(cursor_of("ü", "b"), 2) == ["ü", "b"]


def test_a_correction_changes_what_it_names_and_nothing_else() -> None:
    seen = SceneState(
        outfit=Outfit(garment="cloak"),
        place="street",
        injuries=(Injury(kind="cut", place="chin"),),
        confidence={"outfit": 0.9, "place": 0.8},
        source={"outfit": "seen", "place": "planned"},
    )
    correction = Correction.model_validate_json('{"injuries": [], "outfit": null}', strict=True)
    assert correction.of(seen) == SceneState(
        place="street",
        injuries=(),
        confidence={"place": 0.8},
        source={"outfit": "corrected", "place": "planned", "injuries": "corrected"},
    )


@pytest.mark.parametrize(
    ("name", "id"), [("Kairo", "kairo"), ("Zoë  van Dam!", "zoe-van-dam"), ("A" * 99, "a" * 63)]
)
def test_an_id_is_made_from_the_name(name: str, id: str) -> None:
    assert slug(name) == id


def test_a_name_without_letters_needs_an_id() -> None:
    with pytest.raises(Invalid, match="send an `id`"):
        slug("影")
