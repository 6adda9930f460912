"""Outcomes of the durable steps: what DBOS keeps of each, and what the job's reader is told.

Fields are stored as JSON and read back when a job is resumed, by newer code too: a new one has a
default, and none is renamed (`tests/unit/test_checkpoints.py`).
"""

from typing import Any, ClassVar, NamedTuple

from pydantic import field_validator

from cluster.domain.character import Character
from cluster.domain.identity.score import Domain, IdentityReport
from cluster.domain.learning.adapter import AdapterVersion
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities
from cluster.domain.story.episode import Episode
from cluster.domain.story.job import STEP_NAMES, Repair
from cluster.domain.story.scene import SceneRequest, SceneState
from cluster.domain.story.state import StoryState
from cluster.domain.story.world import WorldState
from cluster.domain.value import Value

from .durable_steps import Outcome


class StoryContext(Outcome):
    """Step 3: who the character is, what its story has made of it, what it reminds of.

    `told` is null in a job that was begun before stories had a typed state.
    """

    step: ClassVar[STEP_NAMES] = "context"
    character: Character
    world: WorldState
    told: StoryState | None = None
    memories: tuple[str, ...] = ()

    def detail(self) -> dict[str, Any]:
        return {"after_scene": self.world.scene, "memories": len(self.memories)}


class ResolvedAdapter(Outcome):
    """Step 4: the adapter this job keeps to its end, and what the generator can do."""

    step: ClassVar[STEP_NAMES] = "adapter"
    adapter: AdapterVersion | None
    capabilities: Capabilities

    @field_validator("capabilities", mode="before")
    @classmethod
    def _known(cls, stored: object) -> object:
        """Of a job that was begun by older code: without what a generator is no longer asked."""
        if not isinstance(stored, dict):
            return stored
        return {name: value for name, value in stored.items() if name in Capabilities.model_fields}

    def detail(self) -> dict[str, Any]:
        adapter = self.adapter.id if self.adapter else None
        return {"adapter": adapter, "model": self.capabilities.model}


class Planned(Outcome):
    """Step 5: the guarded prompt."""

    step: ClassVar[STEP_NAMES] = "prompt"
    plan: Plan

    def detail(self) -> dict[str, Any]:
        shown = {"prompt", "contradictions", "added_by_guard", "left_out"}
        return self.plan.model_dump(mode="json", include=shown)


class Rendered(Outcome):
    """Step 6: an image, by its digest among the blobs."""

    step: ClassVar[STEP_NAMES] = "render"
    artifact: str
    seed: int
    model: str


class Judged(Outcome):
    """Step 7: how much of the character is in the image."""

    step: ClassVar[STEP_NAMES] = "validate"
    report: IdentityReport

    def detail(self) -> dict[str, Any]:
        return self.report.model_dump(mode="json", include={"idr", "verdict"})


class Repaired(Outcome):
    """Step 9: the image after one repair, or the same one when the repair made it no better."""

    step: ClassVar[STEP_NAMES] = "repair"
    artifact: str
    report: IdentityReport
    repair: Repair

    def detail(self) -> dict[str, Any]:
        told = self.repair.model_dump(include={"idr_before", "kept", "artifact"})
        return {**told, "idr": self.repair.idr_after}


class Analyzed(Outcome):
    """Step 10, first half: what the image shows."""

    step: ClassVar[STEP_NAMES] = "analyze"
    state: SceneState

    def detail(self) -> dict[str, Any]:
        return self.state.model_dump(mode="json", exclude_none=True, exclude={"confidence"})


class Remembered(Outcome):
    """Step 10, second half: the episode, and the world as it is after it."""

    step: ClassVar[STEP_NAMES] = "remember"
    episode: Episode
    world: WorldState

    def detail(self) -> dict[str, Any]:
        return {"scene": self.episode.scene}


class Collected(Outcome):
    """Step 11: whether the image joined the training set, and why or why not."""

    step: ClassVar[STEP_NAMES] = "collect"
    golden: bool
    reason: str


class SceneTake(Value):
    """One render of a scene, and what repairs have made of it; `artifact` is its best state."""

    raw: Rendered
    raw_report: IdentityReport
    artifact: str
    report: IdentityReport
    repairs: tuple[Repair, ...] = ()

    @classmethod
    def of(cls, rendered: Rendered, judged: Judged) -> "SceneTake":
        report = judged.report
        return cls(raw=rendered, raw_report=report, artifact=rendered.artifact, report=report)

    def repaired(self, by: Repaired) -> "SceneTake":
        """The take after a repair; unchanged when the repair made it no better."""
        better = {"artifact": by.artifact, "report": by.report} if by.repair.kept else {}
        return self.model_copy(update={**better, "repairs": (*self.repairs, by.repair)})

    @property
    def passed(self) -> bool:
        return self.report.verdict == "pass"

    def rank(self) -> tuple[bool, float]:
        """What makes one take better than another."""
        return self.passed, self.report.idr or 0.0


class RenderContext(NamedTuple):
    """What a job knows from step 5 on."""

    job_id: str
    request: SceneRequest
    story: StoryContext
    resolved: ResolvedAdapter
    plan: Plan

    @property
    def character(self) -> Character:
        return self.story.character

    @property
    def adapter(self) -> AdapterVersion | None:
        return self.resolved.adapter

    @property
    def domain(self) -> Domain:
        """What kind of picture the job paints, for whatever is measured on kinds of pictures.

        Studio pictures are those that a studio model paints of a studio character. The model alone
        does not decide: of a person in photographs even the embedded one, with an adapter learned
        from them, paints what nothing was measured on. Nor does the character: any other model
        paints Kairo as it paints everybody. Where the two differ nothing was measured, so the
        picture counts as a photograph, of which nothing is claimed.
        """
        both = {self.character.domain, self.resolved.capabilities.domain}
        return "studio" if both == {"studio"} else "photo"
