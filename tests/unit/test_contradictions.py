"""What a request contradicts of its story, from its own words to the words against them."""

import pytest

from cluster.domain.character import Character, CharacterId, Hair, Mark, Outfit, Profile
from cluster.domain.prompting.plan import contradictions_of
from cluster.domain.story.contradictions import Clash, examine
from cluster.domain.story.job import Contradiction
from cluster.domain.story.starting import starting_state
from cluster.domain.story.state import StoryState, after
from cluster.domain.story.telling import coming
from cluster.providers.reading.reader import OfflineReader

KAIRO = Character(
    id=CharacterId("kairo"),
    name="Kairo",
    profile=Profile(
        gender="man",
        hair=Hair(colour="black", style="short"),
        marks=(Mark(kind="scar", place="left cheek"),),
        outfit=Outfit(garment="cloak", colour="red"),
    ),
)
OPENING = "Kairo stands in the forest. He holds his sword. His chin is bruised."


@pytest.fixture(scope="module")
def reader() -> OfflineReader:
    return OfflineReader()


@pytest.fixture(scope="module")
def story(reader: OfflineReader) -> StoryState:
    """A story of one scene: Kairo in a forest, armed and bruised."""
    start = starting_state([KAIRO], reader.layer)
    return after(start, reader.read([KAIRO], coming(start), OPENING).changes, 1)


def clashes(reader: OfflineReader, story: StoryState, prompt: str) -> tuple[Clash, ...]:
    before = coming(story)
    return examine(before, reader.read([KAIRO], before, prompt).changes)[0]


@pytest.mark.parametrize(
    ("prompt", "slot", "evidence"),
    [
        ("Kairo, unhurt", "injuries", "His chin is bruised"),
        ("Kairo, unarmed", "props", "He holds his sword"),
        ("Kairo drops his book", "props", ""),
        ("He still holds his lantern", "props", ""),
        ("Kairo is still in the desert", "place", "forest"),
        ("Kairo in his green cloak", "outfit", "profile"),
        ("bald Kairo", "hair", "profile"),
        ("Kairo without his scar", "marks", "profile"),
    ],
)
def test_a_clash_has_both_sides_words(
    reader: OfflineReader, story: StoryState, prompt: str, slot: str, evidence: str
) -> None:
    (clash,) = clashes(reader, story, prompt)
    assert clash.slot == slot
    assert clash.requested
    assert clash.requested in prompt
    assert evidence in clash.evidence
    assert clash.state


@pytest.mark.parametrize(
    "prompt",
    [
        "Kairo in his red cloak",
        "Kairo in his cloak",
        "Kairo changes into a white suit",
        "Kairo with a sword",
        "Kairo drops his sword",
        "Kairo walks into the desert",
        "his wounds have healed",
        "Kairo with short black hair",
        "Kairo with the scar on his cheek",
        "Kairo, still wounded",
        "Kairo dreams that he is unhurt",
    ],
)
def test_a_story_that_goes_on_is_no_contradiction(
    reader: OfflineReader, story: StoryState, prompt: str
) -> None:
    assert clashes(reader, story, prompt) == ()


def test_what_nobody_has_told_is_a_question_and_what_was_denied_is_not(
    reader: OfflineReader, story: StoryState
) -> None:
    assert [one.level for one in clashes(reader, story, "Kairo opens his book")] == ["question"]
    assert [one.level for one in clashes(reader, story, "Kairo, unhurt")] == ["contradiction"]


def test_a_trait_that_was_overruled_is_said_once(reader: OfflineReader, story: StoryState) -> None:
    found = clashes(reader, story, "bald Kairo, unhurt")
    overruled = Contradiction(
        field="profile.hair_style", requested="bald", state="short black hair"
    )
    assert {one.slot for one in found} == {"hair", "injuries"}
    assert [one.field for one in contradictions_of([overruled], found)] == [
        "profile.hair_style",
        "injuries",
    ]


def test_a_contradiction_that_was_stored_without_quotes_is_read() -> None:
    stored = {"field": "outfit", "requested": "white suit", "state": "dark cloak"}
    read = Contradiction.model_validate(stored)
    assert (read.level, read.evidence, read.resolve) == ("contradiction", "", "")
