import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from dbos import DBOSClient
from fastapi import FastAPI
from PIL import Image
from ray.exceptions import ActorDiedError, RayTaskError

from cluster.domain.access import StoredReply
from cluster.domain.character import CharacterId
from cluster.domain.consent import Consent
from cluster.domain.identity.score import Box
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.job import JobId, Problem, Step
from cluster.domain.story.scene import SceneState
from cluster.errors import Conflict, NotFound, ProviderBusy, Unavailable
from cluster.handles import LoraRegistryHandle
from cluster.ports import Pixels
from cluster.settings import GatewaySettings, Settings
from cluster.store.workflows import QUEUE, WORKFLOW, open_workflow_engine
from serve.api import problems
from serve.api.schemas import cursor_of
from serve.api.services import Services
from tests.local_api import cast_kairo, http, job_of, open_services
from tests.manual_clock import ManualClock

ORDER = {"character_id": "kairo", "prompt": "Kairo fights in rain"}


def workflows(settings: Settings) -> list[Any]:
    engine = open_workflow_engine(settings.store)
    client = DBOSClient(system_database_engine=engine)
    try:
        return client.list_workflows()
    finally:
        client.destroy()
        engine.dispose()


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == problems.MEDIA_TYPE
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]
    assert body["detail"]
    assert body["advice"]
    return body


# Scenes


async def test_a_scene_becomes_a_queued_job(
    client: httpx.AsyncClient, services: Services, settings: Settings
) -> None:
    cast_kairo(services)
    response = await client.post("/v1/scenes", json={**ORDER, "story_id": "pilot", "seed": 7})
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/jobs/{body['id']}"
    assert body["status"] == "queued"
    assert body["request"]["story_id"] == "pilot"
    assert (await client.get(response.headers["location"])).json() == body
    (workflow,) = await asyncio.to_thread(workflows, settings)
    assert (workflow.workflow_id, workflow.name) == (body["id"], WORKFLOW)
    assert (workflow.queue_name, workflow.queue_partition_key) == (QUEUE, "pilot")


async def test_whoever_paints_hears_of_a_coming_scene_and_the_request_waits_for_nothing(
    settings: Settings,
) -> None:
    heard: list[tuple[str, int | None]] = []

    class Slow:
        async def expect(self, character_id: CharacterId, version: int | None) -> None:
            heard.append((character_id, version))
            await asyncio.sleep(3600)

    with open_services(settings) as services:
        services.actors = services.actors._replace(registry=cast(LoraRegistryHandle, Slow()))
        cast_kairo(services)
        cast_kairo(services, id=CharacterId("mira"), name="Mira")
        async with asyncio.timeout(30), http(services) as client:
            for more in ({}, {}, {"adapter_version": 0}, {"character_id": "mira"}):
                assert (await client.post("/v1/scenes", json={**ORDER, **more})).is_success
        await asyncio.sleep(0)
    assert heard == [("kairo", None), ("kairo", 0), ("mira", None)]


async def test_a_scene_is_taken_while_the_registry_is_away(settings: Settings) -> None:
    class Gone:
        async def expect(self, character_id: CharacterId, version: int | None) -> None:
            raise Unavailable("the registry is being replaced")

    with open_services(settings) as services:
        services.actors = services.actors._replace(registry=cast(LoraRegistryHandle, Gone()))
        cast_kairo(services)
        async with http(services) as client:
            assert (await client.post("/v1/scenes", json=ORDER)).status_code == 202


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"cast": ["kairo", "mira"], "character_id": ...}, 422, "unsupported"),
        ({"media_type": "video"}, 422, "invalid"),
        ({"backend": "imagen"}, 422, "unsupported"),
        ({"character_id": "nobody"}, 404, "not_found"),
        ({"width_px": 100}, 422, "invalid"),
        ({"height_px": 8192}, 422, "invalid"),
        ({"prompt": ""}, 422, "invalid"),
    ],
)
async def test_a_bad_order_is_refused_before_anything_is_written(
    client: httpx.AsyncClient, services: Services, change: dict[str, Any], status: int, code: str
) -> None:
    cast_kairo(services)
    body = {name: value for name, value in {**ORDER, **change}.items() if value is not ...}
    assert_problem(await client.post("/v1/scenes", json=body), status, code)
    assert services.store.jobs.list() == []


async def test_a_scene_without_consent_is_forbidden(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services, consent=Consent(revoked=True))
    body = assert_problem(await client.post("/v1/scenes", json=ORDER), 403, "consent_missing")
    assert "revoked" in body["detail"]


async def test_an_invalid_field_is_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/scenes", json={**ORDER, "seed": "7", "pose": 3})
    body = assert_problem(response, 422, "invalid")
    assert {one["at"] for one in body["errors"]} == {"body.seed", "body.pose"}


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    response = await client.post("/v1/scenes", content=b"{", headers=headers)
    assert_problem(response, 422, "invalid")
    assert_problem(await client.post("/v1/scenes", data=ORDER), 415, "wrong_media")
    assert_problem(await client.post("/v1/scenes"), 415, "wrong_media")


# Idempotency


async def test_the_same_key_and_body_get_the_same_answer(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/scenes", json=ORDER, headers=headers)
    services.store.jobs.set_status(JobId(first.json()["id"]), "running")
    again = await client.post("/v1/scenes", json=ORDER, headers=headers)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(services.store.jobs.list()) == 1


async def test_another_body_under_the_same_key_is_refused(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    headers = {"Idempotency-Key": "k1"}
    await client.post("/v1/scenes", json=ORDER, headers=headers)
    response = await client.post("/v1/scenes", json={**ORDER, "seed": 1}, headers=headers)
    assert_problem(response, 422, "idempotency_mismatch")


async def test_many_at_once_under_one_key_make_one_job(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    headers = {"Idempotency-Key": "k1"}
    replies = await asyncio.gather(
        *(client.post("/v1/scenes", json=ORDER, headers=headers) for _ in range(8))
    )
    assert len(services.store.jobs.list()) == 1
    assert {reply.status_code for reply in replies} <= {202, 409}
    for reply in replies:
        if reply.status_code == 409:
            assert_problem(reply, 409, "idempotency_in_flight")
            assert reply.headers["retry-after"] == "1"
    assert len({reply.content for reply in replies if reply.status_code == 202}) == 1


async def test_a_refusal_is_not_kept_under_the_key(
    client: httpx.AsyncClient, services: Services
) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert_problem(await client.post("/v1/scenes", json=ORDER, headers=headers), 404, "not_found")
    cast_kairo(services)
    assert (await client.post("/v1/scenes", json=ORDER, headers=headers)).status_code == 202


async def test_an_answer_that_was_lost_does_not_make_a_second_job(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/scenes", json=ORDER, headers=headers)
    key, kept = await asyncio.to_thread(forget_answers, services)
    assert (key, kept) == (1, 0)
    again = await client.post("/v1/scenes", json=ORDER, headers=headers)
    assert again.json()["id"] == first.json()["id"]


def forget_answers(services: Services) -> tuple[int, int]:
    """As if the replica had died after the job was written, and before the answer was kept."""
    import sqlite3

    path = services.settings.store.folder / "cineai.db"
    with sqlite3.connect(path) as database:
        changed = database.execute("DELETE FROM idempotency").rowcount
        left: int = database.execute("SELECT count(*) FROM idempotency").fetchone()[0]
    return changed, left


# Jobs


async def test_pages_of_jobs_cover_all_once_newest_first(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    for n in range(7):
        services.store.jobs.add(job_of(f"j{n}", story="odd" if n % 2 else "even"))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await client.get("/v1/jobs", params=params)).json()
        seen += [job["id"] for job in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [f"j{n}" for n in reversed(range(7))]


async def test_jobs_are_filtered(client: httpx.AsyncClient, services: Services) -> None:
    cast_kairo(services)
    for n in range(4):
        services.store.jobs.add(job_of(f"j{n}", story="odd" if n % 2 else "even"))
    services.store.jobs.set_status(JobId("j1"), "running")

    async def ids(**params: str) -> list[str]:
        page = (await client.get("/v1/jobs", params=params)).json()
        return [job["id"] for job in page["items"]]

    assert await ids(story="odd") == ["j3", "j1"]
    assert await ids(status="running") == ["j1"]
    assert await ids(character="mira") == []


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"status": "lost"}])
async def test_a_bad_query_is_refused(client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    assert_problem(await client.get("/v1/jobs", params=params), 422, "invalid")


async def test_cancelling_is_final_and_may_be_repeated(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    services.store.jobs.add(job_of("j1"))
    for _ in range(2):
        response = await client.post("/v1/jobs/j1/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert not services.store.jobs.set_status(JobId("j1"), "running")


async def test_a_job_that_has_ended_cannot_be_cancelled(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    services.store.jobs.add(job_of("j1"))
    services.store.jobs.set_status(JobId("j1"), "failed", Problem(code="x", message="y"))
    body = assert_problem(await client.post("/v1/jobs/j1/cancel"), 409, "conflict")
    assert "failed" in body["detail"]
    assert_problem(await client.post("/v1/jobs/j2/cancel"), 404, "not_found")


# Events


async def test_events_are_streamed_to_the_end_as_they_happen(settings: Settings) -> None:
    clock = ManualClock()
    with open_services(settings, clock=clock) as services:
        cast_kairo(services)
        jobs, id = services.store.jobs, JobId("j1")
        jobs.add(job_of(id))
        async with http(services) as client:
            reading = asyncio.create_task(client.get("/v1/jobs/j1/events"))
            jobs.set_status(id, "running")
            await clock.turned_until(lambda: clock.monotonic_s() > 1.0, 0.25)
            assert not reading.done()
            jobs.add_step(id, Step(name="prompt", duration_ms=1.0))
            jobs.set_status(id, "failed", Problem(code="x", message="y"))
            await clock.turned_until(reading.done, 0.25)
    response = await reading
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(response.text)
    assert [event["id"] for event in events] == ["1", "2", "3", "4"]
    assert [event["event"] for event in events] == ["status", "status", "step", "status"]
    assert json.loads(events[-1]["data"])["data"]["status"] == "failed"


def parsed(text: str) -> list[dict[str, str]]:
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block]
    return [
        dict(line.split(": ", 1) for line in block if not line.startswith(":"))
        for block in blocks
        if not block[0].startswith(":")
    ]


async def test_events_are_resumed_after_the_last_one_read(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    services.store.jobs.add(job_of("j1"))
    services.store.jobs.set_status(JobId("j1"), "cancelled")
    response = await client.get("/v1/jobs/j1/events", headers={"Last-Event-ID": "1"})
    assert [event["id"] for event in parsed(response.text)] == ["2"]
    response = await client.get("/v1/jobs/j1/events", headers={"Last-Event-ID": "2"})
    assert (response.status_code, response.content) == (204, b"")
    response = await client.get("/v1/jobs/j1/events", headers={"Last-Event-ID": "x"})
    assert_problem(response, 422, "invalid")
    assert_problem(await client.get("/v1/jobs/j2/events"), 404, "not_found")


async def test_an_idle_stream_beats_and_is_closed_in_the_end(settings: Settings) -> None:
    clock = ManualClock()
    limits = GatewaySettings(poll_interval_s=1.0, heartbeat_s=10.0, max_stream_s=35.0)
    with open_services(settings.model_copy(update={"gateway": limits}), clock=clock) as services:
        cast_kairo(services)
        services.store.jobs.add(job_of("j1"))
        async with http(services) as client:
            reading = asyncio.create_task(client.get("/v1/jobs/j1/events"))
            await clock.turned_until(reading.done, 1.0)
    response = await reading
    assert response.text.count(": heartbeat") == 3
    assert clock.monotonic_s() == 35.0
    assert [event["id"] for event in parsed(response.text)] == ["1"]


# Memory


def episode(id: str) -> Episode:
    return Episode(
        id=EpisodeId(id),
        character_id="kairo",
        story_id="kairo",
        scene=1,
        prompt="Kairo runs in the market",
        state=SceneState(place="market", source={"place": "seen"}),
        artifact="0" * 64,
    )


async def test_the_state_follows_corrected_and_forgotten_episodes(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    for n in (1, 2):
        await services.actors.memory.remember(episode=episode(f"j{n}"), face=None)
    correction = {"place": "cave", "injuries": [{"kind": "cut", "place": "chin"}]}
    corrected = (await client.patch("/v1/episodes/j2", json=correction)).json()
    assert corrected["state"]["place"] == "cave"
    assert corrected["state"]["source"] == {"place": "corrected", "injuries": "corrected"}

    async def state(**params: int) -> dict[str, Any]:
        response = await client.get("/v1/characters/kairo/state", params=params)
        assert response.status_code == 200
        body: dict[str, Any] = response.json()
        return body

    assert (await state())["place"] == "cave"
    assert (await state())["outfit"]["garment"] == "cloak"
    assert (await state(at=1))["place"] == "market"
    assert (await client.delete("/v1/episodes/j2")).json()["forgotten"]
    assert (await state())["injuries"] == []
    listed = (await client.get("/v1/characters/kairo/episodes")).json()["items"]
    assert [one["id"] for one in listed] == ["j1"]
    params: dict[str, str | bool] = {"forgotten": True, "story": "kairo"}
    listed = (await client.get("/v1/characters/kairo/episodes", params=params)).json()["items"]
    assert [one["id"] for one in listed] == ["j1", "j2"]


async def test_episodes_are_listed_in_pages(client: httpx.AsyncClient, services: Services) -> None:
    cast_kairo(services)
    for n, story in enumerate(("b", "a", "b", "a", "b")):
        one = episode(f"j{n}").model_copy(update={"story_id": story})
        await services.actors.memory.remember(episode=one, face=None)
    pages: list[list[str]] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        params = {"limit": "2", **cursor}
        page = (await client.get("/v1/characters/kairo/episodes", params=params)).json()
        pages.append([one["id"] for one in page["items"]])
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert pages == [["j1", "j3"], ["j0", "j2"], ["j4"]]


@pytest.mark.parametrize("cursor", ["nonsense", cursor_of("a"), cursor_of("a", "x"), "W10"])
async def test_an_unknown_cursor_is_a_page_of_episodes_that_does_not_exist(
    client: httpx.AsyncClient, services: Services, cursor: str
) -> None:
    cast_kairo(services)
    response = await client.get("/v1/characters/kairo/episodes", params={"cursor": cursor})
    assert_problem(response, 404, "not_found")


async def test_what_was_remembered_a_moment_ago_is_found(
    client: httpx.AsyncClient, services: Services
) -> None:
    cast_kairo(services)
    assert await services.actors.memory.settled(wait_s=60)  # the index is open
    await services.actors.memory.remember(episode=episode("j1"), face=None)
    response = await client.get("/v1/characters/kairo/episodes/search", params={"q": "a market"})
    assert [one["episode"]["id"] for one in response.json()["items"]] == ["j1"]


class Looks:
    """A validator to which every picture shows the same face, if any."""

    def __init__(self, face: tuple[str, list[float]] | None) -> None:
        self._face = face

    async def embed(self, *, pixels: Pixels, box: Box | None) -> tuple[str, list[float]] | None:
        assert (pixels.shape, box) == ((96, 96, 3), None)
        return self._face


def a_picture(side_px: int = 96) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side_px, side_px), "grey").save(out, "PNG")
    return out.getvalue()


async def search_face(
    settings: Settings, looks: Looks, content: bytes, **params: int
) -> httpx.Response:
    """Search for a picture's face among three scenes, of which two show one."""
    with open_services(settings, looks) as services:
        cast_kairo(services)
        faces: dict[str, list[float]] = {"j1": [1.0, 0.0], "j2": [0.6, 0.8]}
        for id in ("j1", "j2", "j3"):
            face = ("sface", faces[id]) if id in faces else None
            await services.actors.memory.remember(episode=episode(id), face=face)
        assert await services.actors.memory.settled(wait_s=60)
        async with http(services) as client:
            return await client.post(
                "/v1/characters/kairo/episodes/search-face",
                files={"picture": ("who.png", content, "image/png")},
                params=params,
            )


async def test_a_face_is_found_where_it_was_seen(settings: Settings) -> None:
    response = await search_face(settings, Looks(("sface", [0.0, 1.0])), a_picture())
    items = response.json()["items"]
    assert [one["episode"]["id"] for one in items] == ["j2", "j1"]
    assert [one["score"] for one in items] == pytest.approx([0.8, 0.0], abs=1e-6)


async def test_a_face_of_another_model_was_never_seen(settings: Settings) -> None:
    response = await search_face(settings, Looks(("arcface", [1.0])), a_picture(), limit=1)
    assert response.json() == {"items": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [(a_picture(), "no face"), (a_picture(8), "who.png"), (b"no picture", "who.png")],
)
async def test_a_picture_without_a_usable_face_is_refused(
    settings: Settings, content: bytes, says: str
) -> None:
    response = await search_face(settings, Looks(None), content)
    assert says in assert_problem(response, 422, "bad_image")["detail"]


@pytest.mark.parametrize(
    ("who", "field", "status", "code"),
    [("nobody", "picture", 404, "not_found"), ("kairo", "image", 422, "invalid")],
)
async def test_a_face_is_looked_for_of_somebody_in_one_picture(
    client: httpx.AsyncClient, services: Services, who: str, field: str, status: int, code: str
) -> None:
    cast_kairo(services)
    files = {field: ("who.png", a_picture(), "image/png")}
    path = f"/v1/characters/{who}/episodes/search-face"
    assert_problem(await client.post(path, files=files), status, code)


@pytest.mark.parametrize("path", ["state", "episodes", "episodes/search?q=rain", "dataset"])
async def test_nobody_has_no_memory(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(f"/v1/characters/nobody/{path}"), 404, "not_found")


# Artifacts, health


async def test_an_artifact_can_be_cached_for_ever(
    client: httpx.AsyncClient, services: Services
) -> None:
    content = b"\x89PNG\r\n\x1a\n and so on"
    sha256 = services.store.blobs.put(content)
    response = await client.get(f"/v1/artifacts/{sha256}")
    assert response.content == content
    assert response.headers["content-type"] == "image/png"
    assert response.headers["etag"] == f'"{sha256}"'
    assert "immutable" in response.headers["cache-control"]
    known = {"If-None-Match": response.headers["etag"]}
    again = await client.get(f"/v1/artifacts/{sha256}", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert_problem(await client.get(f"/v1/artifacts/{'0' * 64}"), 404, "not_found")
    assert_problem(await client.get("/v1/artifacts/../etc/passwd"), 404, "no_such_route")
    assert_problem(await client.get("/v1/artifacts/nonsense"), 422, "invalid")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"<script>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
async def test_an_artifacts_type_is_what_it_is(
    client: httpx.AsyncClient, services: Services, content: bytes, kind: str
) -> None:
    response = await client.get(f"/v1/artifacts/{services.store.blobs.put(content)}")
    assert response.headers["content-type"] == kind
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_ready_says_what_is_missing(settings: Settings) -> None:
    async def missing() -> None:
        raise Unavailable("not healthy yet: Generator")

    async def silent() -> None:
        await asyncio.sleep(60)

    quick = GatewaySettings(ready_timeout_s=0.3)
    changed = settings.model_copy(update={"gateway": quick})
    with open_services(changed, probes={"deployments": missing, "director": silent}) as services:
        async with http(services) as client:
            response = await client.get("/readyz")
            assert (await client.get("/healthz")).json() == {"status": "ok"}
    body = response.json()
    assert (response.status_code, body["ready"]) == (503, False)
    failed = {name: one["detail"] for name, one in body["checks"].items() if not one["ok"]}
    assert failed == {
        "deployments": "not healthy yet: Generator",
        "director": "no answer within 0.3 s",
    }
    assert body["checks"].keys() >= {"store", "queue", "memory", "registry", "learner"}


async def test_ready_when_everything_answers(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)


# Failures


async def test_unknown_routes_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/nothing"), 404, "no_such_route")
    response = await client.put("/v1/scenes")
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def failing(app: FastAPI, error: Exception) -> None:
    @app.get("/v1/fails")
    async def fails() -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("job", id="j1"), 404, "not_found"),
        (RayTaskError("f", "Traceback: secret", Conflict("busy")).as_instanceof_cause(), 409, None),
        (RayTaskError("f", "Traceback: secret", KeyError("secret")), 500, "internal"),
        (ActorDiedError(), 503, "unavailable"),
        (ProviderBusy(provider="veo", retry_after_s=7), 503, "provider_busy"),
        (ZeroDivisionError("secret"), 500, "internal"),
    ],
)
async def test_every_failure_is_a_problem_without_a_traceback(
    services: Services, error: Exception, status: int, code: str | None
) -> None:
    from serve.gateway import fastapi_app

    app = fastapi_app(services)
    failing(app, error)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://cine.test") as client:
        response = await client.get("/v1/fails")
    body = assert_problem(response, status, code or "conflict")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    if status == 500:
        assert body["instance"].startswith("urn:uuid:")
    if status == 503:
        assert response.headers["retry-after"] == ("7" if code == "provider_busy" else "5")


async def test_an_actors_refusal_comes_back_as_itself(
    settings: Settings, services: Services, client: httpx.AsyncClient
) -> None:
    cast_kairo(services)
    response = await client.post("/v1/characters/kairo/adapters/9/promote")
    assert_problem(response, 404, "not_found")


# Keys, limits, headers


@pytest.fixture
async def guarded(settings: Settings) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    locked = GatewaySettings(require_key=True, key_cache_s=10.0, max_json_bytes=500)
    guarded = settings.model_copy(update={"gateway": locked})
    with open_services(guarded, clock=ManualClock()) as services:
        async with http(services) as client:
            yield services, client


async def test_the_api_needs_a_key(guarded: tuple[Services, httpx.AsyncClient]) -> None:
    services, client = guarded
    id, key = services.store.keys.create("test")

    async def status(authorization: str | None) -> int:
        headers = {"Authorization": authorization} if authorization else {}
        response = await client.get("/v1/jobs", headers=headers)
        if response.status_code == 401:
            assert_problem(response, 401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
        return response.status_code

    assert [await status(one) for one in (None, "Bearer", "Bearer x", f"Basic {key}")] == [401] * 4
    assert await status(f"Bearer {key}") == 200
    assert await status(f"bearer {key}") == 200
    services.store.keys.revoke(id)
    assert isinstance(services.clock, ManualClock)
    services.clock.turn(9.9)
    assert await status(f"Bearer {key}") == 200
    services.clock.turn(0.1)
    assert await status(f"Bearer {key}") == 401
    assert (await client.get("/v1/nothing")).status_code == 401
    for open_path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        assert (await client.get(open_path)).status_code == 200


async def test_two_holders_of_keys_do_not_share_idempotency_keys(
    guarded: tuple[Services, httpx.AsyncClient],
) -> None:
    services, client = guarded
    cast_kairo(services)
    ids = set()
    for name in ("a", "b"):
        _, key = services.store.keys.create(name)
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k1"}
        reply = await client.post("/v1/scenes", json=ORDER, headers=headers)
        ids.add(reply.json()["id"])
    assert len(ids) == 2


async def test_a_large_body_is_refused_declared_or_not(
    guarded: tuple[Services, httpx.AsyncClient],
) -> None:
    services, client = guarded
    _, key = services.store.keys.create("test")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 100

    for content in (b" " * 1000, pieces()):
        response = await client.post("/v1/scenes", content=content, headers=headers)
        body = assert_problem(response, 413, "too_large")
        assert "gateway.max_json_bytes" in body["detail"]


async def test_a_stranger_is_refused_before_the_body_is_read(
    guarded: tuple[Services, httpx.AsyncClient],
) -> None:
    _, client = guarded

    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    headers = {"Content-Type": "application/json"}
    response = await client.post("/v1/scenes", content=unread(), headers=headers)
    assert_problem(response, 401, "unauthorized")


async def test_replies_carry_safe_headers(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/jobs")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "content-security-policy" not in (await client.get("/docs")).headers


def test_keys_are_off_on_loopback_only() -> None:
    assert not GatewaySettings().keys_required
    assert GatewaySettings(host="0.0.0.0").keys_required


def test_a_kept_answer_is_given_again_as_it_was(services: Services) -> None:
    kept = StoredReply(status=202, headers={"location": "/v1/jobs/1"}, body=b"\x00\xff")
    assert services.store.idempotency.claim("k", "f") is None
    services.store.idempotency.complete("k", kept)
    assert services.store.idempotency.claim("k", "f") == kept
