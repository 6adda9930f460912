"""Prior preservation: images of other people, painted by the base model before it learns anything.

DreamBooth's class images (Ruiz et al. 2023): captioned by their looks and without the trigger, they
keep the trigger from meaning everyone. They are the same for every character, so that they are
painted once a machine.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cluster.domain.character import Eye, Hair, Outfit, Profile
from cluster.domain.story.scene import SceneState
from cluster.domain.vocabulary import (
    EXPRESSIONS,
    EYE_COLOURS,
    FRAMINGS,
    HAIR_COLOURS,
    HAIR_STYLES,
    HEAD_POSES,
    OUTFIT_COLOURS,
    OUTFITS,
    PLACES,
    SKIN_TONES,
)
from training.data.captions import class_caption
from training.lora.latent_cache import CaptionedImages
from training.lora.probe import Painter

SEED = 40_301


def random_class_caption(number: int) -> str:
    """The caption of the `number`-th other person, always the same."""
    rng = np.random.default_rng([SEED, number])

    def any_of(words: tuple[str, ...]) -> str:
        return words[int(rng.integers(len(words)))]

    eye = Eye(colour=any_of(EYE_COLOURS))
    profile = Profile(
        gender="woman" if rng.random() < 0.5 else "man",
        skin=any_of(SKIN_TONES),
        hair=Hair(colour=any_of(HAIR_COLOURS), style=any_of(HAIR_STYLES)),
        left_eye=eye,
        right_eye=eye,
    )
    state = SceneState(
        framing=any_of(FRAMINGS),
        outfit=Outfit(garment=any_of(OUTFITS), colour=any_of(OUTFIT_COLOURS)),
        expression=any_of(EXPRESSIONS),
        pose=any_of(HEAD_POSES),
        place=any_of(PLACES),
    )
    return class_caption(profile, state)


def class_images(paint: Painter, count: int, cache: Path, key: str) -> CaptionedImages:
    """`count` class images, from the cache if those of `key` have been painted before.

    Args:
        cache: A folder of this machine.
        key: Says all that decides the pixels: base model, size and sampler.
    """
    captions = [random_class_caption(number) for number in range(count)]
    wordings = [[caption] for caption in captions]
    path = cache / f"{key}-{count}.npy"
    if path.is_file():
        return CaptionedImages(np.load(path), wordings)
    painted = np.stack([paint(caption, SEED + at) for at, caption in enumerate(captions)])
    _write_atomically(path, lambda draft: np.save(draft, painted))
    return CaptionedImages(painted, wordings)


def _write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Whole or not at all: several workers may do this at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{np.random.default_rng().integers(1 << 62)}.npy")
    write(draft)
    draft.replace(path)
