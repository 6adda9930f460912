"""Domain values that tests start from."""

from cluster.domain.character import Character, CharacterId, Eye, Hair, Mark, Outfit, Profile
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.job import Job, JobId
from cluster.domain.story.scene import Injury, SceneRequest, SceneState, StoryId

KAIRO = Character(
    id=CharacterId("kairo"),
    name="Kairo",
    profile=Profile(
        gender="man",
        hair=Hair(colour="black", style="short"),
        left_eye=Eye(colour="amber", cyber=True),
        right_eye=Eye(colour="brown"),
        marks=(Mark(kind="scar", place="left cheek"),),
        outfit=Outfit(garment="cloak", colour="dark"),
    ),
    references=("a" * 64, "b" * 64),
)
CUT = Injury(kind="cut", place="forehead")


def job(id: str = "job-1", *, story: str = "kairo", character: str = "kairo") -> Job:
    request = SceneRequest(
        character_id=CharacterId(character), prompt="Kairo fights in rain", story_id=StoryId(story)
    )
    return Job(id=JobId(id), request=request)


def episode(id: str = "job-1", state: SceneState | None = None, **fields: object) -> Episode:
    given = {
        "id": EpisodeId(id),
        "character_id": KAIRO.id,
        "story_id": StoryId("kairo"),
        "scene": 0,
        "prompt": "Kairo fights in rain",
        "state": state or SceneState(),
        "artifact": "c" * 64,
        **fields,
    }
    return Episode.model_validate(given)


def adapter(version: int = 1, **fields: object) -> AdapterVersion:
    given = {
        "character_id": KAIRO.id,
        "version": version,
        "sha256": f"{version:064x}",
        "base_model": "studio",
        "rank": 8,
        "alpha": 8.0,
        **fields,
    }
    return AdapterVersion.model_validate(given)
