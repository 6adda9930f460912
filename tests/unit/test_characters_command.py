"""What `cineai characters` shows of a character."""

import json

import httpx
import pytest
from typer.testing import CliRunner

from cluster.domain.character import Character, CharacterId, Outfit, Profile
from cluster.domain.story.scene import Injury, StoryId
from cluster.domain.story.world import WorldState
from serve.cli import app, characters
from serve.cli.client import Client

MIRA = Character(
    id=CharacterId("mira"),
    name="Mira",
    profile=Profile(gender="woman", skin="tan"),
    references=("a" * 64, "b" * 64),
)
AFTER_TWO = WorldState(
    character_id=MIRA.id,
    story_id=StoryId("mira"),
    scene=2,
    outfit=Outfit(garment="coat", colour="red"),
    injuries=(Injury(kind="cut", place="chin", since_scene=2),),
    place="market",
)


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that knows Mira."""

    def answer(request: httpx.Request) -> httpx.Response:
        known = AFTER_TWO if request.url.path.endswith("/state") else MIRA
        return httpx.Response(200, content=known.model_dump_json())

    transport = httpx.MockTransport(answer)
    client = Client("http://cineai", transport=transport)
    monkeypatch.setattr(characters, "server", lambda url, key: client)


def shown(*options: str) -> str:
    done = CliRunner().invoke(app, ["characters", "show", "mira", *options])
    assert done.exit_code == 0, done.output
    return done.output


def halves(line: str) -> tuple[str, str, str]:
    return line.strip().partition("  ")


def test_a_character_is_shown_with_what_its_story_has_made_of_it() -> None:
    rows = {name: said.strip() for name, _, said in map(halves, shown().splitlines())}
    assert rows["name"] == "Mira"
    assert rows["traits"] == "woman, tan skin"
    assert rows["outfit"] == "red coat"
    assert rows["injuries"] == "cut on the chin"
    assert rows["place"] == "market"


def test_machines_get_the_whole_of_both() -> None:
    told = json.loads(shown("--json"))
    assert told["character"] == MIRA.model_dump(mode="json")
    assert told["state"] == AFTER_TWO.model_dump(mode="json")
