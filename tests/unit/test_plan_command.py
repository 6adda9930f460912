"""`cineai plan`: what people are shown of a plan, and that machines get the whole of it."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from cluster.settings import Settings
from serve.api.schemas import ScenePlan
from serve.cli import app
from tests.local_api import cast_kairo, open_services, served
from tests.values import episode

WOUND = "A deep gash opens on his forehead"


@pytest.fixture(scope="module")
def url(new_settings: Callable[[], Settings]) -> Iterator[str]:
    """A server that knows Kairo, and of his story two scenes."""
    with open_services(new_settings()) as services, served(services) as address:
        cast_kairo(services)
        for number, prompt in enumerate(("Kairo draws a sword in the forest", WOUND), 1):
            services.store.episodes.commit(episode(f"s{number}", prompt=prompt))
        yield address


def planned(url: str, *words: str) -> str:
    done = CliRunner().invoke(
        app, ["plan", *words, "--url", url], env={"COLUMNS": "120"}, catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_people_see_the_reading_the_clash_with_both_quotes_and_what_changes(url: str) -> None:
    shown = planned(url, "Kairo is unhurt. He walks into the market.", "--character", "kairo")
    assert "kairo  scene 3" in shown
    assert "contradiction  injuries" in shown
    assert "request  “Kairo is unhurt”" in shown
    assert "“A deep gash opens”" in shown
    (place,) = [line for line in shown.splitlines() if line.startswith("place")]
    assert place.split() == ["place", "forest", "market"]
    assert "gash (forehead)" in shown
    assert "prompt" in shown


def test_what_fits_is_said_to_fit(url: str) -> None:
    shown = planned(url, "Kairo smiles", "--character", "kairo")
    assert "no contradiction" in shown


def test_what_is_not_read_is_said_to_be_so(url: str) -> None:
    shown = planned(url, "Kairo lleva una capa en el bosque", "--character", "kairo")
    assert "not read (es)" in shown
    assert "contradiction" not in shown


def test_a_story_of_its_own_begins_with_the_profile(url: str) -> None:
    words = ["Kairo is unhurt", "--character", "kairo", "--story", "pilot", "--json"]
    told = ScenePlan.model_validate(json.loads(planned(url, *words)))
    assert (told.story_id, told.state_before.scene) == ("pilot", 0)
    assert told.contradictions == ()


def test_an_unknown_character_is_named(url: str) -> None:
    done = CliRunner().invoke(app, ["plan", "runs", "--character", "nobody", "--url", url])
    assert done.exit_code == 1
    assert "nobody" in done.stderr
