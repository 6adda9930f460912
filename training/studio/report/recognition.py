"""How well a face recogniser tells rendered people apart: what every identity figure rests on."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cluster.domain.identity.score import off_centre
from cluster.ports import FaceEncoder, Pixels
from training.studio.renderer.actor import random_actor
from training.studio.renderer.render import Renderer
from training.studio.renderer.shot import random_shot

UNSEEN = 777
"""Seed of people that no training set holds."""

MAX_YAW = 45.0
Codec = Callable[[Pixels], Pixels]
"""A picture encoded and decoded again."""


def found_share(faces: FaceEncoder, renderer: Renderer, shots: int) -> float:
    """Share of random people's random shots, turned 45° at most, in which a face is found."""
    rng = np.random.default_rng([UNSEEN, 1])
    found = 0
    for _ in range(shots):
        actor, shot = random_actor(rng), random_shot(rng)
        shot = replace(shot, yaw=float(np.clip(shot.yaw, -MAX_YAW, MAX_YAW)))
        found += bool(faces.faces(renderer.render(actor, shot)))
    return found / shots


class Crowd(NamedTuple):
    """Faces found in n rendered pictures.

    vectors: (n, dim) float32, of length 1.
    owners: (n,) int64, whose face each is.
    decoded: (n, dim) float32, of the same pictures through a VAE, zero where no face is left.
    """

    vectors: NDArray[np.float32]
    owners: NDArray[np.int64]
    decoded: NDArray[np.float32]


def crowd(faces: FaceEncoder, renderer: Renderer, through: Codec, actors: int, shots: int) -> Crowd:
    """``shots`` pictures of each of ``actors`` people."""
    vectors, owners, decoded = [], [], []
    for number in range(actors):
        rng = np.random.default_rng([UNSEEN, number])
        actor = random_actor(rng)
        for _ in range(shots):
            picture = renderer.render(actor, random_shot(rng))
            if not (seen := faces.faces(picture)):
                continue
            again = faces.faces(through(picture))
            vectors.append(seen[0].embedding)
            decoded.append(again[0].embedding if again else np.zeros_like(vectors[-1]))
            owners.append(number)
    return Crowd(np.asarray(vectors, np.float32), np.asarray(owners), np.asarray(decoded))


def separation(vectors: NDArray[np.float32], owners: NDArray[np.int64]) -> dict[str, float]:
    """Area under the ROC curve of same against other pairs (Mann and Whitney 1947), and how often
    the nearest other picture shows the same person. Unit ``vectors`` (n, dim), ``owners`` (n,)."""
    cosines = vectors @ vectors.T
    upper = np.triu_indices(len(owners), 1)
    same = owners[upper[0]] == owners[upper[1]]
    ranks, count = rankdata(cosines[upper])[same], int(same.sum())
    area = (ranks.sum() - count * (count + 1) / 2) / (count * (len(same) - count))
    np.fill_diagonal(cosines, -np.inf)
    first = owners[cosines.argmax(1)] == owners
    return {"auc": round(float(area), 4), "rank_1": round(float(first.mean()), 4)}


def survival(people: Crowd) -> dict[str, float]:
    """What of a face passes through the VAE: mean cosine to the picture it was made from; how often
    the nearest *other* picture shows the same person; and how often the nearest person is the same,
    each known by the centroid of all pictures but that one, as the IDR compares them."""
    cosines = people.decoded @ people.vectors.T
    kept = float(np.diagonal(cosines).mean())
    np.fill_diagonal(cosines, -np.inf)
    first = people.owners[cosines.argmax(1)] == people.owners
    return {
        "vae_cosine": round(kept, 4),
        "vae_rank_1": round(float(first.mean()), 4),
        "vae_rank_1_of_people": round(_told(people), 4),
    }


def _told(people: Crowd) -> float:
    centre = people.vectors.mean(0)
    known, seen = off_centre(people.vectors, centre), off_centre(people.decoded, centre)
    owner = people.owners[:, None] == np.unique(people.owners)
    sums = owner.T.astype(np.float32) @ known
    cosines = seen @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    rest = sums[owner.argmax(1)] - known  # the person's other pictures
    cosines[owner] = (seen * rest).sum(1) / np.linalg.norm(rest, axis=1).clip(1e-9)
    return float(owner[np.arange(len(seen)), cosines.argmax(1)].mean())


def recognition(
    faces: FaceEncoder,
    renderer: Renderer,
    through: Codec,
    *,
    shots: int,
    actors: int,
    each: int,
) -> dict[str, float]:
    """Faces found in ``shots`` random pictures; separation of ``actors`` x ``each`` pictures as the
    recogniser gives them, and with the domain's mean face taken off, as the IDR compares them; and
    what of them passes ``through`` the VAE."""
    people = crowd(faces, renderer, through, actors, each)
    raw = separation(people.vectors, people.owners)
    centre = people.vectors.mean(0)
    moved = separation(off_centre(people.vectors, centre), people.owners)
    return {
        "face_found": round(found_share(faces, renderer, shots), 4),
        **raw,
        **{f"{name}_off_centre": value for name, value in moved.items()},
        **survival(people),
    }
