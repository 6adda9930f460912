"""Other people, painted by the base model itself before it learns anything: prior preservation.

Captioned by their looks and without the trigger, they keep the trigger from meaning everyone
(Ruiz et al. 2023). They are the same for every character, so that they are painted once a machine.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cluster.domain.character import Eye, Hair, Outfit, Profile
from cluster.domain.scene import SceneState
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
from training.data.captions import other_caption
from training.lora.examples import Captioned
from training.lora.probe import Painter

SEED = 40_301


def somebody(number: int) -> str:
    """The caption of the `number`-th other person."""
    dice = np.random.default_rng([SEED, number])

    def any_of(words: tuple[str, ...]) -> str:
        return words[int(dice.integers(len(words)))]

    eye = Eye(colour=any_of(EYE_COLOURS))
    profile = Profile(
        gender="woman" if dice.random() < 0.5 else "man",
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
    return other_caption(profile, state)


def other_people(paint: Painter, count: int, cache: Path, key: str) -> Captioned:
    """`count` of them, from the cache if `key` (of base model, size and sampler) has been painted.

    Args:
        cache: A folder of this machine.
    """
    captions = [somebody(number) for number in range(count)]
    path = cache / f"{key}-{count}.npy"
    if path.is_file():
        return Captioned(np.load(path), [[caption] for caption in captions])
    painted = np.stack([paint(caption, SEED + at) for at, caption in enumerate(captions)])
    _keep(path, lambda draft: np.save(draft, painted))
    return Captioned(painted, [[caption] for caption in captions])


def _keep(path: Path, write: Callable[[Path], None]) -> None:
    """Whole or not at all: several workers may do this at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{np.random.default_rng().integers(1 << 62)}.npy")
    write(draft)
    draft.replace(path)
