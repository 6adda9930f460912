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
from training.studio.cast.role import cast, portraits
from training.studio.renderer.actor import Actor, random_actor
from training.studio.renderer.render import Renderer, shipped_head
from training.studio.renderer.shot import Shot, random_shot
from training.studio.report.tagger_mmd import features, kid
from training.studio.tagger.heads import HIDDEN, UNKNOWN, phrases, words
from training.studio.tagger.keypoints import Landmarks
from training.studio.tagger.visibility import look

HELD_OUT = 99
"""Seed of people that no training set holds."""

ACTORS, SCENES = 10, 6
"""Held-out actors whose likeness is measured, and pictures painted of each."""

SHARES = ("face_found", "hair_colour", "outfit_colour", "place", "marks", "props", "injuries")

Figures = dict[str, float | None]
Example = tuple[Actor, Shot]
Truth = tuple[dict[str, str], dict[str, dict[str, float]]]
"""The words of a picture's exclusive attributes, and of the others how visible each is."""


@dataclass(frozen=True)
class Studio:
    """The model under test, those who judge it, and what renders the truth."""

    model: ImageModel
    judge: IdentityJudge
    tagger: Tagger
    renderer: Renderer
    landmarks: Landmarks
    blobs: Blobs

    @classmethod
    @contextmanager
    def aside(cls, settings: Settings) -> Iterator["Studio"]:
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
        """A picture of the model's own size."""
        return self.model.render(
            RenderOrder(prompt=prompt, seed=seed, references=references)
        ).pixels


def evaluate(settings: Settings, count: int, actors: int = ACTORS) -> Figures:
    """All figures by name, on ``count`` captions and of ``actors`` people.

    Shares and IDR are from 0 to 1; a share of nothing, and IDR with the reference adapter where the
    model has none, are None.
    """
    with Studio.aside(settings) as studio:
        return obedience(studio, count) | likeness(studio, actors)


def held_out(count: int, seed: int) -> list[Example]:
    """People whom no training set holds, each in a shot."""
    rng = np.random.default_rng([HELD_OUT, seed])
    return [(random_actor(rng), random_shot(rng)) for _ in range(count)]


def obedience(studio: Studio, count: int) -> Figures:
    """Faces found and attributes confirmed, in painted pictures and, as the measure of what the
    judges can confirm at all, in renders of the same people and shots; KID; seconds a picture."""
    examples = held_out(count, 5)
    prompts = [full_caption(*one, np.random.default_rng(i)) for i, one in enumerate(examples)]
    studio.paint(prompts[0], 0)
    began = time.monotonic()
    made = np.stack([studio.paint(prompt, i) for i, prompt in enumerate(prompts)])
    seconds = (time.monotonic() - began) / count
    shown = np.stack([studio.renderer.render(*one) for one in examples])
    truths = [truth(studio, *one) for one in zip(examples, shown, strict=True)]
    others = np.stack([studio.renderer.render(*one) for one in held_out(max(count, 2), 8)])
    distance, spread = kid(features(made), features(others))
    return shares(studio, made, truths) | {
        "kid": round(distance, 5),
        "kid_std": round(spread, 5),
        "seconds_per_image": round(seconds, 3),
        "pictures": count,
        **{f"{key}_in_renders": value for key, value in shares(studio, shown, truths).items()},
    }


def truth(studio: Studio, example: Example, shown: Pixels) -> Truth:
    """What a picture of the example can show: not the coat of a close-up, nor a scar that a turned
    head hides. ``shown`` is its render."""
    changed = details(studio.renderer, *example, shown)
    sight = look(*example, studio.landmarks.of(*example), changed)
    return words(*example, sight), phrases(*example, sight)


def shares(studio: Studio, pictures: Iterable[Pixels], truths: list[Truth]) -> Figures:
    """The share of pictures with a face, and of each kind of attribute that the tagger confirms."""
    counts: dict[str, list[bool]] = {key: [] for key in SHARES}
    for picture, shown in zip(pictures, truths, strict=True):
        faces = studio.judge.encoder.faces(picture)
        counts["face_found"].append(bool(faces))
        tags = studio.tagger.tags(picture, faces[0].box if faces else None)
        for key, right in confirmed(tags, shown):
            counts[key].append(right)
    return {key: mean(values) for key, values in counts.items()}


def mean(values: Sequence[float]) -> float | None:
    """To four digits; None for the mean of nothing."""
    return round(float(np.mean(values)), 4) if values else None


def confirmed(tags: Tags, truth: Truth) -> Iterator[tuple[str, bool]]:
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


def held_out_role(studio: Studio, number: int, scenes: int) -> Role:
    """Always the same for the same number."""
    rng = np.random.default_rng([HELD_OUT, 6, number])
    actor = random_actor(rng)
    references = portraits(actor, studio.renderer)
    character = cast(f"held-out-{number}", actor, references, studio.blobs)
    prompts = [full_caption(actor, random_shot(rng), rng) for _ in range(scenes)]
    return Role(character, references, prompts)


def likeness(studio: Studio, actors: int, scenes: int = SCENES) -> Figures:
    """Mean IDR of held-out actors, painted from their looks in words alone and after their eight
    reference pictures as well; a picture without a face counts 0."""
    words: list[float] = []
    shown: list[float] = []
    for number in range(actors):
        role = held_out_role(studio, number, scenes)
        character = role.character
        for seed, prompt in enumerate(role.prompts):
            words.append(idr(studio, character, studio.paint(prompt, seed)))
            if studio.model.capabilities.references:
                painted = studio.paint(prompt, seed, character.references)
                shown.append(idr(studio, character, painted))
    return {"idr_caption_only": mean(words), "idr_reference_adapter": mean(shown)}


def idr(studio: Studio, character: Character, picture: Pixels) -> float:
    """The product's score; 0 without a face."""
    return studio.judge.report(picture, character).idr or 0.0


def likeness_sheet(studio: Studio, actors: int, scenes: int = 4) -> NDArray[np.uint8]:
    """A row an actor: two references, pictures painted from words, the same seeds after both."""
    rows = []
    for number in range(actors):
        role = held_out_role(studio, number, scenes)
        known = role.character.references
        words = [studio.paint(prompt, seed) for seed, prompt in enumerate(role.prompts)]
        shown = [studio.paint(prompt, seed, known) for seed, prompt in enumerate(role.prompts)]
        rows.append(np.concatenate([*role.references[:2], *words, *shown], axis=1))
    return np.concatenate(rows)
