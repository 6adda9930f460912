"""When a character is trained, what becomes of a run, and that nothing is lost or done twice.

The store, the registry and the stages are real; what would train and paint is a `Lesson`.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.registry import LoraRegistry
from actors.training_queue import TrainingQueue
from cluster.domain.character import Character, CharacterId
from cluster.domain.consent import Consent
from cluster.domain.learning.golden import GoldenImage, Snapshot
from cluster.domain.learning.runs import OVER, TrainingRun, images_wanted
from cluster.domain.story.scene import SceneState
from cluster.errors import Conflict, ConsentMissing, NotFound
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings, LearnerSettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.manual_clock import ManualClock
from tests.thread_runs import STEPS, Lesson, ThreadLauncher
from tests.tiny_adapters import lora
from training.data.dataset import Manifest
from training.lora.checkpoints import runs_url

KAIRO, MIRA = CharacterId("kairo"), CharacterId("mira")
RULES = LearnerSettings(settle_s=0.0, attempts=3)
DAY_S = 86_400.0
LATER_S = 3600.0
"""Longer than any wait for another attempt."""


@pytest.fixture
def settings(settings: Settings, tiny: BaseFolder) -> Settings:
    generator = GeneratorSettings(model=str(tiny.folder))
    return settings.model_copy(update={"generator": generator, "learner": RULES})


@pytest.fixture
def store(store: Store) -> Store:
    for who in (KAIRO, MIRA):
        store.characters.add(Character(id=who, name=who, references=("r" * 64,)))
        manifest = Manifest(
            character_id=who,
            trigger="moqik",
            looks="",
            consent=Consent(),
            resolution_px=128,
            samples=(),
            dropped=(),
        )
        digest = store.blobs.put(manifest.model_dump_json().encode())
        store.golden.set_snapshot(
            Snapshot(character_id=who, manifest=digest, inputs="i", samples=31, dropped=0)
        )
    return store


@pytest.fixture
def lesson(store: Store, tiny: BaseFolder) -> Lesson:
    return Lesson(store.blobs.put(lora(tiny, rank=2)), tiny.id)


@pytest.fixture
def registry(settings: Settings, store: Store) -> LoraRegistry:
    return started(LoraRegistry(settings))


Open = Callable[..., TrainingQueue]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(
    settings: Settings, store: Store, registry: LoraRegistry, lesson: Lesson, clock: ManualClock
) -> Iterator[Open]:
    queues: list[TrainingQueue] = []

    def start(rules: LearnerSettings = RULES) -> TrainingQueue:
        launcher = ThreadLauncher(settings, registry, lesson, clock)
        queues.append(started(TrainingQueue(rules, store, launcher, clock)))
        clock.rest(threads=1)
        return queues[-1]

    yield start
    lesson.may_go_on.set()
    for queue in queues:
        queue.close()


@pytest.fixture
def queue(opened: Open) -> TrainingQueue:
    return opened()


def feed(store: Store, count: int, who: CharacterId = KAIRO, *, accepted: bool = True) -> None:
    """Add golden images; a character has one reference besides."""
    known = len(store.golden.list(who))
    for number in range(known, known + count):
        store.golden.add(
            GoldenImage(
                character_id=who,
                job_id=f"{who}-{number}",
                sha256=f"{number:064}",
                idr=0.9,
                state=SceneState(),
                caption="",
                phash="0",
                accepted=accepted,
                reason="" if accepted else "idr: low",
            )
        )


Until = Callable[..., TrainingRun]


@pytest.fixture
def until(store: Store, clock: ManualClock) -> Until:
    """Turns the clock until a character's newest run is as wanted; the run."""

    def turn(wanted: Callable[[TrainingRun], bool], who: CharacterId = KAIRO) -> TrainingRun:
        deadline = time.monotonic() + 300
        while True:
            runs = store.training.list(who)
            if runs and wanted(runs[0]):
                return runs[0]
            assert time.monotonic() < deadline, runs
            clock.turn(LATER_S)
            time.sleep(0.001)  # the run itself takes no time of the clock's

    return turn


def is_over(run: TrainingRun) -> bool:
    return run.status in OVER


def kept(settings: Settings) -> list[str]:
    """The runs that have checkpoints to go on from."""
    folder = Path(runs_url(settings))
    return [one.name for one in folder.iterdir()] if folder.exists() else []


Settle = Callable[[], list[TrainingRun]]


@pytest.fixture
def settle(store: Store, clock: ManualClock) -> Settle:
    """Lets the queue look three times; Kairo's runs then."""

    def turn() -> list[TrainingRun]:
        for _ in range(3):
            clock.turn(LATER_S)
        return store.training.list(KAIRO)

    return turn


def test_the_thirty_first_image_begins_a_training(
    queue: TrainingQueue, store: Store, until: Until, settle: Settle
) -> None:
    feed(store, 29)
    feed(store, 5, accepted=False)
    queue.consider(KAIRO)
    assert settle() == []
    feed(store, 1)
    queue.consider(KAIRO)
    run = until(is_over)
    assert (run.status, run.images, run.asked) == ("promoted", 31, False)


def test_a_promoted_adapter_is_the_one_that_is_served(
    queue: TrainingQueue, store: Store, registry: LoraRegistry, lesson: Lesson, until: Until
) -> None:
    feed(store, 30)
    queue.consider(KAIRO)
    run = until(is_over)
    active = registry.active(KAIRO)
    assert active is not None
    assert (active.version, active.origin, active.sha256) == (1, "training", lesson.file)
    assert active.training is not None
    assert active.training.run_id == run.id
    assert active.verdict == run.verdict
    assert lesson.judged == [("char_kairo_v1", None)]


def test_a_refused_adapter_is_kept_and_not_served(
    queue: TrainingQueue, store: Store, registry: LoraRegistry, lesson: Lesson, until: Until
) -> None:
    lesson.idr = 0.3
    feed(store, 30)
    queue.consider(KAIRO)
    run = until(is_over)
    assert run.status == "refused"
    assert registry.active(KAIRO) is None
    assert registry.get(KAIRO, 1).refused == "idr: not surely better"


def test_after_a_refusal_ever_more_new_images_are_needed(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until, settle: Settle
) -> None:
    lesson.idr = 0.3
    feed(store, 30)
    queue.consider(KAIRO)
    until(is_over)
    for new, runs in ((9, 1), (1, 2), (19, 2), (1, 3)):
        feed(store, new)
        queue.consider(KAIRO)
        if len(store.training.list(KAIRO)) != runs:
            until(lambda run: run.images == 1 + len(store.golden.list(KAIRO)))
        until(is_over)
        assert len(settle()) == runs


def test_the_next_training_is_against_the_champion(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until
) -> None:
    feed(store, 30)
    queue.consider(KAIRO)
    until(is_over)
    queue.run_now(KAIRO)
    until(lambda run: is_over(run) and run.asked)
    assert lesson.judged == [("char_kairo_v1", None), ("char_kairo_v2", "char_kairo_v1")]


def test_what_is_left_alone_is_trained_and_what_is_not_waits(
    opened: Open, store: Store, clock: ManualClock, until: Until
) -> None:
    queue = opened(RULES.model_copy(update={"settle_s": 10.0}))
    feed(store, 30)
    for _ in range(4):
        queue.consider(KAIRO)
        for _ in range(9):
            clock.turn(1.0)
            assert store.training.list(KAIRO) == []
    clock.turn(1.0)
    assert len(store.training.list(KAIRO)) == 1
    until(is_over)


def test_characters_are_trained_one_after_another(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until
) -> None:
    for who in (KAIRO, MIRA):
        feed(store, 30, who)
        queue.consider(who)
    for who in (KAIRO, MIRA):
        until(is_over, who)
    assert lesson.most_at_once == 1
    assert {order.character_id for order in lesson.fitted} == {KAIRO, MIRA}


def test_a_character_has_one_run_at_a_time(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until
) -> None:
    lesson.may_go_on.clear()
    first = queue.run_now(KAIRO)
    assert queue.run_now(KAIRO).id == first.id
    lesson.may_go_on.set()
    until(is_over)
    assert len(store.training.list(KAIRO)) == 1


def test_steps_loss_and_verdict_are_logged_in_order(
    queue: TrainingQueue, store: Store, until: Until
) -> None:
    queue.run_now(KAIRO)
    until(is_over)
    log = store.training.events(KAIRO)
    told = [one.data.get("status") or one.data.get("step") or one.kind for one in log]
    assert told == ["queued", "training", *range(1, STEPS + 1), "judging", "judging", "promoted"]
    assert [one.seq for one in log] == sorted({one.seq for one in log})
    assert store.training.events(KAIRO, after_seq=log[-2].seq) == log[-1:]


def test_a_failure_is_tried_again_from_where_it_was(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until
) -> None:
    lesson.fails = 2
    queue.run_now(KAIRO)
    run = until(is_over)
    assert (run.status, run.attempts, run.problem) == ("promoted", 2, None)
    assert len({order.run_id for order in lesson.fitted}) == 1
    assert len({order.manifest for order in lesson.fitted}) == 1


def test_a_run_that_keeps_failing_is_given_up_with_its_reason(
    queue: TrainingQueue, store: Store, lesson: Lesson, until: Until
) -> None:
    lesson.fails = 99
    queue.run_now(KAIRO)
    run = until(is_over)
    assert (run.status, len(lesson.fitted)) == ("failed", RULES.attempts)
    assert run.problem is not None
    assert "out of memory" in run.problem.message


def test_a_new_queue_goes_on_with_what_a_killed_one_left(
    opened: Open,
    store: Store,
    lesson: Lesson,
    settings: Settings,
    registry: LoraRegistry,
    until: Until,
) -> None:
    lesson.may_go_on.clear()
    killed = opened()
    begun = killed.run_now(KAIRO)
    until(lambda run: run.progress is not None)
    killed.close()
    lesson.may_go_on.set()
    opened()
    run = until(is_over)
    assert (run.id, run.status) == (begun.id, "promoted")
    assert {order.run_id for order in lesson.fitted} == {begun.id}


def test_a_stage_that_is_done_is_not_done_again(
    settings: Settings, store: Store, registry: LoraRegistry, lesson: Lesson, until: Until
) -> None:
    run = store.training.add(TrainingRun(id="r1", character_id=KAIRO, images=31))
    threads = ThreadLauncher(settings, registry, lesson)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    judge, lesson.judge = lesson.judge, cut_off  # type: ignore[method-assign,assignment]
    work = threads.begin(run.id)
    with pytest.raises(KeyboardInterrupt):
        until(lambda _: work.is_done())
    lesson.judge = judge  # type: ignore[method-assign]
    again = threads.begin(run.id)
    until(lambda _: again.is_done())
    assert store.training.get("r1").status == "promoted"
    assert len(lesson.fitted) == 1


def test_a_paused_character_is_not_trained_until_resumed(
    queue: TrainingQueue, store: Store, until: Until, settle: Settle
) -> None:
    store.training.pause(KAIRO, True)
    feed(store, 30)
    queue.consider(KAIRO)
    assert settle() == []
    with pytest.raises(Conflict, match="paused"):
        queue.run_now(KAIRO)
    store.training.pause(KAIRO, False)
    queue.consider(KAIRO)
    until(is_over)


def test_a_run_in_flight_that_is_paused_goes_on_when_resumed(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    settings: Settings,
    until: Until,
    settle: Settle,
) -> None:
    lesson.may_go_on.clear()
    queue.run_now(KAIRO)
    run = until(lambda run: run.progress is not None)
    store.training.pause(KAIRO, True)
    settle()
    assert kept(settings) == [run.id]
    feed(store, 30, MIRA)
    queue.consider(MIRA)  # the place is free for others
    until(lambda run: run.status == "training", MIRA)
    assert not is_over(store.training.list(KAIRO)[0])
    lesson.may_go_on.set()
    until(is_over, MIRA)
    store.training.pause(KAIRO, False)
    assert until(is_over).status == "promoted"


def test_without_consent_nothing_is_trained(
    queue: TrainingQueue, store: Store, settle: Settle
) -> None:
    revoke(store)
    feed(store, 30)
    queue.consider(KAIRO)
    assert settle() == []
    with pytest.raises(ConsentMissing, match="revoked"):
        queue.run_now(KAIRO)


def test_consent_that_is_revoked_ends_the_run(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    registry: LoraRegistry,
    settings: Settings,
    until: Until,
    settle: Settle,
) -> None:
    lesson.may_go_on.clear()
    queue.run_now(KAIRO)
    until(lambda run: run.progress is not None)
    revoke(store)
    run = until(is_over)
    assert run.status == "cancelled"
    assert run.problem is not None
    assert run.problem.code == "consent_missing"
    lesson.may_go_on.set()
    settle()
    assert registry.list(KAIRO) == []
    assert not store.training.list(KAIRO)[0].verdict
    assert len(lesson.judged) <= 1
    assert kept(settings) == []


def test_consent_that_ends_while_a_run_trains_ends_the_run(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    registry: LoraRegistry,
    clock: ManualClock,
    until: Until,
) -> None:
    kairo = store.characters.get(KAIRO)
    ends = Consent(until=clock.now().date())
    store.characters.replace(kairo.model_copy(update={"consent": ends}))
    lesson.may_go_on.clear()
    queue.run_now(KAIRO)
    until(lambda run: run.progress is not None)
    clock.turn(DAY_S)
    lesson.may_go_on.set()
    run = until(is_over)
    assert run.problem is not None
    assert run.problem.code == "consent_missing"
    assert registry.list(KAIRO) == []


def test_a_deleted_character_takes_its_runs_along(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    settings: Settings,
    until: Until,
    settle: Settle,
) -> None:
    lesson.may_go_on.clear()
    queue.run_now(KAIRO)
    until(lambda run: run.progress is not None)
    store.characters.delete(KAIRO)
    lesson.may_go_on.set()
    assert settle() == []
    assert kept(settings) == []
    feed(store, 30, MIRA)
    queue.consider(MIRA)
    until(is_over, MIRA)
    with pytest.raises(NotFound):
        queue.run_now(KAIRO)


@pytest.mark.parametrize(("idr", "status"), [(0.9, "promoted"), (0.3, "refused")])
def test_checkpoints_live_until_the_gate_has_decided(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    settings: Settings,
    idr: float,
    status: str,
    until: Until,
) -> None:
    lesson.idr = idr
    lesson.may_go_on.clear()
    queue.run_now(KAIRO)
    run = until(lambda run: run.progress is not None)
    assert kept(settings) == [run.id]
    lesson.may_go_on.set()
    assert until(is_over).status == status
    assert kept(settings) == []


def test_a_run_that_is_given_up_leaves_no_checkpoints(
    queue: TrainingQueue,
    store: Store,
    lesson: Lesson,
    settings: Settings,
    until: Until,
    settle: Settle,
) -> None:
    lesson.fails = RULES.attempts
    queue.run_now(KAIRO)
    assert until(is_over).status == "failed"
    settle()
    assert kept(settings) == []


def test_automatic_training_can_be_turned_off(
    opened: Open, store: Store, settle: Settle, until: Until
) -> None:
    queue = opened(RULES.model_copy(update={"automatic": False}))
    feed(store, 40)
    queue.consider(KAIRO)
    assert settle() == []
    queue.run_now(KAIRO)
    until(is_over)


def ended(status: str, images: int) -> TrainingRun:
    return TrainingRun.model_validate(
        {"id": str(images), "character_id": KAIRO, "status": status, "images": images}
    )


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        ([], 31),
        ([ended("cancelled", 31)], 31),
        ([ended("promoted", 31)], 41),
        ([ended("refused", 31)], 41),
        ([ended("refused", 41), ended("refused", 31)], 61),
        ([ended("failed", 61), ended("refused", 41), ended("refused", 31)], 101),
        ([ended("promoted", 61), ended("refused", 41), ended("refused", 31)], 71),
        ([ended("refused", 500)] * 40, 500 + 10 * 64),
    ],
)
def test_how_many_images_the_next_training_wants(runs: list[TrainingRun], wanted: int) -> None:
    assert images_wanted(runs, LearnerSettings()) == wanted


def revoke(store: Store) -> None:
    kairo = store.characters.get(KAIRO)
    store.characters.replace(kairo.model_copy(update={"consent": Consent(revoked=True)}))
