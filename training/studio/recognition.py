"""How well a face recogniser tells rendered people apart: what every identity figure rests on."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cluster.domain.identity import off_centre
from cluster.ports import FaceEncoder
from training.studio.actor import random_actor
from training.studio.render import Renderer
from training.studio.shot import random_shot

UNSEEN = 777
"""Seed of people that no training set holds."""

MAX_YAW = 45.0
Vectors = NDArray[np.float32]


def found_share(faces: FaceEncoder, renderer: Renderer, shots: int) -> float:
    """Share of random people's random shots, turned 45° at most, in which a face is found."""
    rng = np.random.default_rng([UNSEEN, 1])
    found = 0
    for _ in range(shots):
        actor, shot = random_actor(rng), random_shot(rng)
        shot = replace(shot, yaw=float(np.clip(shot.yaw, -MAX_YAW, MAX_YAW)))
        found += bool(faces.faces(renderer.render(actor, shot)))
    return found / shots


def embedded(
    faces: FaceEncoder, renderer: Renderer, actors: int, shots: int
) -> tuple[Vectors, NDArray[np.int64]]:
    """Unit embeddings (n, dim) of the faces found in ``shots`` pictures of each actor, and whose
    they are (n,)."""
    vectors, owners = [], []
    for number in range(actors):
        rng = np.random.default_rng([UNSEEN, number])
        actor = random_actor(rng)
        for _ in range(shots):
            seen = faces.faces(renderer.render(actor, random_shot(rng)))
            if seen:
                vectors.append(seen[0].embedding)
                owners.append(number)
    return np.asarray(vectors, np.float32), np.asarray(owners)


def separation(vectors: Vectors, owners: NDArray[np.int64]) -> dict[str, float]:
    """Area under the ROC curve of same against other pairs (Mann and Whitney 1947), and how often
    the nearest other picture shows the same person."""
    cosines = vectors @ vectors.T
    upper = np.triu_indices(len(owners), 1)
    same = owners[upper[0]] == owners[upper[1]]
    ranks, count = rankdata(cosines[upper])[same], int(same.sum())
    area = (ranks.sum() - count * (count + 1) / 2) / (count * (len(same) - count))
    np.fill_diagonal(cosines, -np.inf)
    first = owners[cosines.argmax(1)] == owners
    return {"auc": round(float(area), 4), "rank_1": round(float(first.mean()), 4)}


def recognition(
    faces: FaceEncoder, renderer: Renderer, *, shots: int, actors: int, each: int
) -> dict[str, float]:
    """Faces found in ``shots`` random pictures; separation of ``actors`` x ``each`` pictures as the
    recogniser gives them, and with the domain's mean face taken off, as the IDR compares them."""
    vectors, owners = embedded(faces, renderer, actors, each)
    raw = separation(vectors, owners)
    centre = vectors.mean(0)
    moved = separation(off_centre(vectors, centre), owners)
    return {
        "face_found": round(found_share(faces, renderer, shots), 4),
        **raw,
        **{f"{name}_off_centre": value for name, value in moved.items()},
    }
