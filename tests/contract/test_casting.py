"""Characters over HTTP: real photographs, the real validator and the real registry."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageEnhance, ImageOps

from cluster.settings import GatewaySettings, Settings
from serve.api.services import Services
from serve.replicas.validator import Validator
from tests.local_api import http, job_of, open_services
from tests.photographs import FRIENDS, HANKS, astronaut
from tests.values import episode

PROFILE = {"hair": {"colour": "brown"}, "marks": [{"kind": "scar", "place": "left cheek"}]}
NEW = {"id": "eileen", "name": "Eileen", "profile": PROFILE}

Part = tuple[str, tuple[str, bytes, str]]


@pytest.fixture
def services(settings: Settings, validator: Validator) -> Iterator[Services]:
    with open_services(settings, validator) as services:
        yield services


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def part(content: bytes, name: str) -> Part:
    return ("references", (name, content, "application/octet-stream"))


def portraits() -> list[Part]:
    person = Image.fromarray(astronaut())
    brighter = ImageEnhance.Brightness(person).enhance(1.2)
    return [
        part(encoded(person), "one.png"),
        part(encoded(ImageOps.mirror(person), "JPEG", quality=92), "two.jpg"),
        part(encoded(brighter, "WEBP"), "three.webp"),
    ]


async def test_a_face_is_looked_for_in_what_a_character_remembers(services: Services) -> None:
    async with http(services) as client:
        assert (await post(client, portraits())).status_code == 201
        pixels = astronaut()
        seen = await services.largest_face(pixels)
        for id, face in (("j1", seen), ("j2", None)):
            one = episode(id, character_id="eileen", story_id="eileen")
            await services.actors.memory.remember(episode=one, face=face)
        assert await services.actors.memory.settled(wait_s=60)

        async def looked_for(content: bytes) -> list[tuple[str, float]]:
            answer = await client.post(
                "/v1/characters/eileen/episodes/search-face",
                files={"picture": ("who.png", content, "image/png")},
            )
            assert answer.status_code == 200, answer.text
            return [(one["episode"]["id"], one["score"]) for one in answer.json()["items"]]

        (herself,) = await looked_for(encoded(Image.fromarray(pixels)))
        (other,) = await looked_for(HANKS.read_bytes())
    assert (herself[0], other[0]) == ("j1", "j1")
    assert herself[1] == pytest.approx(1.0, abs=1e-3)
    assert other[1] < 0.5


def stranger() -> Part:
    return part(HANKS.read_bytes(), "tom.png")


async def post(
    client: httpx.AsyncClient, files: list[Part], character: dict[str, Any] | str | None = None
) -> httpx.Response:
    text = character if isinstance(character, str) else json.dumps(character or NEW)
    return await client.post("/v1/characters", files=files, data={"character": text})


def blobs_of(services: Services) -> list[Path]:
    root = services.settings.store.folder / "blobs"
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


async def test_a_character_lives_from_casting_to_deletion(
    client: httpx.AsyncClient, services: Services
) -> None:
    response = await post(client, portraits())
    assert response.status_code == 201, response.text
    eileen = response.json()
    assert response.headers["location"] == "/v1/characters/eileen"
    assert len(eileen["references"]) == 3
    assert (await client.get("/v1/characters/eileen")).json() == eileen
    picture = await client.get(f"/v1/artifacts/{eileen['references'][1]}")
    assert picture.headers["content-type"] == "image/png"

    change = {"name": "Commander", "profile": {"gender": "woman"}, "consent": {"revoked": True}}
    changed = (await client.put("/v1/characters/eileen", json=change)).json()
    assert changed["profile"]["gender"] == "woman"
    assert changed["references"] == eileen["references"]
    order = {"character_id": "eileen", "prompt": "Eileen walks"}
    assert (await client.post("/v1/scenes", json=order)).status_code == 403

    assert (await client.delete("/v1/characters/eileen")).status_code == 204
    assert (await client.get("/v1/characters/eileen")).status_code == 404
    assert (await client.delete("/v1/characters/eileen")).status_code == 404


async def test_references_are_added_and_must_agree(
    client: httpx.AsyncClient, services: Services
) -> None:
    first, second, third = portraits()
    await post(client, [first, second])
    kept = len(blobs_of(services))
    refused = await client.post("/v1/characters/eileen/references", files=[stranger()])
    assert (refused.status_code, refused.json()["code"]) == (422, "odd_one_out")
    assert "tom.png" in refused.json()["detail"]
    assert len(blobs_of(services)) == kept
    grown = await client.post("/v1/characters/eileen/references", files=[third])
    assert len(grown.json()["references"]) == 3
    again = await client.post("/v1/characters/eileen/references", files=[third])
    assert again.json() == grown.json()


@pytest.mark.parametrize(
    ("bad", "code", "name"),
    [
        (stranger, "odd_one_out", "tom.png"),
        (lambda: part(b"hello", "notes.png"), "bad_image", "notes.png"),
        (lambda: part(encoded(Image.new("RGB", (256, 256))), "void.png"), "bad_image", "void.png"),
        (lambda: part(FRIENDS.read_bytes(), "friends.jpg"), "bad_image", "friends.jpg"),
    ],
)
async def test_nothing_is_kept_when_one_file_is_refused_by_name(
    client: httpx.AsyncClient, services: Services, bad: Callable[[], Part], code: str, name: str
) -> None:
    response = await post(client, [*portraits()[:2], bad()])
    assert response.status_code == 422, response.text
    assert response.json()["code"] == code
    assert name in response.json()["detail"]
    assert blobs_of(services) == []
    assert (await client.get("/v1/characters/eileen")).status_code == 404


async def test_an_id_is_taken_once(client: httpx.AsyncClient) -> None:
    assert (await post(client, portraits()[:1])).status_code == 201
    again = await post(client, portraits()[:1])
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    named = await post(client, portraits()[:1], {"name": "Eileen Collins"})
    assert named.json()["id"] == "eileen-collins"


@pytest.mark.parametrize(
    ("character", "at"),
    [
        ("{", "character"),
        ('{"name": "E", "profile": {"hair": "brown"}}', "character.profile.hair"),
        ('{"name": "E", "profile": {"beard": "yes"}}', "character.profile.beard"),
        ('{"name": "E", "consent": {"until": 0}}', "character.consent.until"),
        ('{"name": "E", "rank": 1}', "character.rank"),
    ],
)
async def test_a_bad_profile_is_refused_at_its_field(
    client: httpx.AsyncClient, character: str, at: str
) -> None:
    response = await post(client, portraits()[:1], character)
    assert response.status_code == 422
    assert response.json()["errors"][0]["at"] == at


async def test_a_form_is_read_as_it_was_described(client: httpx.AsyncClient) -> None:
    data = {"character": json.dumps(NEW)}
    no_files = await client.post("/v1/characters", data=data, files={"other": b"x"})
    assert "'other'" in no_files.json()["detail"]
    no_character = await client.post("/v1/characters", files=portraits()[:1])
    assert "'character'" in no_character.json()["detail"]
    assert (await client.post("/v1/characters", json=NEW)).status_code == 415
    headers = {"Content-Type": "multipart/form-data"}
    cut = await client.post("/v1/characters", content=b"--x", headers=headers)
    assert (cut.status_code, cut.json()["code"]) == (400, "bad_request")


async def test_there_may_not_be_too_many_references(
    settings: Settings, validator: Validator
) -> None:
    few = settings.model_copy(update={"gateway": GatewaySettings(max_references=2)})
    with open_services(few, validator) as services:
        async with http(services) as client:
            response = await post(client, portraits())
    assert response.status_code == 422
    assert "gateway.max_references" in response.json()["detail"]


async def test_characters_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    for name in ("c", "a", "b"):
        assert (await post(client, portraits()[:1], {"name": name})).status_code == 201
    first = (await client.get("/v1/characters", params={"limit": 2})).json()
    assert [one["id"] for one in first["items"]] == ["a", "b"]
    rest = (await client.get("/v1/characters", params={"cursor": first["next"]})).json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (["c"], None)


async def test_a_file_that_is_no_adapter_is_refused(
    client: httpx.AsyncClient, services: Services
) -> None:
    await post(client, portraits()[:1])
    files = {"adapter": ("a.safetensors", b"not tensors", "application/octet-stream")}
    response = await client.put("/v1/characters/eileen/adapters", files=files)
    assert (response.status_code, response.json()["code"]) == (422, "bad_adapter")
    files = {"adapter": ("a.safetensors", b"x", "application/octet-stream")}
    odd = await client.put(
        "/v1/characters/eileen/adapters", files=files, data={"activate": "maybe"}
    )
    assert "activate" in odd.json()["detail"]
    listed = await client.get("/v1/characters/eileen/adapters")
    assert listed.json() == {"items": [], "active": None, "previous": None}


async def test_a_deleted_characters_jobs_stay_readable(
    client: httpx.AsyncClient, services: Services
) -> None:
    await post(client, portraits()[:1])
    services.store.jobs.add(job_of("j1"))
    await client.delete("/v1/characters/eileen")
    assert (await client.get("/v1/jobs/j1")).status_code == 200
