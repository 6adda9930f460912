"""What one painted picture is worth: identity, obedience to its scene, and what it copies.

One score everywhere: training stops by it, and the gate decides by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster.domain.character import Character
from cluster.domain.identity.score import IdentityReport
from cluster.domain.identity.tags import Tags
from cluster.domain.story.scene import SceneState
from cluster.identity_judge import IdentityJudge
from cluster.ports import Pixels
from training.data.curation import ImageSignature, copy_score, signature_of
from training.gate.bootstrap import Numbers

HEADS = (
    "outfit",
    "outfit_colour",
    "expression",
    "head_pose",
    "action",
    "framing",
    "place",
    "weather",
)
"""What of a scene the tagger reads."""
HASH_BITS = 64


@dataclass(frozen=True)
class ScoredImage:
    """A painted picture, uint8 RGB (height, width, 3), and its scores.

    ``idr`` is None without a face; ``adherence`` and ``copy_score`` are 0 to 1, ``adherence`` None
    where the tagger's word counts for nothing.
    """

    pixels: Pixels
    identity: IdentityReport
    adherence: float | None
    copy_score: float
    signature: ImageSignature
    tags: Tags | None

    @property
    def idr(self) -> float | None:
        return self.identity.idr


class Scorer:
    """Scores pictures of one character.

    Args:
        known: Signatures of every picture that the adapter may have learned by heart.
    """

    def __init__(
        self, judge: IdentityJudge, character: Character, known: Sequence[ImageSignature]
    ) -> None:
        self._judge = judge
        self._character = character
        self._known = known
        # What the tagger says of pictures that nobody has measured it on decides nothing.
        tagger = judge.tagger
        self._tagger = tagger if tagger and character.domain in tagger.measured_on else None

    def score(self, pixels: Pixels, asked: SceneState) -> ScoredImage:
        """Score uint8 RGB pixels (height, width, 3) of a scene."""
        identity = self._judge.report(pixels, self._character)
        tags = self._tagger.tags(pixels, identity.box) if self._tagger else None
        mine = signature_of(pixels)
        return ScoredImage(
            pixels=pixels,
            identity=identity,
            adherence=adherence(tags, asked) if tags else None,
            copy_score=copy_score(mine, self._known),
            signature=mine,
            tags=tags,
        )


def adherence(tags: Tags, asked: SceneState) -> float:
    """Mean probability, by the tagger, of what was asked; words that it does not know are left
    out, and a scene of which it knows none counts as obeyed."""
    words = asked_words(asked)
    known = [tags.probability(head, word) for head, word in words.items() if word]
    read = [probability for probability in known if probability is not None]
    return float(np.mean(read)) if read else 1.0


def asked_words(asked: SceneState) -> dict[str, str | None]:
    """The word that a scene asks of each of the tagger's heads."""
    outfit = asked.outfit
    words = (
        outfit.garment if outfit else None,
        outfit.colour if outfit else None,
        asked.expression,
        asked.pose,
        asked.action,
        asked.framing,
        asked.place,
        asked.weather,
    )
    return dict(zip(HEADS, words, strict=True))


def distances(scored: Sequence[ScoredImage]) -> Numbers:
    """How different each two pictures are, float64 (n, n) in [0, 1].

    Half what their perceptual hashes differ by, half the total variation distance between what
    the tagger reads; the hashes alone where it reads nothing.
    """
    hashes = [one.signature.phash for one in scored]
    differ = np.array([[(a ^ b).bit_count() / HASH_BITS for b in hashes] for a in hashes])
    tags = [one.tags for one in scored if one.tags is not None]
    if len(tags) < len(scored):
        return differ
    heads = [np.array([list(one.heads[head].values()) for one in tags]) for head in HEADS]
    apart = [np.abs(head[:, None] - head[None, :]).sum(axis=2) / 2 for head in heads]
    return np.asarray((differ + np.mean(apart, axis=0)) / 2, np.float64)
