"""`cineai memory`: what it asks a server for, and what it shows of the answer."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from serve.api.schemas import EpisodePage, Found, FoundList, cursor_of
from serve.cli import app, memory
from serve.cli.client import Client
from tests.values import episode

FIRST = episode("a", scene=1, prompt="Kairo [runs]")
SECOND = episode("b", scene=2, prompt="Kairo rests")
NEXT = cursor_of("kairo", "1")


class Server:
    """Knows two scenes, one a page, and writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if "search" in request.url.path:
            both = FoundList(
                items=(Found(episode=SECOND, score=0.91), Found(episode=FIRST, score=0.5))
            )
            return httpx.Response(200, content=both.model_dump_json())
        more = request.url.params.get("cursor") == NEXT
        page = EpisodePage(items=(SECOND if more else FIRST,), next=None if more else NEXT)
        return httpx.Response(200, content=page.model_dump_json())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    client = Client("http://cineai", transport=httpx.MockTransport(server.answer))
    monkeypatch.setattr(memory, "server", lambda url, key: client)
    return server


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["memory", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_all_scenes_are_listed_page_by_page(server: Server) -> None:
    told = said("list", "kairo", "--story", "kairo", "--forgotten")
    assert told.index("Kairo [runs]") < told.index("Kairo rests")
    asked = [dict(one.url.params) for one in server.asked]
    first = {"limit": "100", "forgotten": "true", "story": "kairo"}
    assert asked == [first, {**first, "cursor": NEXT}]


def test_scenes_are_searched_by_meaning(server: Server) -> None:
    told = said("search", "kairo", "a duel", "--limit", "2")
    assert told.index("0.910") < told.index("0.500")
    (asked,) = server.asked
    assert asked.url.path == "/v1/characters/kairo/episodes/search"
    assert dict(asked.url.params) == {"q": "a duel", "limit": "2"}


def test_a_face_is_looked_for(server: Server, tmp_path: Path) -> None:
    picture = tmp_path / "who.png"
    picture.write_bytes(b"pixels")
    told = json.loads(said("faces", "kairo", str(picture), "--json"))
    assert [one["episode"]["id"] for one in told["items"]] == ["b", "a"]
    (asked,) = server.asked
    assert (asked.method, asked.url.path) == ("POST", "/v1/characters/kairo/episodes/search-face")
    assert b'name="picture"; filename="who.png"' in asked.content
    assert b"image/png" in asked.content
