"""The Learner: collects golden images and keeps every character's training set up to date.

What it knows is in the store (the golden images, the newest snapshot of each character) and
in blobs, so that killing it loses nothing: a new one compares the two and builds what is behind.
It does not know what a training set is trained into.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial

import ray
from ray.actor import ActorProxy

from cluster import providers
from cluster.domain.character import Character, CharacterId
from cluster.domain.golden import DatasetStatus, GoldenImage, Snapshot
from cluster.domain.scene import SceneState
from cluster.errors import BadImage, NotFound
from cluster.launch import named_actor
from cluster.ports import FaceEncoder, Pixels
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import logger, setup_logging
from training import dataset
from training.crops import Unfit
from training.curation import Look, look, refusal

NAME = "cineai-learner"
PAGE = 100
EVERYONE = None
"""In the builder's queue: look at every character, for what a predecessor left undone."""

log = logger(__name__)


class Learner:
    """Decides what joins a training set, and rebuilds sets in the background.

    `faces` opens the face encoder; it is asked for at each build, in the builder's thread.
    Methods are called one at a time (a Ray actor without concurrency): two images of a
    character cannot both be judged against a set that lacks the other.
    """

    def __init__(self, settings: Settings, faces: Callable[[], FaceEncoder] | None = None) -> None:
        setup_logging(settings.telemetry)
        self._settings = settings.learner
        self._faces = faces or cache(partial(providers.face_encoder, settings.identity))
        self._store = Store.open(settings.store)
        self._looks: dict[str, Look] = {}
        self._due: dict[CharacterId | None, float] = {EVERYONE: 0.0}
        self._problems: dict[CharacterId, str] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._builder = threading.Thread(target=self._run, name="dataset-builder", daemon=True)
        self._builder.start()

    def collect(
        self,
        job_id: str,
        character_id: CharacterId,
        sha256: str,
        idr: float | None,
        state: SceneState,
        caption: str,
    ) -> GoldenImage:
        """Judge a finished scene's image and record the verdict, once a job.

        Raises NotFound for an unknown character or blob, BadImage for a blob that is no picture.
        """
        golden = self._store.golden.list(character_id)
        for earlier in golden:
            if earlier.job_id == job_id:
                return earlier
        pixels = self._pixels(sha256)
        reason = refusal(
            pixels,
            idr,
            state,
            references=[
                self._look(sha) for sha in self._store.characters.get(character_id).references
            ],
            accepted=[(self._look(one.sha256), one.state) for one in golden if one.accepted],
        )
        image = GoldenImage(
            character_id=character_id,
            job_id=job_id,
            sha256=sha256,
            idr=idr or 0.0,
            state=state,
            caption=caption,
            phash=look(pixels).hex,
            accepted=not reason,
            reason=reason,
        )
        self._store.golden.add(image)
        if image.accepted:
            self._mark(character_id, self._settings.debounce_s)
        return image

    def status(self, character_id: CharacterId) -> DatasetStatus:
        """Counts and the newest snapshot. Raises NotFound for an unknown character.

        Nobody reports new reference images, so asking is what makes the builder notice them.
        """
        character = self._store.characters.get(character_id)
        golden = self._store.golden.list(character_id)
        snapshot = self._store.golden.snapshot(character_id)
        wanted = self._wanted(character)
        pending = bool(wanted or snapshot) and (
            snapshot is None or snapshot.inputs != self._inputs(wanted)
        )
        if pending:
            self._notice(character_id)
        return DatasetStatus(
            character_id=character_id,
            references=len(character.references),
            accepted=sum(one.accepted for one in golden),
            refused=dict(Counter(one.guard for one in golden if not one.accepted)),
            snapshot=snapshot,
            pending=pending,
            problem=self._problems.get(character_id),
        )

    def close(self) -> None:
        """Stop the builder after the set it is building."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._builder.join()

    def _look(self, sha256: str) -> Look:
        if sha256 not in self._looks:
            self._looks[sha256] = look(self._pixels(sha256))
        return self._looks[sha256]

    def _pixels(self, sha256: str) -> Pixels:
        try:
            return dataset.decode(self._store.blobs.get(sha256))
        except Unfit as reason:
            raise BadImage(f"blob {sha256[:12]}: {reason}") from reason

    def _wanted(self, character: Character) -> tuple[dataset.Source, ...]:
        return dataset.sources(character, self._store.golden.list(character.id, accepted=True))

    def _inputs(self, wanted: tuple[dataset.Source, ...]) -> str:
        return dataset.inputs_digest(wanted, self._settings.resolution_px)

    def _mark(self, who: CharacterId | None, delay_s: float) -> None:
        with self._changed:
            self._due[who] = time.monotonic() + delay_s
            self._changed.notify()

    def _notice(self, character_id: CharacterId) -> None:
        with self._changed:
            self._due.setdefault(character_id, time.monotonic() + self._settings.debounce_s)
            self._changed.notify()

    def _ready(self) -> Iterator[CharacterId | None]:
        """Whoever has been quiet for long enough, until closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._due))
                if self._closed:
                    return
                who = min(self._due, key=lambda one: self._due[one])
                wait_s = self._due[who] - time.monotonic()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                del self._due[who]
            yield who

    def _run(self) -> None:
        """The builder's thread."""
        for who in self._ready():
            try:
                if who is EVERYONE:
                    self._mark_everyone()
                else:
                    self._build(who)
                    self._problems.pop(who, None)
            except NotFound as error:  # deleted since: nothing to build, nothing to retry
                log.info("dataset.gone", character=who, problem=str(error))
            except Exception as error:  # noqa: BLE001 - a dead builder would go unnoticed
                log.warning("dataset.failed", character=who, problem=str(error))
                self._problems[who or CharacterId("")] = str(error)
                self._mark(who, self._settings.retry_s)

    def _mark_everyone(self) -> None:
        after: CharacterId | None = None
        while page := self._store.characters.list(after, PAGE):
            for character in page:
                self._mark(character.id, 0.0)
            after = page[-1].id

    def _build(self, character_id: CharacterId) -> None:
        """Build the character's set, if it is behind."""
        character = self._store.characters.get(character_id)
        wanted = self._wanted(character)
        known = self._store.golden.snapshot(character_id)
        inputs = self._inputs(wanted)
        if not (wanted or known) or (known and known.inputs == inputs):
            return
        digest, manifest = dataset.build(
            character,
            wanted,
            self._store.blobs,
            self._faces(),
            self._settings.resolution_px,
            providers.picture_tagger(),
        )
        self._store.golden.set_snapshot(
            Snapshot(
                character_id=character_id,
                manifest=digest,
                inputs=inputs,
                samples=len(manifest.samples),
                dropped=len(manifest.dropped),
            )
        )
        log.info("dataset.built", character=character_id, samples=len(manifest.samples))


LearnerActor = ray.remote(Learner)


def connect(settings: Settings) -> ActorProxy[Learner]:
    """The cluster's one Learner, started if there is none."""
    return named_actor(LearnerActor, NAME, settings)
