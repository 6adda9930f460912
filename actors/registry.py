"""The adapter versions of every character, which one is served, and how replicas hear of it.

The database is the truth; this actor makes sure that one process changes it, that nothing enters
which the served base model could not use, and that every replica follows. Restarts lose nothing.

How a promotion reaches the replicas that paint. A replica

1. calls `join(replica_id)`: the position in the news from which it listens on. Then it reads
   from the database whatever it wants to have at hand; it does so again on a slow timer.
2. loops on `wait_newer(position, timeout_s, replica_id)`: the switches after that position and
   hints which versions queued scenes will need (`expect`), or nothing when `timeout_s` passed.
   Each call is a heartbeat: a replica that is silent for `timeout_s` and `lapse_s` more is dead,
   and nobody waits for it. This long poll is the only channel: a replica hears all on it.
3. on `staging`, verifies that version's file and holds it ready, serving what it served before,
   then calls `staged(replica_id, adapter_id, ok, problem)`.
4. on `promoted`, `rolled_back` or `cleared` (SERVING) may drop what is no longer served. It never
   chooses a version: every order names its own, and whoever lacks it loads it then. `abandoned`
   and `deleted` let it drop that version.

`promote` writes `staging`, waits until all that are alive have staged the version or
`stage_timeout_s` has passed, and commits: the row and the log in one transaction, by which the next
job is planned with it. Late, dead and refusing replicas do not stop it (their problems are in
the log), unless every answer was a refusal: then it is given up, and what was served stays. A
rollback commits at once: what it goes back to was served before. The newest wish wins: a promotion
that was overtaken ends in Conflict. One that was cut off by a crash is taken up again.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property

import ray
from ray.actor import ActorProxy

from actors.replica_tracker import ReplicaTracker
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.codecs.adapter_file import AdapterFile, check_fits, read_adapter
from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import (
    AdapterId,
    AdapterSwitch,
    AdapterVersion,
    ExpectedAdapter,
    NewsPosition,
    RegistryNews,
    TrainingFigures,
)
from cluster.domain.learning.training import GateVerdict, TrainedAdapter
from cluster.errors import BadAdapter, CineError, Refused
from cluster.launch import named_actor, started_actor
from cluster.providers.diffusers.folder import BaseFolder, base_folder
from cluster.settings import Settings
from cluster.store import Store
from cluster.telemetry import logger

NAME = "cineai-registry"
HINTS = 256
"""How many hints are kept for replicas that are busy."""

log = logger(__name__)


class LoraRegistry:
    """Versions are immutable and count from 1; at most one of a character is active.

    Thread-safe and blocking: as an actor it answers in threads (see the foot of this file).
    """

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._clock = clock
        # Taking a file in may take long, and keeps no switch waiting.
        self._filing, self._writing = threading.Lock(), threading.Lock()
        self._news = threading.Condition()
        self._hints: deque[tuple[int, ExpectedAdapter]] = deque(maxlen=HINTS)
        self._hint_id = 0
        self._verified: set[str] = set()
        self._replicas = ReplicaTracker(settings.registry.lapse_s, clock)
        self._closed = False
        self._resume_at_s = 0.0
        self._resuming: threading.Thread | None = None

    def start(self) -> None:
        """Open the store, and take up the promotions that a predecessor did not finish."""
        self._store = Store.open(self._settings.store)
        self._newest_id = self._store.switches.newest_id()
        if cut_off := self._store.switches.unfinished():
            self._resume_at_s = self._clock.monotonic_s() + self._settings.registry.rejoin_s
            self._resuming = threading.Thread(target=self._resume, args=(cut_off,), daemon=True)
            self._resuming.start()

    def close(self) -> None:
        """Let go whoever waits, and give the database back."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        if self._resuming is not None:
            self._resuming.join()
        self._store.close()

    # Versions.

    def active(self, character_id: CharacterId) -> AdapterVersion | None:
        """The version that the character's next job will use, if there is one."""
        return self._store.adapters.active(character_id)

    def get(self, character_id: CharacterId, version: int) -> AdapterVersion:
        """One version. Raises NotFound."""
        return self._store.adapters.get(character_id, version)

    def next_version(self, character_id: CharacterId) -> int:
        """The number that the character's next version will get."""
        return self._store.adapters.next_version(character_id)

    def import_file(
        self, character_id: CharacterId, content: bytes, activate: bool = True
    ) -> AdapterVersion:
        """Take in a LoRA file as the character's next version, after checking it.

        The same file again gives the version it already has. Raises NotFound for the character and
        BadAdapter, with the key and why, for a file that the served base model cannot use.
        """
        self._store.characters.get(character_id)
        digest = hashlib.sha256(content).hexdigest()
        with self._filing:
            known = [one for one in self.list(character_id) if one.sha256 == digest]
            version = known[0] if known else self._import(character_id, content, digest)
        if activate:
            self.promote(character_id, version.version)
        return self.get(character_id, version.version)

    def add_trained(
        self, adapter: TrainedAdapter, verdict: GateVerdict, activate: bool
    ) -> AdapterVersion:
        """Keep what a training run left, with the gate's verdict; a refused one stays inactive.

        It gets the number it was trained as, or the next one when an import has taken that. The
        same run again gives the version it already has. Raises NotFound for the character or the
        file, and BadAdapter for a file that was not refused and yet does not fit.
        """
        with self._filing:
            versions = self.list(adapter.character_id)
            runs = {one.training.run_id: one for one in versions if one.training}
            version = runs.get(adapter.run_id) or self._add_trained(adapter, verdict)
        if activate and version.refused is None:
            self.promote(version.character_id, version.version)
        return self.get(version.character_id, version.version)

    # Which one is served.

    def promote(
        self, character_id: CharacterId, version: int, force: bool = False
    ) -> AdapterSwitch:
        """Have a version staged by every replica, then serve it from the next job on.

        Raises:
            NotFound: There is no such version.
            Refused: The gate refused it, and `force` does not overrule the gate.
            BadAdapter: The file does not fit the served base model, or no replica could stage it.
            Conflict: Another change came in between.
        """
        one = self.get(character_id, version)
        settled = self._store.switches.settled(character_id)
        if one.active and settled is not None:
            return settled
        if one.refused is not None and not force:
            raise Refused(
                f"{one.id} was refused by the gate: {one.refused}",
                advice="Overrule the gate with `force`, or train again.",
            )
        if one.sha256 not in self._verified:
            self._verify(self._store.blobs.get(one.sha256), one.sha256)
        with self._replicas.ballot(one.id) as ballot:
            self._announce(lambda: self._store.switches.stage(character_id, version))
            with self._news:  # after a restart, until replicas have called again
                self._clock.wait_until(self._news, lambda: self._closed, self._resume_at_s)
            problems = ballot.wait(self._settings.registry.stage_timeout_s)
        if ballot.lost:
            self._announce(lambda: self._store.switches.abandon(character_id, version, problems))
            raise BadAdapter(f"no replica could stage {one.id}: {problems[0]}")
        if problems:
            log.warning("promoted.not_everywhere", adapter=one.id, problems=problems)
        return self._announce(lambda: self._store.switches.promote(character_id, version, problems))

    def rollback(self, character_id: CharacterId, version: int | None = None) -> AdapterSwitch:
        """Serve, at once, what was served before `version` (null: before the active one).

        Naming the version makes it safe to ask twice. Raises NotFound, and Conflict when that
        version is not served or nothing was served before.
        """
        return self._announce(lambda: self._store.switches.rollback(character_id, version))

    def clear(self, character_id: CharacterId) -> AdapterSwitch:
        """Serve, at once, the base model alone. Raises NotFound."""
        return self._announce(lambda: self._store.switches.clear(character_id))

    def delete(self, character_id: CharacterId, version: int) -> AdapterSwitch:
        """Forget a version and its file, unless another version is the same file. Twice is once.

        Raises NotFound, and Conflict for one that is active, being promoted, or needed by an
        unfinished job.
        """
        with self._filing:
            switch = self._announce(lambda: self._store.switches.delete(character_id, version))
            sha256 = self._store.adapters.get(character_id, version, deleted=True).sha256
            if not self._store.adapters.refers_to(sha256):
                self._store.blobs.delete(sha256)
        return switch

    # Replicas.

    def expect(self, character_id: CharacterId, version: int | None) -> None:
        """Tell replicas which version a queued scene will need, so that they fetch it meanwhile.

        Args:
            version: null: the active one.

        Kept in memory alone: a hint that is lost costs a job the time to fetch.
        """
        with self._news:
            self._hint_id += 1
            hint = ExpectedAdapter(character_id=character_id, version=version)
            self._hints.append((self._hint_id, hint))
            self._news.notify_all()

    def wait_newer(
        self, position: NewsPosition, timeout_s: float, replica_id: str | None = None
    ) -> RegistryNews:
        """Long poll: what is new since `position`; nothing when `timeout_s` passed without news.

        With `replica_id` it is that replica's heartbeat.
        """
        if replica_id is not None:
            self._replicas.heard(replica_id, timeout_s)
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._news:
            self._clock.wait_until(
                self._news, lambda: self._closed or self._is_behind(position), deadline_s
            )
            hint_id, newest_id = self._hint_id, self._newest_id
            expected = tuple(hint for id, hint in self._hints if id > position.hint_id)
        after_id = position.switch_id
        switches = self._store.switches.list(after_id=after_id) if newest_id > after_id else []
        heard = NewsPosition(switch_id=switches[-1].id if switches else after_id, hint_id=hint_id)
        return RegistryNews(switches=tuple(switches), expected=expected, position=heard)

    def _is_behind(self, position: NewsPosition) -> bool:
        return self._newest_id > position.switch_id or self._hint_id > position.hint_id

    def join(self, replica_id: str) -> NewsPosition:
        """A replica is there; the position in the news after which it should listen."""
        self._replicas.heard(replica_id)
        return NewsPosition(switch_id=self._newest_id, hint_id=self._hint_id)

    def staged(
        self, replica_id: str, adapter_id: AdapterId, ok: bool, problem: str | None = None
    ) -> None:
        """A replica has verified an adapter and holds it ready, or could not, and why."""
        self._replicas.heard(replica_id)
        self._replicas.answer(replica_id, adapter_id, None if ok else problem or "unknown")

    def list(self, character_id: CharacterId | None = None) -> list[AdapterVersion]:
        """All versions, of one character or of all."""
        return self._store.adapters.list(character_id)

    def _announce(self, change: Callable[[], AdapterSwitch]) -> AdapterSwitch:
        """Make a change of the log and wake whoever waits for it."""
        with self._writing:
            switch = change()
        with self._news:
            self._newest_id = max(self._newest_id, switch.id)
            self._news.notify_all()
        return switch

    def _resume(self, cut_off: Sequence[AdapterSwitch]) -> None:
        for switch in cut_off:
            assert switch.version is not None
            try:
                self.promote(switch.character_id, switch.version, force=True)
                log.info("promotion.resumed", adapter=switch.adapter_id)
            except CineError as error:
                self._give_up(switch, error)

    def _give_up(self, cut_off: AdapterSwitch, error: CineError) -> None:
        """Unless another change, or a repeated call, has taken care of it meanwhile."""
        log.warning("promotion.given_up", adapter=cut_off.adapter_id, problem=error.message)
        open_ = {(one.character_id, one.version) for one in self._store.switches.unfinished()}
        if cut_off.version and (cut_off.character_id, cut_off.version) in open_:
            who, version = cut_off.character_id, cut_off.version
            self._announce(lambda: self._store.switches.abandon(who, version, [error.message]))

    def _import(self, character_id: CharacterId, content: bytes, sha256: str) -> AdapterVersion:
        file = self._verify(content, sha256)
        return self._add(
            AdapterVersion(
                character_id=character_id,
                version=self.next_version(character_id),
                sha256=self._store.blobs.put(content),
                base_model=self._base.id,
                rank=file.rank,
                alpha=file.alpha,
                trigger=file.trigger,
            )
        )

    def _add_trained(self, adapter: TrainedAdapter, verdict: GateVerdict) -> AdapterVersion:
        content = self._store.blobs.get(adapter.sha256)
        if verdict.promoted:
            self._verify(content, adapter.sha256)
        idr = next((one.challenger for one in verdict.measures if one.name == "idr"), None)
        return self._add(
            AdapterVersion(
                character_id=adapter.character_id,
                version=max(adapter.version, self.next_version(adapter.character_id)),
                sha256=adapter.sha256,
                base_model=adapter.base_model,
                rank=adapter.rank,
                alpha=adapter.alpha,
                trigger=adapter.trigger,
                origin="training",
                idr=adapter.probe_idr if idr is None else idr,
                training=TrainingFigures.of(adapter),
                verdict=verdict,
            )
        )

    def _add(self, version: AdapterVersion) -> AdapterVersion:
        self._store.adapters.add(version)
        return version

    def _verify(self, content: bytes, sha256: str) -> AdapterFile:
        """Verify a file once in this process: a digest names its content, and the served base model
        changes with the process alone. A replica verifies what it stages: it reads it by itself."""
        file = read_adapter(content)
        max_rank = self._settings.generator.adapter_max_rank
        check_fits(file, self._base.layers, lambda: self._base.sha256, max_rank)
        self._verified.add(sha256)
        return file

    @cached_property
    def _base(self) -> BaseFolder:
        return base_folder(self._settings.generator.model)


# Long-polls have threads of their own, and so have promotions, which wait for replicas: neither
# keeps a rollback, an acknowledgement or a question waiting.
GROUPS = {"watch": 128, "stage": 16}
ray.method(concurrency_group="watch")(LoraRegistry.wait_newer)
for _waits in (LoraRegistry.promote, LoraRegistry.import_file, LoraRegistry.add_trained):
    ray.method(concurrency_group="stage")(_waits)
LoraRegistryActor = ray.remote(  # type: ignore[call-overload]
    concurrency_groups=GROUPS, max_concurrency=8
)(started_actor(LoraRegistry))


def registry_actor(settings: Settings) -> ActorProxy[LoraRegistry]:
    """The cluster's registry, started if need be."""
    return named_actor(LoraRegistryActor, NAME, settings)
