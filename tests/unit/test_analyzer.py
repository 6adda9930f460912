"""How the analyzer weighs what it sees against what was planned."""

import numpy as np
import pytest

from cluster import providers
from cluster.domain.character import Outfit, Profile
from cluster.domain.identity.score import Box, Domain
from cluster.domain.identity.tags import Tags
from cluster.domain.story.scene import Injury, SceneState
from cluster.ports import Pixels
from cluster.settings import Settings
from serve.replicas.analyzer import Analyzer, merge
from tests.handles import started
from training.data.captions import scene_caption

CUT = Injury(kind="cut", place="left cheek", since_scene=3)


def tags(**heads: dict[str, float]) -> Tags:
    return Tags(heads=heads)


def test_a_confident_tag_is_seen_with_its_confidence() -> None:
    state = merge(tags(place={"forest": 0.93, "castle": 0.07}), SceneState())
    assert (state.place, state.source["place"], state.confidence["place"]) == (
        "forest",
        "seen",
        0.93,
    )


def test_a_confident_tag_overrules_the_plan() -> None:
    state = merge(tags(place={"forest": 0.93, "castle": 0.07}), SceneState(place="castle"))
    assert (state.place, state.source["place"]) == ("forest", "seen")


def test_an_unsure_tag_leaves_the_plan_and_marks_it_so() -> None:
    state = merge(tags(place={"forest": 0.6, "castle": 0.4}), SceneState(place="castle"))
    assert (state.place, state.source["place"]) == ("castle", "planned")
    assert state.confidence["place"] == 0.4


def test_agreement_with_the_plan_needs_less_confidence() -> None:
    state = merge(tags(place={"forest": 0.6, "castle": 0.4}), SceneState(place="forest"))
    assert (state.place, state.source["place"]) == ("forest", "seen")


def test_what_is_neither_sure_nor_planned_is_not_known() -> None:
    state = merge(tags(place={"forest": 0.6, "castle": 0.4}), SceneState())
    assert state.place is None
    assert "place" not in state.source
    assert "place" not in state.confidence


def test_a_word_that_the_tagger_does_not_know_cannot_be_refuted() -> None:
    state = merge(tags(place={"forest": 0.99, "castle": 0.01}), SceneState(place="rooftop bar"))
    assert (state.place, state.source["place"]) == ("rooftop bar", "planned")
    assert "place" not in state.confidence


def test_what_is_not_visible_falls_back_to_the_plan() -> None:
    hidden = tags(outfit={"": 0.97, "cloak": 0.03}, outfit_colour={"": 0.9, "dark": 0.1})
    planned = SceneState(outfit=Outfit(garment="cloak", colour="dark"))
    assert merge(hidden, planned).source["outfit"] == "planned"
    assert merge(hidden, planned).outfit == planned.outfit
    assert merge(hidden, SceneState()).outfit is None


def test_another_garment_than_planned_takes_no_colour_from_the_plan() -> None:
    seen = tags(outfit={"suit": 0.95, "cloak": 0.05}, outfit_colour={"white": 0.5, "dark": 0.5})
    state = merge(seen, SceneState(outfit=Outfit(garment="cloak", colour="dark")))
    assert state.outfit == Outfit(garment="suit")


def test_the_colour_that_was_painted_wins_over_the_planned_one() -> None:
    seen = tags(outfit={"cloak": 0.8, "suit": 0.2}, outfit_colour={"white": 0.9, "dark": 0.1})
    state = merge(seen, SceneState(outfit=Outfit(garment="cloak", colour="dark")))
    assert state.outfit == Outfit(garment="cloak", colour="white")
    assert state.source["outfit"] == "seen"
    assert state.confidence["outfit"] == 0.8


def test_a_planned_wound_that_was_not_painted_does_not_heal() -> None:
    state = merge(tags(injuries={"cut on the left cheek": 0.02}), SceneState(injuries=(CUT,)))
    assert state.injuries == (CUT,)
    assert state.source["injuries"] == "planned"


def test_a_wound_of_another_kind_at_the_planned_place_confirms_it() -> None:
    seen = tags(injuries={"cut on the left cheek": 0.1, "blood on the left cheek": 0.95})
    state = merge(seen, SceneState(injuries=(CUT,)))
    assert state.injuries == (CUT,)
    assert (state.source["injuries"], state.confidence["injuries"]) == ("seen", 0.95)


def test_a_wound_that_only_the_picture_knows_is_added() -> None:
    seen = tags(injuries={"bruise on the chin": 0.96, "cut on the nose": 0.5})
    state = merge(seen, SceneState(injuries=(CUT,)))
    assert state.injuries == (CUT, Injury(kind="bruise", place="chin"))
    assert state.source["injuries"] == "planned"


def test_planned_to_be_unhurt_and_seen_so_is_an_empty_list() -> None:
    state = merge(tags(injuries={"cut on the chin": 0.03}), SceneState(injuries=()))
    assert (state.injuries, state.source["injuries"]) == ((), "seen")


def test_nothing_planned_and_nothing_seen_is_not_known() -> None:
    state = merge(tags(injuries={"cut on the chin": 0.03}, props={"sword": 0.1}), SceneState())
    assert state.injuries is None
    assert state.props is None


def test_props_are_those_planned_and_those_seen_for_sure() -> None:
    seen = tags(props={"sword": 0.7, "lantern": 0.99, "cup": 0.6})
    state = merge(seen, SceneState(props=("sword",)))
    assert state.props == ("sword", "lantern")
    assert (state.source["props"], state.confidence["props"]) == ("seen", 0.7)


def test_a_tagger_without_a_head_leaves_the_plan_alone() -> None:
    planned = SceneState(place="castle", injuries=(CUT,), props=("sword",), weather="rain")
    state = merge(tags(), planned)
    assert state.model_dump(exclude={"source", "confidence"}) == planned.model_dump(
        exclude={"source", "confidence"}
    )
    assert set(state.source.values()) == {"planned"}


class Certain:
    """A tagger that sees the same in every picture, and was measured on studio pictures."""

    measured_on: frozenset[Domain] = frozenset({"studio"})

    def tags(self, pixels: Pixels, face: Box | None = None) -> Tags:
        return tags(
            place={"snow field": 1.0, "street": 0.0},
            outfit={"suit": 1.0},
            outfit_colour={"white": 1.0},
            weather={"rain": 0.97},
            expression={"angry": 1.0},
            injuries={"cut on the left cheek": 1.0, "bruise on the chin": 0.99},
            props={"sword": 1.0},
        )


PLANNED = SceneState(
    place="street", weather="rain", outfit=Outfit(garment="cloak"), injuries=(CUT,), props=()
)


async def read(monkeypatch: pytest.MonkeyPatch, domain: Domain) -> SceneState:
    monkeypatch.setattr(providers, "picture_tagger", Certain)
    pixels = np.zeros((64, 64, 3), np.uint8)
    return await started(Analyzer(Settings())).analyze(pixels, PLANNED, domain)


async def test_on_a_photograph_everything_stays_as_it_was_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = await read(monkeypatch, "photo")

    assert state.model_copy(update={"source": {}}) == PLANNED
    assert state.source == dict.fromkeys(
        ("place", "weather", "outfit", "injuries", "props"), "planned"
    )
    assert scene_caption("moqik", Profile(), state) == (
        "portrait of moqik a person, cloak, cut on the left cheek, street, rain"
    )


async def test_on_a_studio_picture_the_tagger_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    state = await read(monkeypatch, "studio")

    assert state == merge(Certain().tags(np.zeros((64, 64, 3), np.uint8)), PLANNED)
    assert (state.place, state.expression, state.props) == ("snow field", "angry", ("sword",))
    assert (state.source["place"], state.confidence["weather"]) == ("seen", 0.97)


async def test_the_embedded_tagger_leaves_a_photographs_street_a_street() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    analyzer = started(Analyzer(Settings()))

    photograph = await analyzer.analyze(noise, SceneState(place="street"), "photo")

    assert (photograph.place, photograph.source) == ("street", {"place": "planned"})
