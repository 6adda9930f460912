import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from cluster.clock import Clock
from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.score import Domain, IdentityReport, IdentityVerdict
from cluster.domain.learning.golden import GoldenImage
from cluster.domain.prompting.plan import Plan
from cluster.domain.render import Capabilities
from cluster.domain.story.episode import Episode
from cluster.domain.story.job import JobId, Repair
from cluster.domain.story.reading import Change, Evidence, SceneReading, Understanding
from cluster.domain.story.scene import SceneRequest, SceneState, StoryId
from cluster.domain.story.state import StoryState
from cluster.domain.story.world import WorldState
from cluster.errors import (
    CineError,
    Conflict,
    NotFound,
    ProviderError,
    Unavailable,
    Unsupported,
)
from cluster.handles import Actors, Deployments
from cluster.store import Store
from serve.workflow.outcomes import (
    Collected,
    Judged,
    RenderContext,
    Rendered,
    Repaired,
    ResolvedAdapter,
    SceneTake,
    StoryContext,
)
from serve.workflow.steps import MEMORY_WAIT_S, Steps, take_seed
from tests.manual_clock import ManualClock
from tests.values import KAIRO, adapter, episode, job


def request(seed: int | None = None) -> SceneRequest:
    return SceneRequest(
        character_id=CharacterId("ada"), prompt="stands", story_id=StoryId("ada"), seed=seed
    )


def take(idr: float | None, verdict: IdentityVerdict) -> SceneTake:
    report = IdentityReport(idr=idr, verdict=verdict)
    return SceneTake.of(Rendered(artifact="a", seed=1, model="m"), Judged(report=report))


def repaired(idr: float, *, kept: bool) -> Repaired:
    repair = Repair(attempt=1, idr_before=0.5, idr_after=idr, kept=kept, strength=0.5)
    return Repaired(artifact="b", report=IdentityReport(idr=idr, verdict="fail"), repair=repair)


def test_the_first_picture_has_the_seed_that_was_asked_for() -> None:
    assert take_seed("job", request(5), 1) == 5


def test_without_a_seed_a_job_finds_its_own_again() -> None:
    assert take_seed("job", request(), 1) == take_seed("job", request(), 1)
    assert take_seed("job", request(), 1) != take_seed("other", request(), 1)


def test_a_further_picture_has_another_seed_that_follows_from_the_first() -> None:
    assert take_seed("job", request(5), 2) == take_seed("other", request(5), 2) != 5


@pytest.mark.parametrize("take", range(1, 50))
def test_a_seed_fits_every_generator(take: int) -> None:
    assert 0 <= take_seed("job", request(), take) < 2**31


def test_a_repair_that_helped_gives_the_new_take() -> None:
    after = take(0.5, "fail").repaired(repaired(0.7, kept=True))

    assert (after.artifact, after.report.idr) == ("b", 0.7)
    assert (after.raw.artifact, after.raw_report.idr) == ("a", 0.5)


def test_a_repair_that_did_not_help_is_told_of_and_leaves_the_take() -> None:
    after = take(0.5, "fail").repaired(repaired(0.4, kept=False))

    assert (after.artifact, after.report.idr) == ("a", 0.5)
    assert [repair.idr_after for repair in after.repairs] == [0.4]


def test_a_picture_that_passes_beats_a_higher_score_that_does_not() -> None:
    pictures = [take(None, "no_face"), take(0.74, "fail"), take(0.76, "pass")]

    assert max(pictures, key=SceneTake.rank).report.idr == 0.76
    assert max(pictures[:2], key=SceneTake.rank).report.idr == 0.74


class Painter:
    """Only says what it can do."""

    def __init__(self, *, lora: bool) -> None:
        self._lora = lora

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            model="painter",
            lora=self._lora,
            references=False,
            inpaint=False,
            width_px=64,
            height_px=64,
            token_budget=77,
        )


class Unwilling:
    """A Learner that takes nothing."""

    def __init__(self, error: CineError) -> None:
        self._error = error

    async def collect(self, **_: object) -> GoldenImage:
        raise self._error


def steps_with(store: Store, generator: object = None, learner: object = None) -> Steps:
    """Steps of which a test takes only those that need these parts."""
    parts = cast(Deployments, SimpleNamespace(generator=generator))
    return Steps(store, parts, cast(Actors, SimpleNamespace(memory=None, learner=learner)))


@pytest.fixture
def store(store: Store) -> Store:
    """Kairo with versions 1 and 2, of which 1 is served, and an unplanned job."""
    store.characters.add(KAIRO)
    for version in (1, 2):
        store.adapters.add(adapter(version))
    store.jobs.add(job("j"))
    store.switches.stage(KAIRO.id, 1)
    store.switches.promote(KAIRO.id, 1)
    return store


async def fitted(store: Store, *, lora: bool = True, wanted: int | None = None) -> int:
    steps = steps_with(store, generator=Painter(lora=lora))
    scene = request().model_copy(update={"adapter_version": wanted})
    resolved = await steps.resolve_adapter("j", scene)
    return resolved.adapter.version if resolved.adapter else 0


async def test_a_job_is_planned_with_the_active_version_and_keeps_it(store: Store) -> None:
    assert await fitted(store) == 1
    store.switches.stage(KAIRO.id, 2)
    store.switches.promote(KAIRO.id, 2)
    assert await fitted(store) == 1
    assert store.jobs.get(JobId("j")).adapter_version == 1


async def test_a_job_may_name_its_version(store: Store) -> None:
    assert await fitted(store, wanted=2) == 2


async def test_a_job_that_wants_no_adapter_gets_none(store: Store) -> None:
    assert await fitted(store, wanted=0) == 0
    assert store.jobs.get(JobId("j")).adapter_version == 0


async def test_where_no_adapter_can_be_loaded_none_is_used_and_none_can_be_named(
    store: Store,
) -> None:
    with pytest.raises(Unsupported, match="adapter_version 2"):
        await fitted(store, lora=False, wanted=2)
    assert await fitted(store, lora=False) == 0


async def test_a_version_that_is_gone_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="char_kairo_v7"):
        await fitted(store, wanted=7)


class Memory:
    """A MemoryStore whose searches are a test's affair."""

    def __init__(self, answer: Callable[[], Awaitable[list[tuple[Episode, float]]]]) -> None:
        self._answer = answer

    async def recall(self, character_id: CharacterId, story_id: StoryId) -> WorldState:
        return WorldState(character_id=character_id, story_id=story_id, scene=3)

    async def story_state(self, **_: object) -> StoryState:
        return StoryState(scene=3)

    async def search(self, *, wait_s: float, **_: object) -> list[tuple[Episode, float]]:
        assert wait_s == 0
        return await self._answer()


async def recalled(
    store: Store, answer: Callable[[], Awaitable[list[tuple[Episode, float]]]], clock: Clock
) -> StoryContext:
    actors = cast(Actors, SimpleNamespace(memory=Memory(answer), learner=None))
    steps = Steps(store, cast(Deployments, SimpleNamespace()), actors, clock)
    return await steps.recall_story(request().model_copy(update={"character_id": KAIRO.id}))


async def test_a_scene_is_reminded_of_others_like_it(store: Store) -> None:
    async def answer() -> list[tuple[Episode, float]]:
        return [(episode("a", prompt="Kairo runs"), 0.9), (episode("b", prompt="he rests"), 0.8)]

    story = await recalled(store, answer, ManualClock())

    assert (story.memories, story.world.scene) == (("Kairo runs", "he rests"), 3)


@pytest.mark.parametrize(
    "error", [Unsupported("off"), Unavailable("opening"), ProviderError("Milvus is away")]
)
async def test_a_search_that_cannot_answer_costs_a_scene_nothing(
    store: Store, error: CineError
) -> None:
    async def answer() -> list[tuple[Episode, float]]:
        raise error

    story = await recalled(store, answer, ManualClock())

    assert (story.memories, story.world.scene) == ((), 3)


async def test_a_search_that_hangs_is_not_waited_for(store: Store) -> None:
    clock, given_up = ManualClock(), asyncio.Event()

    async def answer() -> list[tuple[Episode, float]]:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    context = asyncio.create_task(recalled(store, answer, clock))
    await clock.turned_until(context.done, MEMORY_WAIT_S)

    assert (await context).memories == ()
    await given_up.wait()


async def context_of(character: Character, model: Domain) -> RenderContext:
    """A job of a character, painted by a model whose pictures are of that kind."""
    world = WorldState(character_id=character.id, story_id=StoryId("kairo"))
    able = await Painter(lora=True).capabilities()
    return RenderContext(
        "j",
        request(),
        StoryContext(character=character, world=world),
        ResolvedAdapter(adapter=None, capabilities=able.model_copy(update={"domain": model})),
        Plan(prompt="p", negative_prompt="", identity_prompt="p", scene=SceneState()),
    )


async def collected(store: Store, error: CineError) -> Collected:
    steps = steps_with(store, learner=Unwilling(error))
    context = await context_of(KAIRO, "photo")
    return await steps.collect(context, take(0.9, "pass"), SceneState())


@pytest.mark.parametrize(
    ("character", "model", "picture"),
    [
        ("studio", "studio", "studio"),
        ("studio", "photo", "photo"),
        ("photo", "studio", "photo"),
        ("photo", "photo", "photo"),
    ],
)
async def test_a_studio_picture_is_a_studio_character_by_a_studio_model(
    character: Domain, model: Domain, picture: Domain
) -> None:
    who = KAIRO.model_copy(update={"domain": character})

    assert (await context_of(who, model)).domain == picture


async def test_an_image_that_cannot_be_collected_is_none_the_worse_a_scene(store: Store) -> None:
    refused = await collected(store, Conflict("there is another like it"))

    assert refused == Collected(golden=False, reason="there is another like it")


async def test_a_learner_that_is_being_replaced_is_asked_again(store: Store) -> None:
    with pytest.raises(Unavailable):
        await collected(store, Unavailable("the Learner was lost"))


class Listening:
    """A memory, a prompt engine and a validator: keeps what it is told, has one story."""

    def __init__(self) -> None:
        self.told = StoryState(scene=4)
        self.heard: dict[str, object] = {}

    async def recall(self, **asked: object) -> WorldState:
        return WorldState(character_id=KAIRO.id, story_id=StoryId("kairo"), scene=4)

    async def story_state(self, **asked: object) -> StoryState:
        self.heard["story_state"] = asked
        return self.told

    async def search(self, **asked: object) -> list[object]:
        return []

    async def plan(self, **asked: object) -> Plan:
        self.heard["plan"] = asked
        return PLAN

    async def embed(self, **asked: object) -> None:
        return None

    async def remember(self, *, episode: Episode, face: object) -> Episode:
        self.heard["remember"] = episode
        return episode


HELD = Change(
    subject=KAIRO.id,
    op="hold",
    slot="props",
    noun="lantern",
    evidence=Evidence(start=0, end=21, quote="Kairo holds a lantern"),
)
PLAN = Plan(
    prompt="p",
    negative_prompt="",
    identity_prompt="p",
    scene=SceneState(),
    reading=SceneReading(
        changes=(HELD,), understood=Understanding(language="en", sure=1.0, read=True)
    ),
)


def listening_steps(store: Store, part: Listening) -> Steps:
    parts = cast(Deployments, SimpleNamespace(prompt_engine=part, validator=part))
    return Steps(store, parts, cast(Actors, SimpleNamespace(memory=part, learner=None)))


async def test_a_story_is_recalled_with_what_its_requests_said(store: Store) -> None:
    part = Listening()
    story = await listening_steps(store, part).recall_story(job().request)

    assert story.told == part.told
    assert part.heard["story_state"] == {
        "character_id": "kairo",
        "story_id": "kairo",
        "at": None,
    }


@pytest.mark.parametrize("told", [StoryState(scene=2), None])
async def test_a_plan_is_made_in_the_storys_state_also_of_a_job_that_older_code_began(
    store: Store, told: StoryState | None
) -> None:
    part = Listening()
    world = await part.recall()
    story = StoryContext(character=KAIRO, world=world, told=told)
    able = await Painter(lora=True).capabilities()
    resolved = ResolvedAdapter(adapter=None, capabilities=able)
    planned = await listening_steps(store, part).plan(job().request, story, resolved)

    assert planned.plan == PLAN
    asked = cast(dict[str, object], part.heard["plan"])
    assert asked["story"] == (told or part.told)


async def test_an_episode_keeps_what_its_request_was_read_to_say(store: Store) -> None:
    part = Listening()
    artifact = store.blobs.put(to_png(np.zeros((8, 8, 3), np.uint8)))
    able = await Painter(lora=True).capabilities()
    context = RenderContext(
        "j",
        job().request,
        StoryContext(character=KAIRO, world=await part.recall()),
        ResolvedAdapter(adapter=None, capabilities=able),
        PLAN,
    )
    shown = take(0.9, "pass").model_copy(update={"artifact": artifact})
    remembered = await listening_steps(store, part).remember(context, shown, SceneState())

    assert remembered.episode.changes == (HELD,)
    assert remembered.episode.scene == 5
