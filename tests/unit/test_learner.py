"""The learner over a real SQLite store, without Ray; faces are drawn discs (see test_dataset)."""

import threading
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from actors.learner import Learner
from cluster.codecs.images import to_png
from cluster.domain.character import Character, CharacterId
from cluster.domain.identity.face import Face
from cluster.domain.learning.golden import DatasetStatus
from cluster.domain.story.scene import SceneState
from cluster.errors import BadImage, NotFound, ProviderMissing
from cluster.ports import FaceEncoder, Pixels
from cluster.settings import LearnerSettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.manual_clock import ManualClock
from training.data import dataset

KAIRO = CharacterId("kairo")
SKIN = (222, 180, 150)


class Discs:
    """Every disc of skin is a face."""

    model = "discs"

    def faces(self, pixels: Pixels) -> tuple[Face, ...]:
        skin = (np.abs(pixels.astype(int) - SKIN).max(2) < 12).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(skin)
        return tuple(self._face(*map(int, box[:4])) for box in stats[1:] if box[2] > 8)

    def _face(self, x: int, y: int, wide: int, high: int) -> Face:
        eyes = [[x, y], [x + wide, y]]
        return Face(
            box=(x, y, x + wide, y + high),
            landmarks=np.array([*eyes, [x, y], *eyes], np.float32),
            score=1.0,
            embedding=np.eye(4, dtype=np.float32)[0],
        )


def person(seed: int) -> Pixels:
    canvas = np.random.default_rng(seed).integers(60, 200, (9, 9, 3), np.uint8)
    canvas = np.asarray(cv2.resize(canvas, (256, 256)), np.uint8)
    cv2.circle(canvas, (128, 110), 50, SKIN, -1)
    for x in (108, 148):
        cv2.circle(canvas, (x, 110), 8, (10, 10, 10), -1)
    return canvas


@pytest.fixture
def settings(settings: Settings) -> Settings:
    quick = LearnerSettings(debounce_s=5.0, retry_s=60.0)
    return settings.model_copy(update={"learner": quick})


@pytest.fixture
def store(store: Store) -> Store:
    reference = store.blobs.put(to_png(person(0)))
    store.characters.add(Character(id=KAIRO, name="Kairo", references=(reference,)))
    return store


Hire = Callable[..., Learner]


@pytest.fixture
def hire(settings: Settings, store: Store) -> Iterator[Hire]:
    hired: list[Learner] = []

    def start(faces: Callable[[], FaceEncoder] = Discs) -> Learner:
        hired.append(started(Learner(settings, faces, clock=ManualClock())))
        return hired[-1]

    yield start
    for learner in hired:
        learner.close()


def turned(learner: Learner, seconds: float) -> DatasetStatus:
    """How the set stands once that time has passed and what was due is done."""
    clock = learner._clock
    assert isinstance(clock, ManualClock)
    clock.rest(threads=2)  # the set builder's and the training queue's
    clock.turn(seconds)
    return learner.status(KAIRO)


def settled(learner: Learner, wanted: Callable[[DatasetStatus], bool]) -> DatasetStatus:
    for _ in range(100):
        if wanted(status := turned(learner, 10.0)):
            return status
    raise AssertionError(status)


def collect(learner: Learner, store: Store, number: int, idr: float | None = 0.9):  # type: ignore[no-untyped-def]  # noqa: ANN201
    sha = store.blobs.put(to_png(person(number)))
    return learner.collect(f"job-{number}", KAIRO, sha, idr, SceneState(place="forest"), "words")


def test_a_golden_image_joins_the_snapshot_in_the_background(hire: Hire, store: Store) -> None:
    learner = hire()
    assert collect(learner, store, 1).accepted
    status = settled(learner, lambda it: it.snapshot is not None and it.snapshot.samples == 2)
    assert (status.references, status.accepted, status.pending) == (1, 1, False)
    assert status.snapshot is not None
    manifest = dataset.Manifest.model_validate_json(store.blobs.get(status.snapshot.manifest))
    assert [sample.kind for sample in manifest.samples] == ["reference", "golden"]


def test_collecting_a_job_twice_does_it_once(hire: Hire, store: Store) -> None:
    learner = hire()
    first = collect(learner, store, 1)
    assert collect(learner, store, 1) == first
    assert learner.status(KAIRO).accepted == 1


def test_refusals_are_kept_with_their_guard(hire: Hire, store: Store) -> None:
    learner = hire()
    collect(learner, store, 1, idr=0.8)
    collect(learner, store, 0)
    collect(learner, store, 2, idr=None)
    status = learner.status(KAIRO)
    assert status.refused == {"idr": 2, "reference": 1}
    assert [one.accepted for one in store.golden.list(KAIRO)] == [False] * 3


def test_a_new_learner_resumes_what_a_killed_one_left_behind(hire: Hire, store: Store) -> None:
    stuck = threading.Event()

    def never() -> FaceEncoder:
        stuck.wait()
        raise ProviderMissing("the process was killed here")

    killed = hire(never)
    collect(killed, store, 1)
    assert killed.status(KAIRO).pending
    status = settled(hire(), lambda it: it.snapshot is not None)
    stuck.set()
    assert status.snapshot is not None
    assert status.snapshot.samples == 2


def test_a_restart_builds_nothing_that_is_built_already(hire: Hire, store: Store) -> None:
    first = hire()
    collect(first, store, 1)
    built = settled(first, lambda it: it.accepted == 1 and not it.pending).snapshot
    opened: list[int] = []

    def counted() -> FaceEncoder:
        opened.append(1)
        return Discs()

    second = hire(counted)
    assert turned(second, 3600.0).snapshot == built
    assert opened == []


def test_a_failed_build_says_why_and_is_tried_again(hire: Hire, store: Store) -> None:
    attempts: list[int] = []

    def late() -> FaceEncoder:
        attempts.append(1)
        if len(attempts) < 3:
            raise ProviderMissing("no face pack")
        return Discs()

    learner = hire(late)
    collect(learner, store, 1)
    settled(learner, lambda it: it.problem == "no face pack")
    settled(learner, lambda it: not it.pending and it.problem is None)


def test_new_references_are_noticed_when_someone_asks(hire: Hire, store: Store) -> None:
    learner = hire()
    settled(learner, lambda it: not it.pending)
    more = store.blobs.put(to_png(person(5)))
    kairo = store.characters.get(KAIRO)
    store.characters.replace(kairo.model_copy(update={"references": (*kairo.references, more)}))
    assert learner.status(KAIRO).pending
    status = settled(learner, lambda it: not it.pending)
    assert status.snapshot is not None
    assert status.snapshot.samples == 2


def test_what_is_not_there_is_named(hire: Hire, store: Store) -> None:
    learner = hire()
    with pytest.raises(NotFound, match="nobody"):
        learner.status(CharacterId("nobody"))
    text = store.blobs.put(b"text")
    with pytest.raises(BadImage, match="not a whole PNG, JPEG or WebP"):
        learner.collect("job", KAIRO, text, 0.9, SceneState(), "")
