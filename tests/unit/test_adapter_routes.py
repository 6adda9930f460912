"""Adapters over HTTP: versions, what is served, and the audit of it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from actors.registry import LoraRegistry
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import TrainingFigures
from cluster.domain.learning.training import GateVerdict
from cluster.domain.story.job import JobId
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import Settings
from serve.api.services import Services
from tests.handles import started
from tests.local_api import cast_kairo, open_services
from tests.tiny_adapters import lora
from tests.values import adapter

ADAPTERS = "/v1/characters/kairo/adapters"
KAIRO = CharacterId("kairo")


@pytest.fixture
def services(tiny_settings: Settings, tiny: BaseFolder) -> Iterator[Services]:
    """Kairo has versions 1 and 2, of which 2 is served, and 3, which the gate refused."""
    with open_services(tiny_settings) as services:
        cast_kairo(services)
        registry = started(LoraRegistry(tiny_settings))
        for seed in (1, 2):
            registry.import_file(KAIRO, lora(tiny, seed=seed))
        registry.close()
        blobs = services.store.blobs
        verdict = GateVerdict(
            promoted=False,
            reason="variety fell",
            scenes=24,
            report=blobs.put(b'{"scenes": [1, 2]}'),
            sheet=blobs.put(b"\x89PNG\r\n\x1a\n..."),
        )
        figures = TrainingFigures(run_id="r", manifest="a" * 64, best_step=9, train_s=1.5)
        refused = blobs.put(lora(tiny, seed=3))
        services.store.adapters.add(
            adapter(3, sha256=refused, origin="training", training=figures, verdict=verdict)
        )
        yield services


async def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def listed(client: httpx.AsyncClient) -> dict[str, Any]:
    body: dict[str, Any] = (await client.get(ADAPTERS)).raise_for_status().json()
    return body


async def test_versions_are_listed_with_the_active_and_the_previous_one(
    client: httpx.AsyncClient,
) -> None:
    body = await listed(client)
    assert [one["version"] for one in body["items"]] == [1, 2, 3]
    assert [one["active"] for one in body["items"]] == [False, True, False]
    assert (body["active"], body["previous"]) == (2, 1)
    assert body["items"][2]["verdict"]["reason"] == "variety fell"


async def test_a_version_is_read_with_its_report_and_its_sheet(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{ADAPTERS}/3")).raise_for_status().json()
    assert body["adapter"]["training"]["best_step"] == 9
    assert body["report"] == {"scenes": [1, 2]}
    sheet = await client.get(body["links"]["sheet"])
    assert sheet.headers["content-type"] == "image/png"
    report = await client.get(body["links"]["report"])
    assert json.loads(report.content) == body["report"]
    imported = (await client.get(f"{ADAPTERS}/1")).json()
    assert (imported["report"], imported["links"]["sheet"]) == (None, None)


async def test_an_export_is_the_file_that_came_in(
    client: httpx.AsyncClient, services: Services
) -> None:
    link = (await client.get(f"{ADAPTERS}/1")).json()["links"]["file"]
    response = (await client.get(link)).raise_for_status()
    assert response.content == services.store.blobs.get(
        services.store.adapters.get(KAIRO, 1).sha256
    )
    disposition = response.headers["content-disposition"]
    assert disposition == 'attachment; filename="char_kairo_v1.safetensors"'


async def test_promoting_is_asked_for_once_or_twice(client: httpx.AsyncClient) -> None:
    once = (await client.post(f"{ADAPTERS}/1/promote")).raise_for_status().json()
    assert (once["kind"], once["version"], once["replaced"]) == ("promoted", 1, 2)
    assert (await client.post(f"{ADAPTERS}/1/promote")).json() == once
    assert (await listed(client))["active"] == 1


async def test_the_gate_can_be_overruled_only_on_purpose(client: httpx.AsyncClient) -> None:
    assert await problem(await client.post(f"{ADAPTERS}/3/promote")) == (403, "refused")
    assert (await listed(client))["active"] == 2
    forced = await client.post(f"{ADAPTERS}/3/promote", params={"force": True})
    assert forced.raise_for_status().json()["version"] == 3


async def test_rolling_back_is_asked_for_once_or_twice(client: httpx.AsyncClient) -> None:
    once = (await client.post(f"{ADAPTERS}/2/rollback")).raise_for_status().json()
    assert (once["kind"], once["version"], once["replaced"]) == ("rolled_back", 1, 2)
    assert (await client.post(f"{ADAPTERS}/2/rollback")).json() == once
    body = await listed(client)
    assert (body["active"], body["previous"]) == (1, None)
    assert await problem(await client.post(f"{ADAPTERS}/3/rollback")) == (409, "conflict")


async def test_no_adapter_can_be_served(client: httpx.AsyncClient) -> None:
    cleared = (await client.delete(f"{ADAPTERS}/active")).raise_for_status().json()
    assert (cleared["kind"], cleared["version"], cleared["replaced"]) == ("cleared", None, 2)
    assert (await client.delete(f"{ADAPTERS}/active")).json() == cleared
    assert (await listed(client))["previous"] == 2


async def test_a_deleted_version_is_gone_and_the_active_one_cannot_be(
    client: httpx.AsyncClient,
) -> None:
    assert await problem(await client.delete(f"{ADAPTERS}/2")) == (409, "conflict")
    gone = (await client.delete(f"{ADAPTERS}/1")).raise_for_status().json()
    assert (gone["kind"], gone["version"]) == ("deleted", 1)
    assert (await client.delete(f"{ADAPTERS}/1")).json() == gone
    assert [one["version"] for one in (await listed(client))["items"]] == [2, 3]
    for way in ("", "/file"):
        assert await problem(await client.get(f"{ADAPTERS}/1{way}")) == (404, "not_found")


async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient) -> None:
    nobody = "/v1/characters/nobody/adapters"
    asked = [
        await client.get(nobody),
        await client.get(f"{nobody}/history"),
        await client.get(f"{nobody}/active"),
        await client.get(f"{ADAPTERS}/9"),
        await client.post(f"{ADAPTERS}/9/promote"),
        await client.post(f"{ADAPTERS}/9/rollback"),
        await client.delete(f"{ADAPTERS}/9"),
        await client.delete(f"{nobody}/active"),
        await client.get("/v1/jobs/nothing/adapter"),
    ]
    assert [await problem(one) for one in asked] == [(404, "not_found")] * len(asked)


async def test_the_history_is_read_page_by_page(
    client: httpx.AsyncClient, services: Services
) -> None:
    await client.post(f"{ADAPTERS}/2/rollback")
    whole = (await client.get(f"{ADAPTERS}/history")).raise_for_status().json()
    assert whole["next"] is None
    kinds = [one["kind"] for one in whole["items"]]
    assert kinds == ["staging", "promoted", "staging", "promoted", "rolled_back"]
    first = (await client.get(f"{ADAPTERS}/history", params={"limit": 3})).json()
    assert first["items"] == whole["items"][:3]
    rest = (await client.get(f"{ADAPTERS}/history", params={"after": first["next"]})).json()
    assert rest["items"] == whole["items"][3:]
    services.store.characters.delete(KAIRO)
    after = (await client.get(f"{ADAPTERS}/history")).raise_for_status().json()
    assert after["items"][:5] == whole["items"]


async def test_who_was_active_at_a_time_is_known(
    client: httpx.AsyncClient, services: Services
) -> None:
    first, second = [one for one in services.store.switches.list(KAIRO) if one.kind == "promoted"]

    async def at(moment: str) -> dict[str, Any]:
        answer = await client.get(f"{ADAPTERS}/active", params={"at": moment})
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    before = await at((first.at - timedelta(seconds=1)).isoformat())
    assert (before["version"], before["since"], before["adapter"]) == (None, None, None)
    assert (await at(first.at.isoformat()))["adapter"]["version"] == 1
    assert (await at(second.at.isoformat()))["version"] == 2
    assert (await at("9999-12-31T23:59:59-12:00"))["version"] == 2
    assert (await at("0001-01-01T00:00:00+12:00"))["version"] is None
    assert (await client.get(f"{ADAPTERS}/active")).json()["version"] == 2
    for odd in ("yesterday", "1700000000", "2026-11-24", "2026-11-24T10:00:00"):
        answer = await client.get(f"{ADAPTERS}/active", params={"at": odd})
        assert await problem(answer) == (422, "invalid")


async def test_a_scene_can_name_its_version(client: httpx.AsyncClient, services: Services) -> None:
    async def order(**fields: int) -> httpx.Response:
        scene = {"character_id": "kairo", "prompt": "Kairo runs", **fields}
        return await client.post("/v1/scenes", json=scene)

    async def version_of(job: httpx.Response) -> dict[str, Any]:
        answer = await client.get(f"/v1/jobs/{job.json()['id']}/adapter")
        body: dict[str, Any] = answer.raise_for_status().json()
        return {name: body[name] for name in ("version", "pinned")}

    named, none, open_ = (
        await order(adapter_version=1),
        await order(adapter_version=0),
        await order(),
    )
    assert await version_of(named) == {"version": 1, "pinned": True}
    assert await version_of(none) == {"version": 0, "pinned": True}
    assert await version_of(open_) == {"version": None, "pinned": False}
    assert await problem(await order(adapter_version=9)) == (404, "not_found")
    assert await problem(await order(adapter_version=-1)) == (422, "invalid")
    assert await problem(await client.delete(f"{ADAPTERS}/1")) == (409, "conflict")

    services.store.adapters.pin(JobId(open_.json()["id"]), None)
    await client.post(f"{ADAPTERS}/1/promote")
    answer = await client.get(f"/v1/jobs/{open_.json()['id']}/adapter")
    assert answer.json()["version"] == 2
    assert answer.json()["adapter"]["sha256"] == services.store.adapters.get(KAIRO, 2).sha256
