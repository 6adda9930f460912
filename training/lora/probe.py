"""Validation while training: what an adapter paints of a few fixed scenes, scored as the gate does.

A look is one round of them. Training stops by these figures and not by the loss, which goes on
falling while an adapter learns its training images by heart. IDR says whether it is the person,
adherence whether the words are still obeyed, the copy score whether it only repeats what it was
shown.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cluster.domain.character import Character, Outfit
from cluster.domain.story.scene import SceneState
from cluster.domain.value import Value
from cluster.domain.vocabulary import EXPRESSIONS, HEAD_POSES, OUTFIT_COLOURS, OUTFITS, PLACES
from cluster.ports import Pixels
from training.data.captions import scene_caption, with_looks
from training.data.curation import SAME_THUMBNAIL
from training.gate.picture_scores import Scorer

SCENES_SEED = 20_261
COPY_LIMIT = SAME_THUMBNAIL
"""Above this a picture is one of the training images."""
ADHERENCE_MARGIN = 0.1
"""What an adapter may cost of the base model's obedience before it counts against it: a
choice, for eight pictures measure it coarsely."""

Painter = Callable[[str, int], Pixels]
"""(prompt, seed) -> uint8 RGB (height, width, 3)."""


class PictureScore(Value):
    """One probe picture; `idr` None without a face, `adherence` None without a tagger for it."""

    idr: float | None
    adherence: float | None
    copy_score: float


class ProbeScore(Value):
    """Means over a look's pictures; a picture without a face counts as IDR 0, and `idr` is None
    when no picture has one. `idrs` are those of the pictures, `copy_score` is the highest."""

    step: int
    idr: float | None
    adherence: float | None
    copy_score: float
    idrs: tuple[float, ...] = ()

    @classmethod
    def of(cls, step: int, scores: Sequence[PictureScore]) -> "ProbeScore":
        found = [score.idr for score in scores if score.idr is not None]
        obeyed = [score.adherence for score in scores if score.adherence is not None]
        return cls(
            step=step,
            idr=sum(found) / len(scores) if found else None,
            adherence=float(np.mean(obeyed)) if obeyed else None,
            copy_score=max((score.copy_score for score in scores), default=0.0),
            idrs=tuple(score.idr or 0.0 for score in scores),
        )

    def merit(self, base: "ProbeScore") -> float:
        """What is compared between steps: the IDR, less disobedience beyond the margin and less
        copying beyond the limit."""
        lost = 0.0
        if self.adherence is not None and base.adherence is not None:
            lost = max(0.0, base.adherence - self.adherence - ADHERENCE_MARGIN)
        copied = max(0.0, self.copy_score - max(COPY_LIMIT, base.copy_score))
        return (self.idr or 0.0) - lost - 2 * copied

    def rivals(self, best: "ProbeScore", base: "ProbeScore") -> bool:
        """Whether it is not measurably worse than the best look: within two standard errors, over
        the same pictures.

        A look's few pictures tell adapters that resemble each other apart no better than chance
        would, and of two that they cannot tell apart the one that learned longer is the better.
        """
        apart = [mine - its for mine, its in zip(self.idrs, best.idrs, strict=False)]
        doubt = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
        return self.merit(base) >= best.merit(base) - 2 * doubt


@dataclass(frozen=True)
class ProbeScene:
    """One picture to paint."""

    prompt: str
    state: SceneState
    seed: int


def probes_for(character: Character, trigger: str, looks: str, count: int) -> list[ProbeScene]:
    """The same scenes for every look and every run of a character: own clothes in every second."""
    rng = np.random.default_rng(SCENES_SEED)
    found = []
    for number in range(count):
        other = Outfit(garment=_any(rng, OUTFITS), colour=_any(rng, OUTFIT_COLOURS))
        own = character.profile.outfit if number % 2 == 0 else None
        state = SceneState(
            framing="portrait" if number % 2 else "close-up",
            outfit=own or other,
            expression=_any(rng, EXPRESSIONS),
            pose=HEAD_POSES[0] if number % 3 else _any(rng, HEAD_POSES),
            place=_any(rng, PLACES[1:]),
        )
        prompt = with_looks(scene_caption(trigger, character.profile, state), looks)
        found.append(ProbeScene(prompt, state, seed=SCENES_SEED + number))
    return found


class Prober:
    """Paints and scores; worker `rank` of `workers` takes every `workers`-th picture."""

    def __init__(self, paint: Painter, scorer: Scorer, probes: Sequence[ProbeScene]) -> None:
        self._paint, self._scorer, self._probes = paint, scorer, probes

    def scores(self, rank: int, workers: int) -> list[PictureScore]:
        return [self._score(probe) for probe in self._probes[rank::workers]]

    def _score(self, probe: ProbeScene) -> PictureScore:
        found = self._scorer.score(self._paint(probe.prompt, probe.seed), probe.state)
        return PictureScore(idr=found.idr, adherence=found.adherence, copy_score=found.copy_score)


def _any(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]
