"""One remembered scene."""

from cluster.domain.character import Outfit
from cluster.domain.story.scene import SceneState
from tests.values import CUT, episode


def test_an_episode_is_found_by_its_prompt_and_what_it_shows() -> None:
    state = SceneState(
        outfit=Outfit(garment="cloak", colour="dark"),
        injuries=(CUT,),
        props=("sword", "lantern"),
        action="fighting",
        place="neon city",
        weather="rain",
    )
    assert episode(state=state).text == (
        "Kairo fights in rain; wearing dark cloak; cut on the forehead; holding sword, lantern; "
        "fighting; in neon city; rain"
    )


def test_an_episode_that_shows_nothing_is_its_prompt() -> None:
    assert episode(state=SceneState(injuries=(), props=())).text == "Kairo fights in rain"


def test_a_correction_replaces_the_state_and_claims_what_it_gives() -> None:
    seen = SceneState(place="cave", weather="rain", source={"place": "seen"})
    corrected = episode(state=seen).with_correction(SceneState(place="sea", injuries=()))
    assert corrected.corrected
    assert corrected.state.weather is None
    assert corrected.state.source == {"place": "corrected", "injuries": "corrected"}
