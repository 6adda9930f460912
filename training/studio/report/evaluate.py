"""What the shipped model is worth: faces found, words obeyed, likeness kept, distance to renders.

Everything is painted through the product's own image model and judged by its own face encoder,
tagger and identity score. Prompts and seeds are fixed; the people in them are in no training set.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster import providers
from cluster.domain.character import Character
from cluster.domain.identity.tags import Tags
from cluster.domain.render import RenderOrder
from cluster.identity_judge import IdentityJudge
from cluster.ports import ImageModel, Pixels, Tagger
from cluster.settings import Settings, StoreSettings
from cluster.store.blobs import Blobs
from training.studio.base.captions import full_caption
from training.studio.base.renders import details
from training.studio.cast.role import character_of, reference_pictures
from training.studio.renderer.actor import Actor, random_actor
from training.studio.renderer.render import Renderer, shipped_head
from training.studio.renderer.shot import Shot, random_shot
from training.studio.report.tagger_mmd import features, tagger_mmd
from training.studio.tagger.heads import HIDDEN, UNKNOWN, labels_of, visible_labels
from training.studio.tagger.keypoints import Landmarks
from training.studio.tagger.visibility import visibility_of

HELD_OUT = 99
"""Seed of people that no training set holds."""

ACTORS, SCENES = 10, 6
"""Held-out actors whose likeness is measured, and pictures painted of each."""

CONFIRMED = ("face_found", "hair_colour", "outfit_colour", "place", "marks", "props", "injuries")

StudioFigures = dict[str, float | None]
Example = tuple[Actor, Shot]
ShownWords = tuple[dict[str, str], dict[str, dict[str, float]]]
"""The words of a picture's exclusive attributes, and of the others how visible each is."""


@dataclass(frozen=True)
class ModelUnderTest:
    """The model under test, those who judge it, and what renders the truth."""

    model: ImageModel
    judge: IdentityJudge
    tagger: Tagger
    renderer: Renderer
    landmarks: Landmarks
    blobs: Blobs

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["ModelUnderTest"]:
        """Everything that ``settings`` choose; references are kept in a scratch folder.

        Raises ProviderMissing where a part is missing.
        """
        with tempfile.TemporaryDirectory() as scratch:
            own = settings.model_copy(update={"store": StoreSettings(home=Path(scratch))})
            blobs = Blobs(own.store.blob_root)
            model = providers.image_model(own.generator, blobs, own.identity)
            tagger = providers.picture_tagger()
            judge = IdentityJudge(own, tagger=tagger)
            renderer = Renderer(model.capabilities.width_px)
            yield cls(model, judge, tagger, renderer, Landmarks(shipped_head()), blobs)

    def paint(self, prompt: str, seed: int, references: tuple[str, ...] = ()) -> NDArray[np.uint8]:
        """A picture of the model's own size, (h, w, 3) uint8 RGB."""
        return self.model.render(
            RenderOrder(prompt=prompt, seed=seed, references=references)
        ).pixels


def evaluate_studio(settings: Settings, count: int, actors: int = ACTORS) -> StudioFigures:
    """All figures by name, on ``count`` captions and of ``actors`` people.

    Shares and IDR are from 0 to 1; a share of nothing, and IDR with the reference adapter where the
    model has none, are None.
    """
    with ModelUnderTest.open(settings) as tested:
        return obedience(tested, count) | measure_likeness(tested, actors)


def held_out(count: int, seed: int) -> list[Example]:
    """People whom no training set holds, each in a shot."""
    rng = np.random.default_rng([HELD_OUT, seed])
    return [(random_actor(rng), random_shot(rng)) for _ in range(count)]


def obedience(tested: ModelUnderTest, count: int) -> StudioFigures:
    """Faces found and attributes confirmed, in painted pictures and, as the measure of what the
    judges can confirm at all, in renders of the same people and shots; the tagger MMD between
    painted pictures and renders; seconds a picture."""
    examples = held_out(count, 5)
    prompts = [full_caption(*one, np.random.default_rng(i)) for i, one in enumerate(examples)]
    tested.paint(prompts[0], 0)
    began = time.monotonic()
    made = np.stack([tested.paint(prompt, i) for i, prompt in enumerate(prompts)])
    seconds = (time.monotonic() - began) / count
    shown = np.stack([tested.renderer.render(*one) for one in examples])
    truths = [shown_words(tested, *one) for one in zip(examples, shown, strict=True)]
    others = np.stack([tested.renderer.render(*one) for one in held_out(max(count, 2), 8)])
    distance, spread = tagger_mmd(features(made), features(others))
    in_renders = confirmed_shares(tested, shown, truths)
    return confirmed_shares(tested, made, truths) | {
        "tagger_mmd": round(distance, 5),
        "tagger_mmd_std": round(spread, 5),
        "seconds_per_image": round(seconds, 3),
        "pictures": count,
        **{f"{key}_in_renders": value for key, value in in_renders.items()},
    }


def shown_words(tested: ModelUnderTest, example: Example, shown: Pixels) -> ShownWords:
    """What a picture of the example can show: not the coat of a close-up, nor a scar that a turned
    head hides. ``shown`` (h, w, 3) uint8 RGB is its render."""
    changed = details(tested.renderer, *example, shown)
    visibility = visibility_of(*example, tested.landmarks.of(*example), changed)
    return labels_of(*example, visibility), visible_labels(*example, visibility)


def confirmed_shares(
    tested: ModelUnderTest, pictures: Iterable[Pixels], truths: list[ShownWords]
) -> StudioFigures:
    """The share of pictures (h, w, 3) uint8 RGB with a face, and of each kind of attribute that the
    tagger confirms."""
    counts: dict[str, list[bool]] = {key: [] for key in CONFIRMED}
    for picture, shown in zip(pictures, truths, strict=True):
        faces = tested.judge.encoder.faces(picture)
        counts["face_found"].append(bool(faces))
        tags = tested.tagger.tags(picture, faces[0].box if faces else None)
        for key, right in confirmed(tags, shown):
            counts[key].append(right)
    return {key: mean(values) for key, values in counts.items()}


def mean(values: Sequence[float]) -> float | None:
    """To four digits; None for the mean of nothing."""
    return round(float(np.mean(values)), 4) if values else None


def confirmed(tags: Tags, truth: ShownWords) -> Iterator[tuple[str, bool]]:
    """Kind of each attribute that was asked for, and whether the tagger sees it."""
    words, phrases = truth
    for head in ("hair_colour", "outfit_colour", "place"):
        if words[head] not in (HIDDEN, UNKNOWN):
            yield head, tags.best(head)[0] == words[head]
    for head in ("marks", "injuries", "props"):
        for label, visible in phrases[head].items():
            if visible == 1.0:
                yield head, (tags.probability(head, label) or 0.0) >= 0.5


@dataclass(frozen=True)
class Role:
    """A held-out actor as a character, its reference pictures, and scenes to paint it in."""

    character: Character
    references: list[Pixels]
    prompts: list[str]


def held_out_role(tested: ModelUnderTest, number: int, scenes: int) -> Role:
    """Always the same for the same number."""
    rng = np.random.default_rng([HELD_OUT, 6, number])
    actor = random_actor(rng)
    references = reference_pictures(actor, tested.renderer)
    character = character_of(f"held-out-{number}", actor, references, tested.blobs)
    prompts = [full_caption(actor, random_shot(rng), rng) for _ in range(scenes)]
    return Role(character, references, prompts)


def measure_likeness(tested: ModelUnderTest, actors: int, scenes: int = SCENES) -> StudioFigures:
    """Mean IDR of held-out actors, painted from their looks in words alone and after their eight
    reference pictures as well; a picture without a face counts 0."""
    words: list[float] = []
    shown: list[float] = []
    for number in range(actors):
        role = held_out_role(tested, number, scenes)
        character = role.character
        for seed, prompt in enumerate(role.prompts):
            words.append(idr(tested, character, tested.paint(prompt, seed)))
            if tested.model.capabilities.references:
                painted = tested.paint(prompt, seed, character.references)
                shown.append(idr(tested, character, painted))
    return {"idr_caption_only": mean(words), "idr_reference_adapter": mean(shown)}


def idr(tested: ModelUnderTest, character: Character, picture: Pixels) -> float:
    """The product's score of a picture (h, w, 3) uint8 RGB; 0 without a face."""
    return tested.judge.report(picture, character).idr or 0.0


def likeness_sheet(tested: ModelUnderTest, actors: int, scenes: int = 4) -> NDArray[np.uint8]:
    """A row an actor: two references, pictures painted from words, the same seeds after both. One
    picture (height, width, 3) uint8 RGB."""
    rows = []
    for number in range(actors):
        role = held_out_role(tested, number, scenes)
        known = role.character.references
        words = [tested.paint(prompt, seed) for seed, prompt in enumerate(role.prompts)]
        shown = [tested.paint(prompt, seed, known) for seed, prompt in enumerate(role.prompts)]
        rows.append(np.concatenate([*role.references[:2], *words, *shown], axis=1))
    return np.concatenate(rows)
