"""POST /v1/scenes:plan: what a scene would become, and that nothing comes of asking."""

from typing import Any

import httpx
import pytest

from cluster.domain.consent import Consent
from cluster.domain.story.scene import SceneState
from serve.api.services import Services
from tests.local_api import cast_kairo
from tests.values import adapter, episode

ORDER = {"character_id": "kairo", "prompt": "Kairo, unhurt, hides his lantern in the market"}
WOUND = "A deep gash opens on his forehead"


async def plan(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post("/v1/scenes:plan", json=ORDER | fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def tell(services: Services, *prompts: str) -> None:
    """Scenes as an older version left them: without what they change."""
    for number, prompt in enumerate(prompts, 1):
        services.store.episodes.commit(episode(f"s{number}", SceneState(), prompt=prompt))


async def test_a_plan_shows_the_reading_both_states_the_clashes_and_the_prompt(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    tell(services, "Kairo waits in the forest", WOUND)
    body = await plan(
        client, prompt="Kairo is unhurt. He walks into the market and holds a lantern"
    )
    assert body["story_id"] == "kairo"
    understood = body["reading"]["understood"]
    assert (understood["language"], understood["read"]) == ("en", True)
    assert {one["slot"] for one in body["reading"]["changes"]} == {"injuries", "place", "props"}
    before, after = body["state_before"], body["state_after"]
    assert (before["scene"], after["scene"]) == (2, 3)
    assert "forest" in before["place"]["words"]
    assert "market" in after["place"]["words"]
    assert "lantern" in {one["noun"] for one in after["actors"]["kairo"]["things"]}
    (clash,) = body["contradictions"]
    assert (clash["field"], clash["level"]) == ("injuries", "contradiction")
    assert clash["requested"] in "Kairo is unhurt. He walks into the market and holds a lantern"
    assert clash["evidence"] in WOUND
    assert clash["resolve"]
    assert "lantern" in body["prompt"]
    assert body["left_out"] == []
    assert body["scene"]["place"] == "market"


async def test_forgetting_the_scene_of_a_wound_ends_the_contradiction(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    tell(services, WOUND)
    assert [one["field"] for one in (await plan(client, prompt="Kairo, unhurt"))["contradictions"]]
    assert (await client.delete("/v1/episodes/s1")).status_code == 200
    assert (await plan(client, prompt="Kairo, unhurt"))["contradictions"] == []


async def test_correcting_the_scene_of_a_wound_ends_the_contradiction(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    tell(services, WOUND)
    corrected = await client.patch("/v1/episodes/s1", json={"injuries": []})
    assert corrected.status_code == 200
    assert (await plan(client, prompt="Kairo, unhurt"))["contradictions"] == []


async def test_planning_leaves_nothing_behind(
    client: httpx.AsyncClient, services: Services
) -> None:
    kairo = cast_kairo(services)
    first = await plan(client)
    assert await plan(client) == first
    assert services.store.jobs.list() == []
    assert services.store.episodes.list(kairo.id) == []


async def test_the_active_adapters_word_is_in_the_prompt_and_another_may_be_named(
    client: httpx.AsyncClient, services: Services
) -> None:
    kairo = cast_kairo(services)
    services.store.adapters.add(adapter(1, trigger="kairoman"))
    assert "kairoman" not in (await plan(client))["prompt"]
    assert "kairoman" in (await plan(client, adapter_version=1))["prompt"]
    services.store.switches.stage(kairo.id, 1)
    services.store.switches.promote(kairo.id, 1)
    assert "kairoman" in (await plan(client))["prompt"]
    assert "kairoman" not in (await plan(client, adapter_version=0))["prompt"]


async def test_what_is_not_english_is_said_not_to_be_read(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    body = await plan(client, prompt="Kairo lleva una capa en el bosque")
    assert (body["reading"]["understood"]["read"], body["reading"]["changes"]) == (False, [])
    assert body["state_after"]["actors"] == body["state_before"]["actors"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"character_id": "nobody"}, 404, "not_found"),
        ({"adapter_version": 7}, 404, "not_found"),
        ({"width_px": 65536}, 422, "invalid"),
        ({"prompt": ""}, 422, "invalid"),
    ],
)
async def test_what_could_not_be_rendered_is_not_planned(
    client: httpx.AsyncClient, services: Services, fields: dict[str, object], status: int, code: str
) -> None:
    cast_kairo(services)
    response = await client.post("/v1/scenes:plan", json=ORDER | fields)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_nobody_is_planned_without_consent(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services, consent=Consent(revoked=True))
    response = await client.post("/v1/scenes:plan", json=ORDER)
    assert (response.status_code, response.json()["code"]) == (403, "consent_missing")
