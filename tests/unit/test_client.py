import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cluster.domain.character import CharacterId
from cluster.domain.story.job import Job, JobEvent, JobId
from cluster.domain.story.scene import SceneRequest, StoryId
from cluster.errors import CineError, Unavailable
from serve.cli.client import Client

REQUEST = SceneRequest(
    character_id=CharacterId("kairo"), prompt="Kairo fights", story_id=StoryId("kairo")
)


def job(status: str) -> Job:
    return Job.model_validate({"id": JobId("j1"), "status": status, "request": REQUEST})


def sse(*events: JobEvent) -> bytes:
    return b"".join(
        f"id: {one.seq}\r\nevent: {one.kind}\r\ndata: {one.model_dump_json()}\r\n\r\n".encode()
        for one in events
    )


class Cut(httpx.SyncByteStream):
    """A stream whose connection breaks after what it has sent."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def __iter__(self) -> Iterator[bytes]:
        yield self._sent
        raise httpx.ReadError("connection reset")


def test_a_cut_event_stream_is_resumed_after_the_last_event_that_came() -> None:
    events = [JobEvent(seq=seq, kind="progress", data={"step": "render"}) for seq in (1, 2, 3)]
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json=job("succeeded").model_dump(mode="json"))
        asked.append(request.headers["Last-Event-ID"])
        if len(asked) == 1:
            return httpx.Response(200, stream=Cut(b": heartbeat\r\n\r\n" + sse(*events[:2])))
        after = int(asked[-1])
        left = [one for one in events if one.seq > after]
        return httpx.Response(200, content=sse(*left)) if left else httpx.Response(204)

    with Client("http://server", transport=httpx.MockTransport(server)) as client:
        assert [one.seq for one in client.events("j1")] == [1, 2, 3]
    assert asked == ["0", "2", "3"]


def test_a_problem_keeps_its_code_and_advice_and_names_the_fields() -> None:
    problem = {
        "type": "urn:cineai:problem:invalid",
        "title": "x",
        "status": 422,
        "code": "invalid",
        "detail": "The request is not valid.",
        "advice": "Correct it.",
        "errors": [{"at": "body.seed", "message": "too small"}],
    }
    transport = httpx.MockTransport(lambda _: httpx.Response(422, json=problem))
    with Client("http://server", transport=transport) as client, pytest.raises(CineError) as caught:
        client.submit({"character_id": "kairo", "prompt": "x"})
    assert (caught.value.code, caught.value.advice) == ("invalid", "Correct it.")
    assert "body.seed: too small" in caught.value.message


def test_an_answer_that_is_no_problem_document_is_told_as_it_came() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text="bad gateway"))
    with (
        Client("http://server", transport=transport) as client,
        pytest.raises(CineError, match="HTTP 502: bad gateway"),
    ):
        client.characters()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        Client("http://server", transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(Unavailable, match="No CineAI server answers"),
    ):
        client.job("j1")


def test_references_and_profile_travel_as_one_form(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"pixels")

    def server(request: httpx.Request) -> httpx.Response:
        body = request.read()
        assert b'name="character"' in body
        assert b'name="references"; filename="a.png"\r\nContent-Type: image/png' in body
        return httpx.Response(201, json={"id": "kairo", "name": "Kairo"})

    with Client("http://server", transport=httpx.MockTransport(server)) as client:
        assert client.cast({"name": "Kairo"}, [tmp_path / "a.png"]).id == "kairo"


def test_all_pages_are_read_and_the_key_is_sent() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer cine_x"
        second = request.url.params.get("cursor") == "2"
        one = {"id": "b" if second else "a", "name": "N"}
        return httpx.Response(
            200, content=json.dumps({"items": [one], "next": None if second else "2"})
        )

    with Client("http://server", "cine_x", httpx.MockTransport(server)) as client:
        assert [one.id for one in client.characters()] == ["a", "b"]
