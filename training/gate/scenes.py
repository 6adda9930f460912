"""What challenger and champion are asked to paint: scenes that neither was trained on.

They are drawn from the vocabulary, the same for a character and a training set, whoever asks: words
of a field that no training caption says, as long as there are a few; else all of them, in
combinations of place, pose, outfit and expression that no caption has.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from cluster.domain import vocabulary as words
from cluster.domain.character import Character, Outfit
from cluster.domain.model_profile import ModelProfile
from cluster.domain.prompting.composition import negative_prompt, scene_prompt
from cluster.domain.prompting.facts import facts
from cluster.domain.prompting.guard import TokenCounter, guard
from cluster.domain.prompting.plan import PromptContext
from cluster.domain.reading.continuity import INDOORS
from cluster.domain.reading.request import read
from cluster.domain.story.scene import SceneRequest, SceneState, StoryId
from cluster.domain.story.world import WorldState
from cluster.domain.value import Value

FEW = 3
"""Untrained words of a field that suffice to take scenes from; with fewer they would be alike."""
FIELDS: dict[str, tuple[str, ...]] = {
    "place": words.PLACES,
    "pose": words.HEAD_POSES,
    "garment": words.OUTFITS,
    "colour": words.OUTFIT_COLOURS,
    "expression": words.EXPRESSIONS,
    "action": words.ACTIONS,
    "framing": words.FRAMINGS,
    "weather": words.WEATHERS,
}
KEY = ("place", "pose", "garment", "colour", "expression")
"""What makes two scenes the same one."""

SceneWords = dict[str, str | None]


class GateScene(Value):
    """One scene and its seed."""

    state: SceneState
    seed: int

    @property
    def title(self) -> str:
        shown = (self.state.expression, self.state.outfit and self.state.outfit.phrase)
        return ", ".join(str(word) for word in (self.state.place, *shown, self.state.pose) if word)


def caption_words(caption: str) -> SceneWords:
    """The words of a training caption, by field of `FIELDS`."""
    reading = read(caption)
    return {
        "place": reading.place,
        "pose": reading.pose,
        "garment": reading.outfit.garment if reading.outfit else None,
        "colour": reading.outfit.colour if reading.outfit else None,
        "expression": reading.expression,
        "action": reading.action,
        "framing": reading.framing,
        "weather": reading.weather,
    }


def gate_scenes(character: Character, captions: Iterable[str], count: int) -> list[GateScene]:
    """`count` scenes for a character whose training captions are given, all different."""
    trained = [caption_words(caption) for caption in captions]
    known = {tuple(one[field] for field in KEY) for one in trained}
    digest = hashlib.sha256(character.id.encode()).digest()
    rng = np.random.default_rng(list(digest))
    pools = {field: _pool(field, trained) for field in FIELDS}
    scenes: list[GateScene] = []
    while len(scenes) < count:
        drawn = _drawn(pools, rng, len(scenes))
        key = tuple(drawn[field] for field in KEY)
        if key in known:
            continue
        known.add(key)
        scenes.append(GateScene(state=_state(drawn), seed=int(rng.integers(2**31))))
    return scenes


def _pool(field: str, trained: Sequence[SceneWords]) -> tuple[str, ...]:
    seen = {one[field] for one in trained}
    fresh = tuple(word for word in FIELDS[field] if word not in seen)
    return fresh if len(fresh) >= FEW else FIELDS[field]


def _drawn(pools: dict[str, tuple[str, ...]], rng: np.random.Generator, at: int) -> dict[str, str]:
    """Places in turn, so that all of them are shown; the other fields at random."""
    drawn = {field: str(rng.choice(pool)) for field, pool in pools.items()}
    drawn["place"] = pools["place"][at % len(pools["place"])]
    if drawn["place"] in INDOORS:
        drawn["weather"] = "clear"
    return drawn


def _state(drawn: dict[str, str]) -> SceneState:
    return SceneState(
        outfit=Outfit(garment=drawn["garment"], colour=drawn["colour"]),
        pose=drawn["pose"],
        framing=drawn["framing"],
        expression=drawn["expression"],
        action=drawn["action"],
        place=drawn["place"],
        weather=drawn["weather"],
    )


class Prompter:
    """Writes the prompts as the service does.

    Args:
        token_budget: Of the generator's text encoder.
        profile: Of the model that paints.
    """

    def __init__(self, token_budget: int, count: TokenCounter, profile: ModelProfile) -> None:
        self._token_budget = token_budget
        self._count = count
        self._profile = profile

    def prompts(
        self, scene: GateScene, character: Character, trigger: str | None
    ) -> tuple[str, str]:
        """(prompt, negative prompt) of a scene for an adapter that knows `trigger`."""
        story = StoryId(character.id)
        action = scene.state.action or ""
        context = PromptContext(
            character=character,
            request=SceneRequest(character_id=character.id, prompt=action, story_id=story),
            world=WorldState(character_id=character.id, story_id=story),
            scene=scene.state,
            trigger=trigger,
            token_budget=self._token_budget,
            text=action,
        )
        written = scene_prompt(context, self._count, self._profile.dialect)
        guarded = guard(written, facts(context), self._token_budget, self._count)
        return guarded.prompt, negative_prompt(
            self._profile.negative_prompt, self._token_budget, self._count
        )
