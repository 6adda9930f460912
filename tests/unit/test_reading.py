import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.domain.character import Outfit
from cluster.domain.reading.lexicon import forms, phrases
from cluster.domain.reading.request import Wound, read
from cluster.domain.reading.sentence import canonical, without_lead_in
from cluster.domain.vocabulary import ACTIONS, OUTFITS, PLACES, PROPS


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Generate scene where Kairo fights in rain", "Kairo fights in rain"),
        ("Please create an image of Kairo", "Kairo"),
        ("I want a photo showing the sea", "the sea"),
        ("Generate a scene", "Generate a scene"),
        ("Kairo draws his sword", "Kairo draws his sword"),
    ],
)
def test_the_lead_in_is_left_out(text: str, left: str) -> None:
    assert without_lead_in(text) == left


def test_the_main_example_is_understood() -> None:
    reading = read("Generate scene where Kairo fights in rain", "Kairo")
    assert (reading.action, reading.weather, reading.rest) == ("fighting", "rain", ())


def test_a_continued_scene_is_understood() -> None:
    reading = read("Kairo, still wounded, hides in the neon market", "Kairo")
    assert reading.wounded
    assert (reading.action, reading.place) == ("hiding", "market")
    assert reading.rest == ("neon market",)


def test_outfit_prop_and_injury_are_read_from_one_sentence() -> None:
    reading = read("in his white suit, holding a sword, with a cut on his forehead")
    assert reading.outfit == Outfit(garment="suit", colour="white")
    assert reading.props == ("sword",)
    assert reading.wounds == (Wound(kind="cut", place="forehead"),)
    assert reading.rest == ()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Kairo juggles three oranges in the rain", ("juggles three oranges",)),
        (
            "Kairo fights a dragon in an abandoned castle",
            ("fights a dragon in an abandoned castle",),
        ),
        ("Kairo cuts the rope", ("cuts the rope",)),
        ("Kairo smiles", ()),
    ],
)
def test_words_that_no_table_knows_stay_as_they_were_said(text: str, rest: tuple[str, ...]) -> None:
    assert read(text, "Kairo").rest == rest


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("he fought", "action", "fighting"),
        ("she is fleeing", "action", "running"),
        ("in a foggy alley", "place", "street"),
        ("in a foggy alley", "weather", "fog"),
        ("no rain in the woods", "weather", "clear"),
        ("grinning", "expression", "smiling"),
        ("looks to the left", "pose", "looking left"),
        ("close up", "framing", "close-up"),
        ("in a volcano", "place", "volcano"),
        ("holding a guitar", "props", ("guitar",)),
        ("with his katana", "props", ("sword",)),
        ("drops his sword", "dropped", ("sword",)),
        ("all in white", "cloth", "white"),
        ("wearing a kilt", "outfit", Outfit(garment="kilt")),
        ("in a red kilt", "outfit", Outfit(garment="kilt", colour="red")),
        ("in a black cloak", "outfit", Outfit(garment="cloak", colour="dark")),
        ("takes off his cloak", "undressed", True),
        ("changes into a white suit", "outfit", Outfit(garment="suit", colour="white")),
        ("his wounds have healed", "healed", True),
        ("unharmed", "unhurt", True),
        ("not wounded", "wounded", False),
        ("without the bandage", "mended", ("bandage",)),
        ("his forehead is bleeding", "wounds", (Wound(kind="blood", place="forehead"),)),
        ("still in the forest", "place", "forest"),
    ],
)
def test_synonyms_and_inflections_are_understood(text: str, field: str, value: object) -> None:
    assert getattr(read(text), field) == value


def test_traits_are_read_apart_from_the_scene() -> None:
    reading = read("blond Kairo without his scar rides a green-eyed horse", "Kairo")
    said = {(one.field, one.value, one.absent) for one in reading.traits}
    assert ("hair", "blonde", False) in said
    assert ("marks", "scar", True) in said
    assert reading.text.startswith("Kairo rides")


def test_every_word_of_the_vocabulary_is_read_as_itself() -> None:
    assert all(read(f"he is {word}").action == word for word in ACTIONS)
    assert all(read(f"in the {word}").place == word for word in PLACES)
    assert all(read(f"with a {word}").props == (word,) for word in PROPS)
    wearing = [read(f"wearing a {word}").outfit for word in OUTFITS]
    assert [outfit and outfit.garment for outfit in wearing] == list(OUTFITS)


def test_phrases_are_kept_as_lower_case_words() -> None:
    assert all(word == word.lower() and word for phrase in phrases() for word in phrase)


def test_inflections_include_doubled_consonants_and_irregular_forms() -> None:
    assert {"run", "runs", "running", "ran"} <= set(forms("run=ran"))
    assert {"carries", "carried", "carrying"} <= set(forms("carry"))


def test_wordings_of_one_thing_compare_equal() -> None:
    assert canonical("He fights") == (*canonical("he is fighting")[:1], "fighting")
    assert canonical("gray eyes") == canonical("grey eye")


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert len(read(text).action or "") <= 60


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["zorble", "quux", "fights", "in", "the", "rain", "with"])))
def test_no_unknown_word_is_lost(words: list[str]) -> None:
    reading = read(" ".join(words))
    kept = " ".join([*reading.rest, *reading.props, reading.place or "", reading.action or ""])
    for unknown in {"zorble", "quux"} & set(words):
        assert unknown in kept
