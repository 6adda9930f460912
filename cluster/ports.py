"""What CineAI asks of the outside world. Implementations live in providers/ and store/."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cluster.domain.character import Character
from cluster.domain.identity.face import Face
from cluster.domain.identity.score import Box, Domain
from cluster.domain.identity.tags import Tags
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.prompting.plan import PromptContext
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.domain.story.reading import SceneReading
from cluster.domain.story.state import StoryState

Pixels = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]


class RequestReader(Protocol):
    """Reads what a request says of clothes, things, wounds, looks, places and time.

    From any thread. Every reading is checked: see `check_reading`.
    """

    def warm_up(self) -> None:
        """Load what reading needs; else the first reading does."""

    def read(self, cast: Sequence[Character], state: StoryState, text: str) -> SceneReading:
        """The changes that a text asks for; the things they are about are those of `state`.

        What is not read, or read to say what the text does not say, changes nothing, and the
        reading says so.
        """
        ...

    def layer(self, garment: str) -> str | None:
        """Where on the body a garment of this noun is worn; null: nobody knows."""
        ...


class PromptWriter(Protocol):
    """Writes a cinematic prompt from what is known. The guard checks every one."""

    async def write(self, context: PromptContext) -> str: ...


class ImageModel(Protocol):
    """Paints pixels. Pixels are uint8 RGB of shape (height, width, 3)."""

    @property
    def capabilities(self) -> Capabilities: ...

    def stage(self, adapter: AdapterVersion) -> None:
        """Make an adapter ready to be rendered with; from any thread. Raises BadAdapter."""

    def render(self, order: RenderOrder) -> Rendering: ...

    def render_batch(self, orders: Sequence[RenderOrder]) -> list[Rendering]:
        """Orders of one size, each with its own adapter and seed, as if painted alone."""

    def inpaint(self, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """Paint anew where a mask, uint8 (height, width), is 255."""
        ...


class FaceEncoder(Protocol):
    """Finds faces in uint8 RGB pixels (height, width, 3) and embeds them, largest first."""

    @property
    def model(self) -> str: ...

    def faces(self, pixels: Pixels) -> tuple[Face, ...]: ...


class Tagger(Protocol):
    """Reads attributes from a picture of one person, uint8 RGB (height, width, 3); the face's box
    helps off-centre people.

    `measured_on` are the kinds of pictures on which somebody has measured how often it is right. Of
    others it has an opinion as well, which is no evidence: nobody may act on it.
    """

    @property
    def measured_on(self) -> frozenset[Domain]: ...

    def tags(self, pixels: Pixels, face: Box | None = None) -> Tags: ...


class TextEncoder(Protocol):
    """Embeds sentences: float32 (n, dim), L2-normalised rows."""

    @property
    def model(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vector: ...


class VectorIndex(Protocol):
    """Nearest neighbours among vectors (dim,), float32, of one embedding model, filtered by
    character; found with their cosines, the nearest first."""

    def upsert(self, id: str, vector: Vector, *, character_id: str, story_id: str) -> None: ...

    def search(
        self, vector: Vector, *, character_id: str, story_id: str | None, limit: int
    ) -> list[tuple[str, float]]: ...

    def delete(self, id: str) -> None: ...

    def ids(self) -> frozenset[str]: ...


class BlobStore(Protocol):
    """Content-addressed bytes; the address is the lower-case hex sha256."""

    def put(self, content: bytes) -> str: ...

    def get(self, sha256: str) -> bytes: ...

    def view(self, sha256: str) -> AbstractContextManager[memoryview]: ...

    def exists(self, sha256: str) -> bool: ...
