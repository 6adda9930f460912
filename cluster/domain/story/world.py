"""World state: what holds for a character at a point of a story."""

from collections.abc import Iterable

from cluster.domain.character import Character, CharacterId, Outfit, Word
from cluster.domain.story.episode import Episode
from cluster.domain.story.scene import Injury, SceneState, StoryId
from cluster.domain.value import Value
from cluster.settings import MemorySettings


class SceneSummary(Value):
    """One line of recent history."""

    scene: int
    prompt: str
    artifact: str
    idr: float | None = None


class WorldState(Value):
    """The fold of a story's episodes over the character's profile, after scene `scene`."""

    character_id: CharacterId
    story_id: StoryId
    scene: int = 0
    outfit: Outfit | None = None
    injuries: tuple[Injury, ...] = ()
    props: tuple[Word, ...] = ()
    place: Word | None = None
    weather: Word | None = None
    recent: tuple[SceneSummary, ...] = ()


def fold(
    character: Character,
    episodes: Iterable[Episode],
    rules: MemorySettings,
    at: int | None = None,
    *,
    story_id: StoryId | None = None,
) -> WorldState:
    """What holds after scene `at` of a story, or after its last one.

    `episodes` are one story's, in any order; the forgotten ones are passed over, as if they had
    never been. `story_id` names a story that may still be empty; by default it is the
    character's own.

    - Outfit, props, place and weather are what the last scene showed that showed them at all; an
      outfit that no scene showed is the profile's. Props shown to be none are put away.
    - An injury stays, seen or not, until it heals: `scene - since_scene` reaches its kind's number
      of scenes. Seen again in the meantime it keeps its age, unless the scene dates it itself
      (`since_scene`) later than before: a new wound in the old place.
    - Injuries that a scene's request says are gone (`mended`) are gone, unless that very scene
      shows them all the same.
    - Injuries that a person corrected are exactly those, so none at all heals them.
    """
    told = sorted(
        (one for one in episodes if not one.forgotten and (at is None or one.scene <= at)),
        key=lambda one: one.scene,
    )
    if story_id is None:
        story_id = told[0].story_id if told else StoryId(character.id)
    world = WorldState(
        character_id=character.id, story_id=story_id, outfit=character.profile.outfit
    )
    for episode in told:
        world = _after(world, episode, rules)
    return world


def heals_after_scenes(kind: str, rules: MemorySettings) -> int:
    """How many scenes an injury is there; kinds without a rule of their own heal like a cut."""
    return {
        "bruise": rules.bruise_heals_after_scenes,
        "blood": rules.blood_fades_after_scenes,
        "bandage": rules.bandage_stays_scenes,
    }.get(kind.casefold(), rules.cut_heals_after_scenes)


def _after(world: WorldState, episode: Episode, rules: MemorySettings) -> WorldState:
    shown = episode.state
    summary = SceneSummary(
        scene=episode.scene, prompt=episode.prompt, artifact=episode.artifact, idr=episode.idr
    )
    return world.model_copy(
        update={
            "scene": episode.scene,
            "outfit": shown.outfit or world.outfit,
            "injuries": _injuries(world.injuries, shown, episode.scene, rules),
            "props": world.props if shown.props is None else shown.props,
            "place": shown.place or world.place,
            "weather": shown.weather or world.weather,
            "recent": (*world.recent, summary)[-rules.recent_scenes :],
        }
    )


def _injuries(
    carried: tuple[Injury, ...], shown: SceneState, scene: int, rules: MemorySettings
) -> tuple[Injury, ...]:
    mended = {_where(injury) for injury in shown.mended}
    before = {_where(one): one for one in carried if _where(one) not in mended}
    now = {_where(one): _dated(one, before.get(_where(one)), scene) for one in shown.injuries or ()}
    corrected = shown.injuries is not None and shown.source.get("injuries") == "corrected"
    there = now if corrected else {**before, **now}
    return tuple(
        injury
        for injury in there.values()
        if scene - injury.since_scene < heals_after_scenes(injury.kind, rules)
    )


def _dated(shown: Injury, known: Injury | None, scene: int) -> Injury:
    """The injury with the scene that it counts from: its own word, if that is later than known."""
    own = shown.since_scene if 0 < shown.since_scene <= scene else 0
    since = max(own, known.since_scene) if known else own or scene
    return shown.model_copy(update={"since_scene": since})


def _where(injury: Injury) -> tuple[str, str]:
    return injury.kind.casefold(), injury.place.casefold()
