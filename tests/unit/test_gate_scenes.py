"""What the gate asks for is new to the adapter, and the same for both sides."""

from itertools import pairwise

from cluster.domain import vocabulary as words
from cluster.domain.character import CharacterId
from cluster.domain.reading.sentence import canonical
from cluster.providers import model_profile
from cluster.providers.diffusers.tokens import estimate
from cluster.settings import Settings
from tests.values import KAIRO
from training.gate.scenes import KEY, GateScene, Prompter, caption_words, gate_scenes

TRAINED = [
    f"portrait of moqik a man, dark cloak, {expression}, fighting, {pose}, {place}, rain"
    for place in words.PLACES[:6]
    for expression in words.EXPRESSIONS[:2]
    for pose in words.HEAD_POSES[:2]
]


def key(scene: GateScene) -> tuple[str | None, ...]:
    state = scene.state
    assert state.outfit is not None
    return state.place, state.pose, state.outfit.garment, state.outfit.colour, state.expression


def test_captions_are_read_as_they_are_written() -> None:
    assert caption_words(TRAINED[0]) == {
        "place": "studio",
        "pose": "facing the camera",
        "garment": "cloak",
        "colour": "dark",
        "expression": "neutral",
        "action": "fighting",
        "framing": "portrait",
        "weather": "rain",
    }


def test_scenes_are_the_same_for_a_character_and_a_set() -> None:
    assert gate_scenes(KAIRO, TRAINED, 24) == gate_scenes(KAIRO, TRAINED, 24)
    mira = KAIRO.model_copy(update={"id": CharacterId("mira")})
    assert gate_scenes(mira, TRAINED, 24) != gate_scenes(KAIRO, TRAINED, 24)


def test_words_that_were_never_trained_are_taken_where_there_are_some() -> None:
    scenes = gate_scenes(KAIRO, TRAINED, 24)
    assert {scene.state.place for scene in scenes} == set(words.PLACES[6:])
    assert {scene.state.pose for scene in scenes} <= set(words.HEAD_POSES[2:])
    assert not {scene.state.expression for scene in scenes} & set(words.EXPRESSIONS[:2])


def test_no_scene_is_one_that_was_trained_on() -> None:
    everything = [
        f"portrait of moqik a man, {colour} {garment}, {expression}, {pose}, {place}"
        for garment, colour in zip(words.OUTFITS, words.OUTFIT_COLOURS, strict=False)
        for expression in words.EXPRESSIONS
        for pose in words.HEAD_POSES
        for place in words.PLACES
    ]
    trained = {tuple(caption_words(caption)[field] for field in KEY) for caption in everything}
    scenes = gate_scenes(KAIRO, everything, 48)
    assert not {key(scene) for scene in scenes} & trained
    assert len({key(scene) for scene in scenes}) == 48
    assert {scene.state.place for scene in scenes} == set(words.PLACES)


def test_every_scene_has_a_seed_of_its_own() -> None:
    seeds = sorted(scene.seed for scene in gate_scenes(KAIRO, [], 24))
    assert all(one < other for one, other in pairwise(seeds))


def test_a_prompt_says_who_and_what() -> None:
    prompter = Prompter(77, estimate, model_profile(Settings()).profile)
    for scene in gate_scenes(KAIRO, TRAINED, 24):
        prompt, negative = prompter.prompts(scene, KAIRO, "moqik")
        said_words = canonical(prompt)
        assert {"moqik", "scar", "amber", scene.state.action} <= set(said_words)
        assert negative == ""
        plain, _ = prompter.prompts(scene, KAIRO, None)
        assert "moqik" not in plain
