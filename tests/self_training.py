"""A simulated generator that is trained on its own pictures, generation after generation.

It drifts as trained generators do: towards what it was trained on most (sharper than the data, as
guidance makes it), and the more a picture was repeated in training, the more it is recited. Pixels
are drawn, so that the guards of `training.data.curation` see real pictures.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from cluster.domain import vocabulary as words
from cluster.domain.character import Outfit
from cluster.domain.story.scene import SceneState
from cluster.ports import Pixels
from training.data.curation import ImageSignature, refusal, same_picture, signature_of

FIELDS: dict[str, tuple[str, ...]] = {
    "pose": words.HEAD_POSES,
    "expression": words.EXPRESSIONS,
    "place": words.PLACES,
    "framing": words.FRAMINGS,
    "garment": words.OUTFITS,
}
MEASURED = ("pose", "expression", "place")
PICTURES = 50
REFERENCES = 8
DRIFT = 0.6
"""Share of what it was trained on in what it paints; the rest is as the base model paints."""
SHARPENING = 1.35
RECITING = 0.15
"""Share of pictures that are recited when nothing in the set is repeated."""
HABIT = 1.5
"""How much more often a picture is recited that the set repeats: its repetitions to this power
(memorisation grows faster than the count: Carlini et al. 2023, Extracting Training Data from
Diffusion Models)."""

Scene = dict[str, str]


@dataclass(frozen=True)
class Painting:
    pixels: Pixels
    scene: Scene

    @cached_property
    def signature(self) -> ImageSignature:
        return signature_of(self.pixels)

    @property
    def state(self) -> SceneState:
        seen = self.scene
        return SceneState(
            pose=seen["pose"],
            expression=seen["expression"],
            place=seen["place"],
            framing=seen["framing"],
            outfit=Outfit(garment=seen["garment"]),
        )


@dataclass(frozen=True)
class Generation:
    """What a generation painted: effective number of words by field, share of near-duplicates of
    its training set, and how many images that set had."""

    variety: dict[str, float]
    copies: float
    images: int


def live(generations: int, *, guarded: bool, seed: int = 0) -> list[Generation]:
    """Generations of painting and learning, with the product's guards or with none but the IDR."""
    rng = np.random.default_rng(seed)
    references = [_fresh(_asked(rng, {}), rng) for _ in range(REFERENCES)]
    kept: list[Painting] = []
    told: list[Generation] = []
    for _ in range(generations):
        trained = [*references, *kept]
        painted = _painted(trained, rng)
        told.append(_measured(painted, trained))
        for one in painted:
            if not guarded or not _refused(one, references, kept):
                kept.append(one)
    return told


def _refused(one: Painting, references: Sequence[Painting], kept: Sequence[Painting]) -> str:
    return refusal(
        one.pixels,
        0.9,
        one.state,
        references=[other.signature for other in references],
        accepted=[(other.signature, other.state) for other in kept],
    )


def _painted(trained: Sequence[Painting], rng: np.random.Generator) -> list[Painting]:
    times = _times([one.signature for one in trained])
    repeated = float((times > 1).mean())
    habit = times**HABIT / (times**HABIT).sum()
    counts = {field: Counter(one.scene[field] for one in trained) for field in FIELDS}
    return [
        _recited(trained[int(rng.choice(len(trained), p=habit))], rng)
        if rng.random() < RECITING + (1 - RECITING) * repeated
        else _fresh(_asked(rng, counts), rng)
        for _ in range(PICTURES)
    ]


def _times(signatures: Sequence[ImageSignature]) -> npt.NDArray[np.float64]:
    """How often the set shows each of its pictures, itself included."""
    return np.array(
        [sum(same_picture(one, other) for other in signatures) for one in signatures], float
    )


def _asked(rng: np.random.Generator, counts: dict[str, Counter[str]]) -> Scene:
    scene: Scene = {}
    for field, known in FIELDS.items():
        even = np.full(len(known), 1 / len(known))
        seen = np.array([counts[field][word] for word in known], float) if counts else even
        sharp = seen**SHARPENING
        chances = (1 - DRIFT) * even + DRIFT * sharp / sharp.sum()
        scene[field] = str(rng.choice(known, p=chances))
    return scene


def _fresh(scene: Scene, rng: np.random.Generator) -> Painting:
    coarse = rng.integers(30, 226, (7, 7, 3)).astype(np.uint8)
    canvas = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    return Painting(_grainy(np.asarray(canvas, np.uint8), rng), scene)


def _recited(one: Painting, rng: np.random.Generator) -> Painting:
    return Painting(_grainy(one.pixels, rng), one.scene)


def _grainy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    grain = rng.normal(0, 6, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def _measured(painted: Sequence[Painting], trained: Sequence[Painting]) -> Generation:
    known = [one.signature for one in trained]
    copies = [any(same_picture(one.signature, other) for other in known) for one in painted]
    variety = {field: _effective([one.scene[field] for one in painted]) for field in MEASURED}
    return Generation(variety, float(np.mean(copies)), len(trained))


def _effective(said: Sequence[str]) -> float:
    """How many words, used evenly, are as varied as these: the exponential of the entropy."""
    shares = np.array(list(Counter(said).values())) / len(said)
    return float(np.exp(-(shares * np.log(shares)).sum()))
