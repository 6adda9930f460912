"""What the shipped pipeline is worth: faces found, words obeyed, identities kept."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray

from cluster.domain.tags import Tags
from cluster.ports import FaceEncoder, Tagger
from training.studio.actor import Actor, random_actor
from training.studio.captions import caption
from training.studio.render import Renderer
from training.studio.sheet import paint
from training.studio.shot import Shot, random_shot

HELD_OUT = 99
"""Seed of people that no training set holds."""

Pictures = NDArray[np.uint8]
Counts = dict[str, list[bool]]


@dataclass(frozen=True)
class Judges:
    """Those who look at pictures."""

    faces: FaceEncoder
    tagger: Tagger


def embedding(faces: FaceEncoder, picture: Pictures) -> NDArray[np.float32] | None:
    """The unit embedding of the largest face, or None."""
    found = faces.faces(picture)
    return np.asarray(found[0].embedding, np.float32) if found else None


def confirmed(tags: Tags, actor: Actor, shot: Shot, counts: Counts) -> None:
    """Note for each attribute of the picture whether the tagger sees it."""

    def note(key: str, right: bool) -> None:
        counts.setdefault(key, []).append(right)

    if actor.hair_style != "bald" and shot.prop != "hat":
        note("hair_colour", tags.best("hair_colour")[0] == actor.hair_colour)
    note("outfit_colour", tags.best("outfit_colour")[0] == shot.outfit_colour)
    note("place", tags.best("place")[0] == shot.place)
    for head, said in (
        ("marks", [f"{mark.kind} on the {mark.place}" for mark in actor.marks]),
        ("injuries", [f"{mark.kind} on the {mark.place}" for mark in shot.injuries]),
        ("props", [shot.prop] if shot.prop else []),
    ):
        for label in said:
            note(head, (tags.probability(head, label) or 0.0) >= 0.5)


def obedience(pipeline: StableDiffusionPipeline, judges: Judges, count: int) -> dict[str, float]:
    """Faces found and attributes confirmed on held-out captions, and seconds a picture."""
    rng = np.random.default_rng([HELD_OUT, 5])
    cast = [(random_actor(rng), random_shot(rng)) for _ in range(count)]
    prompts = [
        caption(actor, shot, np.random.default_rng(i)) for i, (actor, shot) in enumerate(cast)
    ]
    paint(pipeline, prompts[:1], [0])
    began = time.monotonic()
    single = [paint(pipeline, [prompt], [i])[0] for i, prompt in enumerate(prompts[:8])]
    seconds = (time.monotonic() - began) / len(single)
    pictures = paint(pipeline, prompts, list(range(count)))
    counts: Counts = {}
    for picture, (actor, shot) in zip(pictures, cast, strict=True):
        found = judges.faces.faces(picture)
        counts.setdefault("face_found", []).append(bool(found))
        confirmed(judges.tagger.tags(picture, found[0].box if found else None), actor, shot, counts)
    scores = {key: round(float(np.mean(values)), 4) for key, values in counts.items()}
    return scores | {"pictures": count, "seconds_per_image": round(seconds, 3)}


def likeness(faces: FaceEncoder, pictures: Pictures, centroid: NDArray[np.float32]) -> list[float]:
    """Cosine of each picture's largest face to a unit centroid; pictures without a face give 0."""
    made = [embedding(faces, picture) for picture in pictures]
    return [0.0 if one is None else float(one @ centroid) for one in made]


def centroid_of(faces: FaceEncoder, pictures: Sequence[Pictures]) -> NDArray[np.float32]:
    """The normalised mean embedding of an actor's pictures."""
    found = [one for one in (embedding(faces, picture) for picture in pictures) if one is not None]
    mean = np.mean(found, axis=0)
    unit: NDArray[np.float32] = mean / np.linalg.norm(mean)
    return unit


def caption_only(
    pipeline: StableDiffusionPipeline, faces: FaceEncoder, renderer: Renderer, actors: int
) -> float:
    """Mean cosine between held-out actors and what the model paints from their looks in words."""
    values: list[float] = []
    for number in range(actors):
        rng = np.random.default_rng([HELD_OUT, 6, number])
        actor = random_actor(rng)
        shots = [random_shot(rng) for _ in range(6)]
        centroid = centroid_of(faces, [renderer.render(actor, shot) for shot in shots])
        prompts = [caption(actor, shot, rng) for shot in shots]
        values += likeness(faces, paint(pipeline, prompts, list(range(6))), centroid)
    return round(float(np.mean(values)), 4)


def evaluate(
    pipeline: StableDiffusionPipeline, judges: Judges, count: int, head_cache: Path | None
) -> dict[str, float]:
    """All figures of one pipeline, by name; shares and cosines from 0 to 1."""
    renderer = Renderer(pipeline.unet.config.sample_size * 4, head_cache)
    scores = obedience(pipeline, judges, count)
    scores["cosine_caption_only"] = caption_only(pipeline, judges.faces, renderer, actors=10)
    return scores
