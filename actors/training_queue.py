"""The TrainingQueue: who is trained next, one at a time, and what becomes of a run that fails.

The store is the truth: runs that are open there are worked on, whoever queued them and whatever
happened to that one. It does not know how a run is carried out.
"""

import threading
import uuid
from datetime import timedelta

from actors.eligibility import images_of, trainable, training_set
from actors.run_launcher import RunHandle, RunLauncher
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import CharacterId
from cluster.domain.learning.runs import OVER, RunStatus, TrainingRun, images_wanted, retry_after_s
from cluster.errors import BadAdapter, Conflict, ConsentMissing, NotFound, Refused
from cluster.rpc import problem_of
from cluster.settings import LearnerSettings
from cluster.store import Store
from cluster.telemetry import logger

FINAL = (NotFound, Refused, BadAdapter)
"""Failures that no second attempt would change."""

log = logger(__name__)


class TrainingQueue:
    """One thread admits characters who are due, begins runs and reaps them."""

    def __init__(
        self,
        settings: LearnerSettings,
        store: Store,
        launcher: RunLauncher,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._store = store
        self._launcher = launcher
        self._clock = clock
        self._due_s: dict[CharacterId, float] = {}
        self._working: dict[str, RunHandle] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="training-queue", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def consider(self, character_id: CharacterId) -> None:
        """A character's set is up to date: queue a training if it is due and left alone."""
        with self._changed:
            self._due_s[character_id] = self._clock.monotonic_s() + self._settings.settle_s

    def run_now(self, character_id: CharacterId) -> TrainingRun:
        """Queue a training whatever the threshold says; an open run stands.

        Raises NotFound, ConsentMissing, and Conflict while paused or without a training set.
        """
        self._allowed(character_id)
        if self._store.training.is_paused(character_id):
            raise Conflict(f"training {character_id} is paused", advice="Resume it first.")
        training_set(self._store, character_id)
        return self._queued(character_id, asked=True)

    def close(self) -> None:
        """Stop, and stop what is being worked on; a new queue goes on with it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for work in self._working.values():
            work.stop()

    def _run(self) -> None:
        """The queue's thread."""
        while True:
            try:
                self._reap()
                self._admit()
                self._begin()
            except Exception as error:  # noqa: BLE001 - a dead queue would go unnoticed
                log.warning("training.queue", problem=str(error))
            with self._changed:
                next_s = self._clock.monotonic_s() + self._settings.poll_s
                if self._clock.wait_until(self._changed, lambda: self._closed, next_s):
                    return

    # Who is due.

    def _admit(self) -> None:
        for character_id in self._left_alone():
            try:
                if self._is_due(character_id):
                    self._queued(character_id, asked=False)
            except (NotFound, ConsentMissing) as error:
                log.info("training.not_queued", character=character_id, problem=error.message)

    def _left_alone(self) -> list[CharacterId]:
        with self._changed:
            here_s = self._clock.monotonic_s()
            ready = [who for who, due_s in self._due_s.items() if due_s <= here_s]
            for who in ready:
                del self._due_s[who]
        return ready

    def _is_due(self, character_id: CharacterId) -> bool:
        if not self._settings.automatic or self._store.training.is_paused(character_id):
            return False
        runs = self._store.training.list(character_id)
        return images_of(self._store, character_id) >= images_wanted(runs, self._settings)

    def _queued(self, character_id: CharacterId, *, asked: bool) -> TrainingRun:
        self._allowed(character_id)
        run = TrainingRun(
            id=uuid.uuid4().hex,
            character_id=character_id,
            asked=asked,
            images=images_of(self._store, character_id),
        )
        return self._store.training.add(run)

    def _allowed(self, character_id: CharacterId) -> None:
        trainable(self._store, character_id, self._clock.now().date())

    # What is worked on.

    def _begin(self) -> None:
        for run in self._store.training.unfinished():
            if len(self._working) >= self._settings.at_once:
                return
            if run.id not in self._working and self._may_begin(run):
                log.info("training.begins", run=run.id, character=run.character_id)
                self._working[run.id] = self._launcher.begin(run.id)

    def _may_begin(self, run: TrainingRun) -> bool:
        if self._store.training.is_paused(run.character_id):
            return False
        if run.problem is None:
            return True
        waits_s = retry_after_s(run.attempts, self._settings)
        return self._clock.now() >= run.updated_at + timedelta(seconds=waits_s)

    def _reap(self) -> None:
        for run_id, work in list(self._working.items()):
            try:
                ended = work.is_done()
            except Exception as error:  # noqa: BLE001 - whatever it was, the run failed of it
                self._failed(run_id, error)
                ended = True
            if not ended and self._must_stop(run_id):
                work.stop()
                ended = True
            if ended:
                del self._working[run_id]
                self._clear(run_id)

    def _clear(self, run_id: str) -> None:
        """Nobody resumes a run that is over, or was deleted with its character."""
        try:
            over = self._store.training.get(run_id).status in OVER
        except NotFound:
            over = True
        if over:
            self._launcher.clear(run_id)

    def _must_stop(self, run_id: str) -> bool:
        """Paused, deleted, or no longer allowed: the last ends the run for good."""
        try:
            run = self._store.training.get(run_id)
            self._allowed(run.character_id)
        except NotFound:
            return True
        except ConsentMissing as error:
            self._end(run, "cancelled", error)
            return True
        return self._store.training.is_paused(run.character_id)

    def _failed(self, run_id: str, error: BaseException) -> None:
        log.warning("training.failed", run=run_id, problem=str(error))
        try:
            run = self._store.training.get(run_id)
        except NotFound:  # deleted with its character
            return
        if isinstance(error, ConsentMissing):
            self._end(run, "cancelled", error)
        elif isinstance(error, FINAL) or run.attempts + 1 >= self._settings.attempts:
            self._end(run, "failed", error)
        else:
            attempts = run.attempts + 1
            self._store.training.change(run_id, attempts=attempts, problem=problem_of(error))

    def _end(self, run: TrainingRun, status: RunStatus, error: BaseException) -> None:
        self._store.training.change(run.id, status=status, problem=problem_of(error))
