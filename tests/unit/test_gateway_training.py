"""Training over HTTP: how it stands, as it happens, a person's say, and approved pictures."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.consent import Consent
from cluster.domain.identity.score import IdentityReport
from cluster.domain.learning.golden import Snapshot
from cluster.domain.learning.runs import TrainingRun
from cluster.domain.learning.training import Progress
from cluster.ports import Pixels
from cluster.settings import Settings
from serve.api.approval import described
from serve.api.services import Services
from tests.local_api import cast_kairo, open_services
from tests.manual_clock import ManualClock

KAIRO = CharacterId("kairo")
PATH = "/v1/characters/kairo/training"


class Likeness:
    """A validator that is surer the brighter a picture is."""

    async def validate(self, pixels: Pixels, character: Character) -> IdentityReport:
        idr = float(pixels.mean()) / 128
        return IdentityReport(idr=min(idr, 1.0), verdict="pass" if idr > 0.75 else "fail")


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings, Likeness(), clock=ManualClock()) as services:
        yield services


def picture(seed: int, brightness: float) -> bytes:
    noise = np.random.default_rng(seed).integers(-50, 50, (96, 96, 3))
    return to_png(np.clip(noise + brightness, 0, 255).astype(np.uint8))


def give_set(services: Services) -> None:
    services.store.golden.set_snapshot(
        Snapshot(character_id=KAIRO, manifest="m" * 64, inputs="i", samples=9, dropped=0)
    )


async def send(client: httpx.AsyncClient, *images: bytes, captions: Any = None) -> httpx.Response:  # noqa: ANN401
    said = ["portrait of a man, forest"] * len(images) if captions is None else captions
    files = [("images", (f"{at}.png", image, "image/png")) for at, image in enumerate(images)]
    form = {"captions": json.dumps(said)}
    return await client.post("/v1/characters/kairo/golden", data=form, files=files)


def parsed(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if "data:" in block]
    return [
        {name: value for name, _, value in (line.partition(": ") for line in block.splitlines())}
        for block in blocks
    ]


async def test_a_new_character_needs_thirty_one_images(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    body = (await client.get(PATH)).json()
    assert body == {
        "character_id": "kairo",
        "paused": False,
        "images": 0,
        "wanted": 31,
        "run": None,
    }
    missing = await client.get("/v1/characters/nobody/training")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_training_can_be_asked_for_paused_and_resumed(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    refused = await client.post(f"{PATH}/run")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    give_set(services)
    assert (await client.post(f"{PATH}/pause")).json()["paused"] is True
    assert "paused" in (await client.post(f"{PATH}/run")).json()["detail"]
    assert (await client.post(f"{PATH}/resume")).json()["paused"] is False
    begun = await client.post(f"{PATH}/run")
    assert begun.status_code == 202
    assert (begun.json()["status"], begun.json()["asked"]) == ("queued", True)
    assert (await client.post(f"{PATH}/run")).json()["id"] == begun.json()["id"]
    assert (await client.get(PATH)).json()["run"]["id"] == begun.json()["id"]
    runs = (await client.get(f"{PATH}/runs")).json()["items"]
    assert [one["id"] for one in runs] == [begun.json()["id"]]


async def test_without_consent_nobody_is_trained_and_nothing_is_added(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services, consent=Consent(revoked=True))
    give_set(services)
    for answer in (await client.post(f"{PATH}/run"), await send(client, picture(1, 120))):
        assert (answer.status_code, answer.json()["code"]) == (403, "consent_missing")
    assert services.store.golden.list(KAIRO) == []


async def test_training_is_streamed_as_it_happens_and_resumed(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    training = services.store.training
    training.add(TrainingRun(id="r1", character_id=KAIRO, images=31))
    clock = services.clock
    assert isinstance(clock, ManualClock)
    reading = asyncio.create_task(client.get(f"{PATH}/events"))
    await clock.turned_until(lambda: clock.monotonic_s() > 1.0, 0.25)
    progress = Progress(run_id="r1", step=3, steps=9, loss=0.5, probe_idr=0.61)
    training.change("r1", status="training")
    training.change("r1", progress=progress)
    training.change("r1", judged=4, to_judge=48)
    await clock.turned_until(reading.done, 60.0)
    response = await reading
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(response.text)
    assert [one["event"] for one in events] == ["status", "status", "progress", "judging"]
    told = json.loads(events[2]["data"])["data"]
    assert (told["step"], told["loss"], told["probe_idr"]) == (3, 0.5, 0.61)
    headers = {"Last-Event-ID": events[1]["id"]}
    resuming = asyncio.create_task(client.get(f"{PATH}/events", headers=headers))
    await clock.turned_until(resuming.done, 60.0)
    again = await resuming
    assert [one["id"] for one in parsed(again.text)] == [one["id"] for one in events[2:]]


async def test_approved_pictures_get_the_verdicts_that_the_studios_own_would(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    same = picture(1, 120)
    answer = await send(client, same, same, picture(2, 60), picture(3, 125))
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [one["accepted"] for one in items] == [True, True, False, True]
    assert items[0]["job_id"] == items[1]["job_id"]
    assert items[2]["reason"].startswith("idr:")
    assert len(services.store.golden.list(KAIRO, accepted=True)) == 2
    listed = (await client.get("/v1/characters/kairo/golden")).json()["items"]
    assert len(listed) == 3
    assert (await client.get(PATH)).json()["images"] == 2


@pytest.mark.parametrize(
    ("captions", "said"),
    [(["one"], "send one for each"), ("words", "captions"), ([""] * 2, "captions")],
)
async def test_captions_that_do_not_fit_are_refused(
    client: httpx.AsyncClient, services: Services, captions: object, said: str
) -> None:
    cast_kairo(services)
    answer = await send(client, picture(1, 120), picture(2, 120), captions=captions)
    assert answer.status_code == 422
    assert said in json.dumps(answer.json())
    assert services.store.golden.list(KAIRO) == []


async def test_captions_sent_one_by_one_are_refused_with_what_is_wrong(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    answer = await client.post(
        "/v1/characters/kairo/golden",
        files=[("images", ("a.png", picture(1, 120), "image/png"))],
        data={"captions": ["one", "two"]},
    )
    assert answer.status_code == 422
    assert "captions" in json.dumps(answer.json())


def test_a_caption_is_what_a_person_says_of_a_picture() -> None:
    state = described(
        "close-up of a man, black hair, dark cloak, cut on the forehead, holding a sword, angry, "
        "fighting, looking left, neon city, rain",
        "Kairo",
    )
    assert (state.framing, state.place, state.weather) == ("close-up", "neon city", "rain")
    assert (state.expression, state.action, state.pose) == ("angry", "fighting", "looking left")
    assert state.outfit is not None
    assert state.outfit.phrase == "dark cloak"
    assert state.props == ("sword",)
    assert state.injuries is not None
    assert [one.phrase for one in state.injuries] == ["cut on the forehead"]
    assert set(state.source.values()) == {"corrected"}
    assert described("a man", "Kairo").place is None
