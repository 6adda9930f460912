"""The Learner: collects golden images, keeps training sets up to date, and has them trained.

What it knows is in the store (golden images, snapshots, training runs) and in blobs, so that
killing it loses nothing: a new one compares what is there with what should be, and goes on.
Nothing long happens in its own process: sets are built in a thread, runs in processes of theirs.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial

import ray
from ray.actor import ActorProxy

from actors.run_launcher import RayRunLauncher, RunLauncher
from actors.set_builder import SetBuilder
from actors.training_queue import TrainingQueue
from cluster import providers
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.codecs.images import decode_image
from cluster.domain.character import CharacterId
from cluster.domain.learning.golden import DatasetStatus, GoldenImage
from cluster.domain.learning.runs import TrainingRun
from cluster.domain.story.scene import SceneState
from cluster.errors import BadImage
from cluster.launch import named_actor, started_actor
from cluster.ports import FaceEncoder, Pixels
from cluster.settings import Settings
from cluster.store import Store
from training.data.curation import ImageSignature, refusal, signature_of

NAME = "cineai-learner"


class Learner:
    """Decides what joins a training set, and when it is trained.

    Methods are called one at a time (a Ray actor without concurrency): two images of a
    character cannot both be judged against a set that lacks the other.

    Args:
        faces: Opens the face encoder; null means that of the settings.
        launcher: Where runs are worked on; null means this Ray cluster.
    """

    def __init__(
        self,
        settings: Settings,
        faces: Callable[[], FaceEncoder] | None = None,
        launcher: RunLauncher | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._faces = faces or cache(partial(providers.face_encoder, settings.identity))
        self._launcher = launcher or RayRunLauncher(settings)
        self._clock = clock
        self._signatures: dict[str, ImageSignature] = {}

    def start(self) -> None:
        """Open the store, and go on with the sets and the runs that a predecessor left."""
        rules = self._settings.learner
        self._store = Store.open(self._settings.store)
        self._queue = TrainingQueue(rules, self._store, self._launcher, self._clock)
        self._sets = SetBuilder(
            rules,
            providers.model_profile(self._settings).profile.training_resolution_px,
            self._store,
            self._faces,
            self._queue.consider,
            self._clock,
        )
        self._sets.start()
        self._queue.start()

    def collect(
        self,
        job_id: str,
        character_id: CharacterId,
        sha256: str,
        idr: float | None,
        state: SceneState,
        caption: str,
    ) -> GoldenImage:
        """Judge a picture and record the verdict, once a job.

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
                self._signature(sha) for sha in self._store.characters.get(character_id).references
            ],
            accepted=[(self._signature(one.sha256), one.state) for one in golden if one.accepted],
        )
        image = GoldenImage(
            character_id=character_id,
            job_id=job_id,
            sha256=sha256,
            idr=idr or 0.0,
            state=state,
            caption=caption,
            phash=signature_of(pixels).hex,
            accepted=not reason,
            reason=reason,
        )
        self._store.golden.add(image)
        if image.accepted:
            self._sets.mark(character_id)
        return image

    def status(self, character_id: CharacterId) -> DatasetStatus:
        """Counts and the newest snapshot. Raises NotFound for an unknown character.

        Nobody reports new reference images, so asking is what makes the builder notice them.
        """
        character = self._store.characters.get(character_id)
        golden = self._store.golden.list(character_id)
        snapshot = self._store.golden.snapshot(character_id)
        pending = self._sets.pending(character, snapshot)
        if pending:
            self._sets.notice(character_id)
        return DatasetStatus(
            character_id=character_id,
            references=len(character.references),
            accepted=sum(one.accepted for one in golden),
            refused=dict(Counter(one.guard for one in golden if not one.accepted)),
            snapshot=snapshot,
            pending=pending,
            problem=self._sets.problem(character_id),
        )

    def train_now(self, character_id: CharacterId) -> TrainingRun:
        """Queue a training whatever the threshold says; an open run stands.

        Raises NotFound, ConsentMissing, and Conflict while paused or without a training set.
        """
        return self._queue.run_now(character_id)

    def pause(self, character_id: CharacterId, paused: bool) -> None:
        """Stop training a character, at once and until resumed; or resume. Raises NotFound."""
        self._store.training.pause(character_id, paused)
        if not paused:
            self._sets.mark(character_id, 0.0)

    def close(self) -> None:
        """Stop after the set that is being built; runs go on when a new Learner starts."""
        self._sets.close()
        self._queue.close()
        self._store.close()

    def _signature(self, sha256: str) -> ImageSignature:
        if sha256 not in self._signatures:
            self._signatures[sha256] = signature_of(self._pixels(sha256))
        return self._signatures[sha256]

    def _pixels(self, sha256: str) -> Pixels:
        try:
            return decode_image(self._store.blobs.get(sha256))
        except BadImage as error:
            raise BadImage(f"blob {sha256[:12]}: {error.message}") from error


LearnerActor = ray.remote(started_actor(Learner))


def learner_actor(settings: Settings) -> ActorProxy[Learner]:
    """The cluster's one Learner, started if there is none."""
    return named_actor(LearnerActor, NAME, settings)
