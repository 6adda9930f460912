"""What every part answers that is called in another process: one Protocol a part.

A caller holds a handle and knows nothing of where the part runs. Through Ray it is an
`rpc.Remote`; in a test, the part itself. Arguments are named, for two strings that change places
look alike, and mypy follows them from the route to the replica. What a method means, takes and
raises is said where it is done; each raises Unavailable besides, when its process is lost.
`tests/unit/test_handles.py` proves that the parts answer as is written here.

Pixels are uint8 RGB (height, width, 3) throughout.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.face import Face
from cluster.domain.identity.repair import RepairOutcome
from cluster.domain.identity.score import Box, Domain, IdentityReport
from cluster.domain.learning.adapter import (
    AdapterId,
    AdapterSwitch,
    AdapterVersion,
    NewsPosition,
    RegistryNews,
)
from cluster.domain.learning.golden import DatasetStatus, GoldenImage
from cluster.domain.learning.runs import TrainingRun
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities, Inpainting, Rendering, RenderOrder
from cluster.domain.story.episode import Episode, EpisodeId
from cluster.domain.story.scene import SceneRequest, SceneState, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.story.world import WorldState
from cluster.ports import Pixels

# Deployments: their replicas are stateless but for what they have loaded.


class DirectorHandle(Protocol):
    """Carries jobs through their steps (serve/workflow/director.py)."""

    async def ready(self) -> bool: ...


class PromptEngineHandle(Protocol):
    """Writes guarded prompts (serve/replicas/prompt_engine.py)."""

    async def plan(
        self,
        *,
        character: Character,
        request: SceneRequest,
        world: WorldState,
        story: StoryState,
        trigger: str | None,
        memories: tuple[str, ...],
        token_budget: int | None,
    ) -> Plan: ...


class GeneratorHandle(Protocol):
    """Holds the image model (serve/replicas/generator.py)."""

    async def capabilities(self) -> Capabilities: ...

    async def render(self, *, order: RenderOrder) -> Rendering: ...

    async def inpaint(self, *, pixels: Pixels, mask: Pixels, order: Inpainting) -> Pixels:
        """Takes (h, w, 3) and a mask (h, w), gives (h, w, 3)."""
        ...


class ValidatorHandle(Protocol):
    """Judges images against characters (serve/replicas/validator.py)."""

    async def validate(self, *, pixels: Pixels, character: Character) -> IdentityReport:
        """Takes (h, w, 3)."""
        ...

    async def check_references(
        self,
        *,
        images: list[Pixels],
        names: Sequence[str] | None = None,
        domain: Domain = "photo",
    ) -> list[Face]:
        """Takes images (h, w, 3) of any size."""
        ...

    async def embed(self, *, pixels: Pixels, box: Box | None) -> tuple[str, list[float]] | None:
        """Takes (h, w, 3)."""
        ...


class RefinerHandle(Protocol):
    """Repairs a face that drifted (serve/replicas/refiner.py)."""

    async def repair(
        self,
        *,
        pixels: Pixels,
        report: IdentityReport,
        character: Character,
        plan: Plan,
        adapter: AdapterVersion | None,
        seed: int,
        attempt: int,
    ) -> RepairOutcome:
        """Takes and gives (h, w, 3)."""
        ...


class AnalyzerHandle(Protocol):
    """Reads what an image shows (serve/replicas/analyzer.py)."""

    async def analyze(self, *, pixels: Pixels, planned: SceneState, domain: Domain) -> SceneState:
        """Takes (h, w, 3)."""
        ...


# Actors: one process in the cluster each, with state of its own.


class ActorHandle(Protocol):
    async def __ray_ready__(self) -> object:
        """Answers once the actor stands; Ray gives this to every actor."""
        ...


class MemoryStoreHandle(ActorHandle, Protocol):
    """Episodes and the world state that follows from them (actors/memory.py)."""

    async def recall(self, *, character_id: CharacterId, story_id: StoryId) -> WorldState: ...

    async def state(
        self, *, character_id: CharacterId, story_id: StoryId, at: int | None
    ) -> WorldState: ...

    async def story_state(
        self, *, character_id: CharacterId, story_id: StoryId, at: int | None
    ) -> StoryState: ...

    async def remember(
        self, *, episode: Episode, face: tuple[str, list[float]] | None
    ) -> Episode: ...

    async def correct(self, *, episode_id: EpisodeId, state: SceneState) -> Episode: ...

    async def forget(self, *, episode_id: EpisodeId) -> Episode: ...

    async def search(
        self,
        *,
        character_id: CharacterId,
        text: str,
        story_id: StoryId | None,
        limit: int,
        wait_s: float,
    ) -> list[tuple[Episode, float]]: ...

    async def search_face(
        self,
        *,
        character_id: CharacterId,
        model: str,
        vector: list[float],
        limit: int,
        wait_s: float,
    ) -> list[tuple[Episode, float]]: ...

    async def settled(self, *, wait_s: float) -> bool: ...


class LoraRegistryHandle(ActorHandle, Protocol):
    """Adapter versions, and which of them is served (actors/registry.py)."""

    async def import_file(
        self, *, character_id: CharacterId, content: bytes, activate: bool = True
    ) -> AdapterVersion: ...

    async def promote(
        self, *, character_id: CharacterId, version: int, force: bool = False
    ) -> AdapterSwitch: ...

    async def rollback(
        self, *, character_id: CharacterId, version: int | None = None
    ) -> AdapterSwitch: ...

    async def clear(self, *, character_id: CharacterId) -> AdapterSwitch: ...

    async def delete(self, *, character_id: CharacterId, version: int) -> AdapterSwitch: ...

    async def join(self, *, replica_id: str) -> NewsPosition: ...

    async def expect(self, *, character_id: CharacterId, version: int | None) -> None: ...

    async def wait_newer(
        self, *, position: NewsPosition, timeout_s: float, replica_id: str | None = None
    ) -> RegistryNews: ...

    async def staged(
        self, *, replica_id: str, adapter_id: AdapterId, ok: bool, problem: str | None = None
    ) -> None: ...


class LearnerHandle(ActorHandle, Protocol):
    """Training sets, and when they are trained on (actors/learner.py)."""

    async def collect(
        self,
        *,
        job_id: str,
        character_id: CharacterId,
        sha256: str,
        idr: float | None,
        state: SceneState,
        caption: str,
    ) -> GoldenImage: ...

    async def status(self, *, character_id: CharacterId) -> DatasetStatus: ...

    async def train_now(self, *, character_id: CharacterId) -> TrainingRun: ...

    async def pause(self, *, character_id: CharacterId, paused: bool) -> None: ...


class Deployments(NamedTuple):
    """The deployments that a job passes through."""

    prompt_engine: PromptEngineHandle
    generator: GeneratorHandle
    validator: ValidatorHandle
    refiner: RefinerHandle
    analyzer: AnalyzerHandle


class Actors(NamedTuple):
    """The stateful actors of one cluster."""

    memory: MemoryStoreHandle
    registry: LoraRegistryHandle
    learner: LearnerHandle
