"""The SetBuilder: rebuilds training sets in the background, once their inputs have been quiet.

It compares what a character's set should be made of with the newest snapshot, so that a new one
finds out by itself what a predecessor left undone. It does not know what sets are trained into.
"""

import threading
from collections.abc import Callable, Iterator

from cluster import providers
from cluster.clock import SYSTEM_CLOCK, Clock
from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.golden import Snapshot
from cluster.errors import NotFound
from cluster.ports import FaceEncoder
from cluster.settings import LearnerSettings
from cluster.store import Store
from cluster.telemetry import logger
from training.data import dataset

PAGE = 100
NEVER_S = threading.TIMEOUT_MAX
"""As long as a thread can wait."""
EVERYONE = None
"""In the queue: look at every character, for what a predecessor left undone."""

log = logger(__name__)


class SetBuilder:
    """One thread builds one set after another.

    Args:
        resolution_px: Side of training pictures.
        faces: Opens the face encoder; asked for at each build, in the builder's thread.
        built: Told of a character whose set is up to date.
    """

    def __init__(
        self,
        settings: LearnerSettings,
        resolution_px: int,
        store: Store,
        faces: Callable[[], FaceEncoder],
        built: Callable[[CharacterId], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings, self._resolution_px = settings, resolution_px
        self._store = store
        self._faces = faces
        self._built = built
        self._clock = clock
        self._due_s: dict[CharacterId | None, float] = {EVERYONE: float("-inf")}
        self._problems: dict[CharacterId, str] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="dataset-builder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def mark(self, who: CharacterId | None, delay_s: float | None = None) -> None:
        """Look at a character when it has been left alone for `delay_s` (the debounce)."""
        with self._changed:
            wait_s = self._settings.debounce_s if delay_s is None else delay_s
            self._due_s[who] = self._clock.monotonic_s() + wait_s
            self._changed.notify()

    def notice(self, character_id: CharacterId) -> None:
        """Look at a character some time, without putting off what is due already."""
        with self._changed:
            due_s = self._clock.monotonic_s() + self._settings.debounce_s
            self._due_s.setdefault(character_id, due_s)
            self._changed.notify()

    def problem(self, character_id: CharacterId) -> str | None:
        """Why the character's last build failed; it is tried again."""
        return self._problems.get(character_id)

    def pending(self, character: Character, snapshot: Snapshot | None) -> bool:
        """Whether the set is behind what it should be made of."""
        wanted = self._wanted(character)
        if snapshot is None:
            return bool(wanted)
        return snapshot.inputs != self._inputs(wanted)

    def close(self) -> None:
        """Stop after the set that is being built."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _wanted(self, character: Character) -> tuple[dataset.SourceImage, ...]:
        return dataset.source_images(
            character, self._store.golden.list(character.id, accepted=True)
        )

    def _inputs(self, wanted: tuple[dataset.SourceImage, ...]) -> str:
        return dataset.inputs_digest(wanted, self._resolution_px)

    def _ready(self) -> Iterator[CharacterId | None]:
        """Whoever has been quiet for long enough, until closed."""
        while True:
            with self._changed:
                due_s = self._next_due_s()
                self._wait_until_due(due_s)
                if self._closed:
                    return
                if due_s > self._clock.monotonic_s() or self._next_due_s() != due_s:
                    continue
                who = min(self._due_s, key=lambda one: self._due_s[one])
                del self._due_s[who]
            yield who

    def _wait_until_due(self, due_s: float) -> None:
        """Or until something else is due first."""
        self._clock.wait_until(
            self._changed, lambda: self._closed or self._next_due_s() != due_s, due_s
        )

    def _next_due_s(self) -> float:
        return min(self._due_s.values(), default=NEVER_S)

    def _run(self) -> None:
        """The builder's thread."""
        for who in self._ready():
            try:
                if who is EVERYONE:
                    self._mark_everyone()
                else:
                    self._build(who)
                    self._problems.pop(who, None)
                    self._built(who)
            except NotFound as error:  # deleted since: nothing to build, nothing to retry
                log.info("dataset.gone", character=who, problem=str(error))
            except Exception as error:  # noqa: BLE001 - a dead builder would go unnoticed
                log.warning("dataset.failed", character=who, problem=str(error))
                self._problems[who or CharacterId("")] = str(error)
                self.mark(who, self._settings.retry_s)

    def _mark_everyone(self) -> None:
        after: CharacterId | None = None
        while page := self._store.characters.list(after, PAGE):
            for character in page:
                self.mark(character.id, 0.0)
            after = page[-1].id

    def _build(self, character_id: CharacterId) -> None:
        """Build the character's set, if it is behind."""
        character = self._store.characters.get(character_id)
        known = self._store.golden.snapshot(character_id)
        if not self.pending(character, known):
            return
        wanted = self._wanted(character)
        digest, manifest = dataset.build_dataset(
            character,
            wanted,
            self._store.blobs,
            self._faces(),
            self._resolution_px,
            providers.picture_tagger(),
        )
        self._store.golden.set_snapshot(
            Snapshot(
                character_id=character_id,
                manifest=digest,
                inputs=self._inputs(wanted),
                samples=len(manifest.samples),
                dropped=len(manifest.dropped),
            )
        )
        log.info("dataset.built", character=character_id, samples=len(manifest.samples))
