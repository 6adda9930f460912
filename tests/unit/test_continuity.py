import pytest

from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.reading.continuity import Outline, outline
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import Injury, SceneRequest, SceneState, StoryId
from cluster.domain.story.world import WorldState, fold
from cluster.settings import MemorySettings

KAIRO = CharacterId("kairo")
STORY = StoryId("kairo")
CLOAK = Outfit(garment="cloak", colour="dark")
PROFILE = Profile(
    gender="man",
    hair=Hair(colour="black", style="short"),
    left_eye=Eye(colour="amber", cyber=True),
    right_eye=Eye(colour="brown"),
    marks=(Mark(kind="scar", place="left cheek"),),
    outfit=CLOAK,
)
CHARACTER = Character(id=KAIRO, name="Kairo", profile=PROFILE)
WOUND = Injury(kind="bruise", place="chin", since_scene=2)
WORLD = WorldState(
    character_id=KAIRO,
    story_id=STORY,
    scene=3,
    outfit=CLOAK,
    injuries=(WOUND,),
    props=("sword",),
    place="forest",
    weather="rain",
)
NEW = WorldState(character_id=KAIRO, story_id=STORY, outfit=CLOAK)


def after(world: WorldState, prompt: str, pose: str | None = None) -> Outline:
    request = SceneRequest(character_id=KAIRO, prompt=prompt, story_id=STORY, pose=pose)
    return outline(CHARACTER, request, world)


def overruled(world: WorldState, prompt: str) -> set[tuple[str, str, str]]:
    found = after(world, prompt).overruled
    return {(one.field, one.requested, one.state) for one in found}


def test_what_the_request_does_not_change_is_carried_on() -> None:
    scene = after(WORLD, "Kairo smiles").scene
    assert (scene.outfit, scene.injuries, scene.props) == (CLOAK, (WOUND,), ("sword",))
    assert (scene.place, scene.weather) == ("forest", "rain")


def test_every_planned_field_is_marked_as_planned() -> None:
    scene = after(WORLD, "Kairo smiles").scene
    assert set(scene.source.values()) == {"planned"}
    assert {"outfit", "injuries", "props", "place"} <= set(scene.source)
    assert "action" not in scene.source


def test_weather_does_not_follow_to_another_place() -> None:
    assert after(WORLD, "Kairo waits in the market").scene.weather is None
    assert after(WORLD.model_copy(update={"place": "cave"}), "Kairo waits").scene.weather is None


@pytest.mark.parametrize(
    ("prompt", "expression"),
    [("Kairo fights", "angry"), ("Kairo fights, smiling", "smiling"), ("Kairo hides", None)],
)
def test_fighting_looks_angry_only_when_nothing_else_is_said(
    prompt: str, expression: str | None
) -> None:
    assert after(NEW, prompt).scene.expression == expression


def test_another_outfit_wins() -> None:
    white = Outfit(garment="suit", colour="white")
    assert after(WORLD, "Kairo in his white suit").scene.outfit == white
    assert after(WORLD, "Kairo changes into a white suit").scene.outfit == white


@pytest.mark.parametrize("prompt", ["Kairo in his black cloak", "Kairo in his cloak", "Kairo runs"])
def test_the_outfit_by_another_name_stays_what_it_was(prompt: str) -> None:
    assert after(WORLD, prompt).scene.outfit == CLOAK


@pytest.mark.parametrize(
    ("prompt", "props"),
    [
        ("still holding a lantern", ("lantern", "sword")),
        ("Kairo drops his book", ("sword",)),
        ("Kairo drops his sword", ()),
        ("Kairo, unarmed", ()),
    ],
)
def test_the_request_says_what_is_in_hand(prompt: str, props: tuple[str, ...]) -> None:
    assert after(WORLD, prompt).scene.props == props


def test_the_request_says_where_it_is() -> None:
    assert after(WORLD, "still in the desert").scene.place == "desert"


@pytest.mark.parametrize(
    "prompt",
    [
        "Kairo with short black hair and an amber cyber eye",
        "Kairo with the scar on his cheek",
        "Kairo, still wounded",
    ],
)
def test_a_trait_that_is_said_as_it_is_overrules_nothing(prompt: str) -> None:
    assert overruled(WORLD, prompt) == set()


@pytest.mark.parametrize(
    ("prompt", "clash"),
    [
        ("blond Kairo", ("profile.hair", "blond", "short black hair")),
        ("bald Kairo", ("profile.hair_style", "bald", "short black hair")),
        ("Kairo without his scar", ("profile.marks", "no scar", "scar on the left cheek")),
        ("Kairo with a beard", ("profile.beard", "beard", "no beard")),
        ("green-eyed Kairo", ("profile.right_eye", "green eyes", "brown right eye")),
    ],
)
def test_a_permanent_trait_overrules_the_request(prompt: str, clash: tuple[str, str, str]) -> None:
    assert clash in overruled(WORLD, prompt)
    assert {one.evidence for one in after(WORLD, prompt).overruled} == {"profile"}


def test_still_wounded_without_a_wound_gets_one_where_the_skin_is_bare() -> None:
    scene = after(NEW, "Kairo, still wounded, hides").scene
    assert scene.injuries == (Injury(kind="cut", place="forehead", since_scene=1),)


def test_a_bandage_lies_over_the_wound_it_covers() -> None:
    injuries = after(WORLD, "a bandage on his chin").scene.injuries
    assert injuries is not None
    assert [one.kind for one in injuries] == ["bruise", "bandage"]


def test_a_third_thing_in_hand_makes_room_for_itself() -> None:
    world = WORLD.model_copy(update={"props": ("sword", "book", "hat")})
    assert after(world, "Kairo lifts a lantern").scene.props == ("lantern", "sword", "hat")


def test_the_requested_pose_is_read_and_an_unknown_one_kept() -> None:
    assert after(NEW, "Kairo", pose="looks left").scene.pose == "looking left"
    assert after(NEW, "Kairo", pose="handstand").scene.pose == "handstand"
    assert after(NEW, "Kairo").scene.pose == "facing the camera"


def test_an_open_trait_is_asked_for_and_a_locked_one_is_not() -> None:
    open_ = CHARACTER.model_copy(update={"profile": Profile()})
    request = SceneRequest(character_id=KAIRO, prompt="blond Kairo runs", story_id=STORY)
    assert outline(open_, request, NEW).asked == ("blond",)
    assert outline(CHARACTER, request, NEW).asked == ()


def test_an_action_no_table_knows_is_the_action() -> None:
    assert after(NEW, "Kairo juggles three oranges").scene.action == "juggles three oranges"


@pytest.mark.parametrize("prompt", ["Kairo, unhurt", "his wounds have healed", "a cut on his chin"])
def test_a_wound_that_the_request_ends_stays_ended(prompt: str) -> None:
    scene = after(WORLD, prompt).scene
    assert scene.mended == (WOUND,)
    before = Episode(
        id=EpisodeId("a"),
        character_id=KAIRO,
        story_id=STORY,
        scene=3,
        prompt="",
        artifact="",
        state=SceneState(injuries=(WOUND,)),
    )
    now = before.model_copy(update={"id": EpisodeId("b"), "scene": 4, "state": scene})
    assert WOUND not in fold(CHARACTER, [before, now], MemorySettings()).injuries
