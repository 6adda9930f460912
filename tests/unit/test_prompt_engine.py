from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.domain import vocabulary as words
from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.prompting.facts import REQUIRED, Fact, clauses_of, facts, locked
from cluster.domain.prompting.guard import guard
from cluster.domain.prompting.plan import Plan, PromptContext
from cluster.domain.story.scene import Injury, SceneRequest, SceneState, StoryId
from cluster.domain.story.starting import starting_state
from cluster.domain.story.world import WorldState
from cluster.errors import ProviderMissing
from cluster.providers import token_counter
from cluster.providers.diffusers.tokens import counter_of, estimate
from cluster.providers.reading.entities import layer
from cluster.settings import GeneratorSettings, Settings
from serve.replicas.prompt_engine import PromptEngine
from tests.handles import started

KAIRO = CharacterId("kairo")
STORY = StoryId("kairo")

word = st.text("abcdefghij äé-", min_size=1, max_size=24).filter(lambda text: text.strip("- "))
marks = st.builds(
    Mark, kind=st.sampled_from(words.MARK_KINDS), place=st.sampled_from(words.FACE_PLACES)
)
eyes = st.builds(Eye, colour=st.sampled_from(words.EYE_COLOURS), cyber=st.booleans())
profiles = st.builds(
    Profile,
    gender=st.sampled_from(["man", "woman", "person"]),
    skin=st.none() | st.sampled_from(words.SKIN_TONES),
    face=st.none() | st.just("oval"),
    build=st.none() | st.just("slim"),
    hair=st.builds(
        Hair,
        colour=st.none() | st.sampled_from(words.HAIR_COLOURS),
        style=st.none() | st.sampled_from(words.HAIR_STYLES),
    ),
    left_eye=st.none() | eyes,
    right_eye=st.none() | eyes,
    beard=st.booleans(),
    marks=st.lists(marks, max_size=3, unique=True).map(tuple),
)
wild_profiles = st.builds(
    Profile,
    skin=st.none() | word,
    hair=st.builds(Hair, colour=st.none() | word, style=st.none() | word),
    marks=st.lists(st.builds(Mark, kind=word, place=word), max_size=8).map(tuple),
    style=st.lists(word, max_size=8).map(tuple),
    notes=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300),
)
worlds = st.builds(
    WorldState,
    character_id=st.just(KAIRO),
    story_id=st.just(STORY),
    outfit=st.builds(
        Outfit, garment=st.sampled_from(words.OUTFITS), colour=st.sampled_from(words.OUTFIT_COLOURS)
    ),
    injuries=st.lists(
        st.builds(
            Injury,
            kind=st.sampled_from(words.INJURY_KINDS),
            place=st.sampled_from(words.FACE_PLACES),
        ),
        max_size=2,
        unique_by=lambda one: one.phrase,
    ).map(tuple),
    props=st.lists(st.sampled_from(words.PROPS), max_size=2, unique=True).map(tuple),
    place=st.none() | st.sampled_from(words.PLACES),
)


@pytest.fixture(scope="module")
def studio() -> PromptEngine:
    """The engine of the embedded model."""
    return started(PromptEngine(Settings()))


@pytest.fixture(scope="module")
def prose(tmp_path_factory: pytest.TempPathFactory) -> PromptEngine:
    """The engine of a model that reads free text."""
    folder = tmp_path_factory.mktemp("prose")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return started(PromptEngine(Settings(generator=GeneratorSettings(model=str(folder)))))


async def plan(
    engine: PromptEngine,
    profile: Profile,
    world: WorldState,
    prompt: str,
    budget: int = 77,
    trigger: str | None = None,
) -> Plan:
    character = Character(id=KAIRO, name="Kairo", profile=profile)
    request = SceneRequest(character_id=KAIRO, prompt=prompt, story_id=STORY)
    story = starting_state([character], layer)
    return await engine.plan(character, request, world, story, trigger, (), budget)


def said(prompt: str, phrase: str) -> bool:
    return Fact(kind="asked", phrase=phrase).said_in(clauses_of(prompt))


@settings(max_examples=40, deadline=None)
@given(profiles, worlds, st.sampled_from(words.ACTIONS))
async def test_every_locked_trait_outfit_injury_and_action_is_in_the_prompt(
    studio: PromptEngine, profile: Profile, world: WorldState, action: str
) -> None:
    planned = await plan(studio, profile, world, f"Kairo is {action}", budget=150)
    for phrase in locked(Character(id=KAIRO, name="Kairo", profile=profile)):
        assert said(planned.prompt, phrase)
        assert said(planned.identity_prompt, phrase)
    assert world.outfit is not None
    assert said(planned.prompt, world.outfit.phrase)
    assert all(said(planned.prompt, one.phrase) for one in world.injuries)
    assert said(planned.prompt, action)
    assert planned.left_out == ()


@settings(max_examples=40, deadline=None)
@given(wild_profiles | profiles, worlds, word, st.integers(3, 100), st.none() | st.just("kairo"))
async def test_no_prompt_exceeds_the_budget(
    studio: PromptEngine,
    prose: PromptEngine,
    profile: Profile,
    world: WorldState,
    prompt: str,
    budget: int,
    trigger: str | None,
) -> None:
    for engine in (studio, prose):
        planned = await plan(engine, profile, world, prompt, budget, trigger)
        count = token_counter(GeneratorSettings()) if engine is studio else estimate
        for text in (planned.prompt, planned.identity_prompt, planned.negative_prompt):
            assert count(text) <= budget


@settings(max_examples=30, deadline=None)
@given(profiles, worlds, st.lists(word, max_size=6))
async def test_the_guard_mends_what_another_writer_forgot(
    profile: Profile, world: WorldState, clauses: list[str]
) -> None:
    scene = SceneState(outfit=world.outfit, injuries=world.injuries, action="fighting")
    context = PromptContext(
        character=Character(id=KAIRO, name="Kairo", profile=profile),
        request=SceneRequest(character_id=KAIRO, prompt="fights", story_id=STORY),
        world=world,
        scene=scene,
    )
    needed = [fact for fact in facts(context) if fact.kind in REQUIRED]
    guarded = guard(", ".join(clauses), facts(context), 200, estimate)
    assert all(fact.said_in(clauses_of(guarded.prompt)) for fact in needed)
    assert guard(guarded.prompt, facts(context), 200, estimate).added == ()


async def test_clauses_stand_in_the_order_of_the_caption_grammar(studio: PromptEngine) -> None:
    profile = Profile(
        gender="man",
        skin="fair",
        hair=Hair(colour="black", style="short"),
        left_eye=Eye(colour="amber", cyber=True),
        right_eye=Eye(colour="brown"),
        marks=(Mark(kind="scar", place="left cheek"),),
    )
    world = WorldState(
        character_id=KAIRO, story_id=STORY, outfit=Outfit(garment="cloak", colour="dark")
    )
    asked = "Generate scene where Kairo fights in rain, holding a sword, a cut on his chin"
    planned = await plan(studio, profile, world, asked, 200, "kairo")
    assert planned.prompt == (
        "portrait of kairo a man, fair skin, short black hair, amber cyber left eye and brown "
        "right eye, scar on the left cheek, dark cloak, cut on the chin, holding a sword, angry, "
        "fighting, facing the camera, rain"
    )
    assert planned.identity_prompt == (
        "close-up of kairo a man, fair skin, short black hair, amber cyber left eye and brown "
        "right eye, scar on the left cheek, dark cloak, cut on the chin, angry, facing the camera"
    )
    assert planned.negative_prompt == ""
    assert planned.added_by_guard == ()


async def test_the_least_identifying_clauses_go_first(prose: PromptEngine) -> None:
    profile = Profile(hair=Hair(colour="black"), notes="likes tea")
    world = WorldState(character_id=KAIRO, story_id=STORY, place="forest")
    short = await plan(prose, profile, world, "Kairo fights", budget=16)
    assert said(short.prompt, "black hair")
    assert not said(short.prompt, "likes tea")
    assert not said(short.prompt, "facing the camera")


async def test_what_the_budget_cannot_hold_is_reported(prose: PromptEngine) -> None:
    profile = Profile(hair=Hair(colour="black"), marks=(Mark(kind="scar", place="chin"),))
    world = WorldState(character_id=KAIRO, story_id=STORY)
    planned = await plan(prose, profile, world, "Kairo fights", budget=8)
    assert "fighting" in planned.left_out


async def test_a_model_of_free_text_is_told_the_request_in_its_own_words(
    prose: PromptEngine,
) -> None:
    world = WorldState(character_id=KAIRO, story_id=STORY)
    planned = await plan(prose, Profile(), world, "Kairo fights a dragon at dawn")
    assert "Kairo fights a dragon at dawn" in planned.prompt
    assert "blurry" in planned.negative_prompt


async def test_an_overruled_trait_is_not_in_the_prompt(
    studio: PromptEngine, prose: PromptEngine
) -> None:
    profile = Profile(hair=Hair(colour="black"))
    world = WorldState(character_id=KAIRO, story_id=STORY)
    for engine in (studio, prose):
        planned = await plan(engine, profile, world, "blond Kairo runs", budget=120)
        assert "blond" not in planned.prompt
        assert [one.field for one in planned.contradictions] == ["profile.hair"]


async def test_a_plan_says_how_the_request_was_read_and_what_it_contradicts(
    studio: PromptEngine,
) -> None:
    profile = Profile(hair=Hair(colour="black"), outfit=Outfit(garment="cloak", colour="red"))
    world = WorldState(character_id=KAIRO, story_id=STORY)
    planned = await plan(studio, profile, world, "bald Kairo waits, his green cloak torn")
    assert planned.reading.understood.language == "en"
    assert [one.noun for one in planned.reading.changes if one.slot == "outfit"] == ["cloak"]
    (cloak,) = [one for one in planned.contradictions if one.field == "outfit"]
    assert (cloak.level, cloak.evidence) == ("contradiction", "profile")
    assert cloak.requested in "bald Kairo waits, his green cloak torn"


async def test_without_a_budget_of_its_own_a_plan_keeps_to_the_models(
    studio: PromptEngine,
) -> None:
    character = Character(id=KAIRO, name="Kairo", profile=Profile(hair=Hair(colour="black")))
    request = SceneRequest(character_id=KAIRO, prompt="Kairo fights in rain", story_id=STORY)
    world = WorldState(character_id=KAIRO, story_id=STORY)
    story = starting_state([character], layer)
    free = await studio.plan(character, request, world, story, None, (), None)
    assert free == await studio.plan(character, request, world, story, None, (), 77)


@pytest.mark.parametrize(
    ("prompt", "phrase", "there"),
    [
        ("a scar across his left cheek", "scar on the left cheek", True),
        ("left cheek scar", "scar on the left cheek", True),
        ("no scar on the left cheek", "scar on the left cheek", False),
        ("scar on the chin, left cheek", "scar on the left cheek", False),
        ("black cloak, brown hair", "black hair", False),
        ("he fights a bear", "fighting", True),
        ("gray eyes", "grey eyes", True),
        ("brown left eye", "brown eyes", False),
    ],
)
def test_a_fact_is_found_in_other_words_but_not_in_others_things(
    prompt: str, phrase: str, there: bool
) -> None:
    assert said(prompt, phrase) is there


def test_the_estimate_never_undercounts_the_words() -> None:
    assert estimate("a man") == 4
    assert estimate("extraordinarily") > 5
    assert estimate("日本") >= 6


def test_the_tokenizer_of_a_models_folder_is_used(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "man": 1, "[UNK]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    count = counter_of(tmp_path)
    assert count("a man, unbelievable") == 2 + 4


def test_a_model_that_is_not_there_is_named_before_anything_is_planned(tmp_path: Path) -> None:
    nowhere = GeneratorSettings(model=str(tmp_path / "nowhere"))
    with pytest.raises(ProviderMissing, match="nowhere"):
        PromptEngine(Settings(generator=nowhere)).start()
