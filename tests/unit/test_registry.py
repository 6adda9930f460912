import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.registry import LoraRegistry
from cluster.domain.character import Character, CharacterId
from cluster.domain.learning.adapter import AdapterSwitch, NewsPosition
from cluster.domain.learning.training import GateVerdict, Measure, TrainedAdapter
from cluster.errors import BadAdapter, Conflict, NotFound, ProviderMissing, Refused
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import GeneratorSettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.manual_clock import ManualClock
from tests.tiny_adapters import lora
from tests.tiny_base import tiny_base

KAIRO, MIRA = CharacterId("kairo"), CharacterId("mira")


@pytest.fixture
def base(tiny: BaseFolder) -> BaseFolder:
    return tiny


@pytest.fixture
def served(tiny_settings: Settings, store: Store) -> Settings:
    for name in (KAIRO, MIRA):
        store.characters.add(Character(id=name, name=name))
    return tiny_settings


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry(served: Settings, clock: ManualClock) -> Iterator[LoraRegistry]:
    registry = started(LoraRegistry(served, clock))
    yield registry
    registry.close()


def test_an_import_is_checked_kept_and_active(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    content = lora(base, rank=2, trigger="sks kairo")
    version = registry.import_file(KAIRO, content)
    assert version.id == "char_kairo_v1"
    assert (version.rank, version.alpha, version.trigger) == (2, 2.0, "sks kairo")
    assert (version.base_model, version.active, version.origin) == (base.id, True, "import")
    assert version.sha256 == hashlib.sha256(content).hexdigest()
    assert Store.open(served.store).blobs.get(version.sha256) == content
    assert registry.active(KAIRO) == version
    assert registry.active(MIRA) is None


def test_the_same_file_again_is_the_same_version(registry: LoraRegistry, base: BaseFolder) -> None:
    content = lora(base)
    first = registry.import_file(KAIRO, content)
    assert registry.import_file(KAIRO, content) == first
    assert registry.list(KAIRO) == [first]
    assert registry.import_file(MIRA, content).id == "char_mira_v1"
    assert len(registry.list()) == 2


def test_versions_count_up_and_one_is_active(registry: LoraRegistry, base: BaseFolder) -> None:
    registry.import_file(KAIRO, lora(base, seed=1))
    second = registry.import_file(KAIRO, lora(base, seed=2))
    third = registry.import_file(KAIRO, lora(base, seed=3), activate=False)
    assert [one.version for one in registry.list(KAIRO)] == [1, 2, 3]
    assert [one.active for one in registry.list(KAIRO)] == [False, True, False]
    assert registry.active(KAIRO) == second
    assert not third.active


def test_an_earlier_version_or_none_can_be_made_active(
    registry: LoraRegistry, base: BaseFolder
) -> None:
    first = registry.import_file(KAIRO, lora(base, seed=1))
    registry.import_file(KAIRO, lora(base, seed=2))
    registry.promote(KAIRO, 1)
    assert registry.active(KAIRO) == first
    registry.clear(KAIRO)
    assert registry.active(KAIRO) is None
    assert not registry.get(KAIRO, 1).active


def test_a_restart_loses_nothing(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    registry.import_file(KAIRO, lora(base, seed=1))
    content = lora(base, seed=2)
    second = registry.import_file(KAIRO, content)
    again = started(LoraRegistry(served))
    assert again.list() == registry.list()
    assert again.active(KAIRO) == second
    assert again.import_file(KAIRO, content) == second
    assert again.import_file(KAIRO, lora(base, seed=3)).version == 3


def test_a_refused_file_leaves_no_trace(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    good = registry.import_file(KAIRO, lora(base))
    for bad in (lora(base, seed=5)[:-8], lora(base, base_model="acme/xl"), b"", b"not a file" * 9):
        with pytest.raises(BadAdapter):
            registry.import_file(KAIRO, bad)
        digest = hashlib.sha256(bad).hexdigest()
        assert not Store.open(served.store).blobs.exists(digest)
    assert registry.list() == [good]
    assert registry.active(KAIRO) == good


def test_the_weights_a_file_names_are_compared(registry: LoraRegistry, base: BaseFolder) -> None:
    assert registry.import_file(KAIRO, lora(base, base_sha256=base.sha256)).version == 1
    with pytest.raises(BadAdapter, match="other weights"):
        registry.import_file(KAIRO, lora(base, base_sha256="0" * 64))


def test_what_does_not_exist_is_named(registry: LoraRegistry, base: BaseFolder) -> None:
    with pytest.raises(NotFound, match="nobody"):
        registry.import_file(CharacterId("nobody"), lora(base))
    with pytest.raises(NotFound):
        registry.get(KAIRO, 1)
    with pytest.raises(NotFound):
        registry.promote(KAIRO, 7)


def test_without_the_base_model_there_is_nothing_to_check_against(
    served: Settings, tmp_path: Path, base: BaseFolder
) -> None:
    nowhere = GeneratorSettings(model=str(tmp_path / "nowhere"))
    registry = started(LoraRegistry(served.model_copy(update={"generator": nowhere})))
    with pytest.raises(ProviderMissing):
        registry.import_file(KAIRO, lora(base))


# Trained versions, and which one is served


def trained(
    served: Settings, base: BaseFolder, run: str = "r1", **fields: object
) -> TrainedAdapter:
    """What a training run left: its file is among the blobs."""
    content = lora(base, seed=sum(map(ord, run)))
    given = {
        "run_id": run,
        "character_id": KAIRO,
        "version": 1,
        "sha256": Store.open(served.store).blobs.put(content),
        "manifest": "a" * 64,
        "base_model": "tiny",
        "rank": 4,
        "alpha": 4.0,
        "trigger": "sks kairo",
        "best_step": 300,
        "probe_idr": 0.71,
        "train_s": 12.5,
        **fields,
    }
    return TrainedAdapter.model_validate(given)


def verdict(*, promoted: bool = True, reason: str = "", idr: float | None = 0.82) -> GateVerdict:
    measure = Measure(name="idr", champion=0.7, challenger=idr, passed=promoted)
    return GateVerdict(promoted=promoted, reason=reason, measures=(measure,), scenes=24)


def test_a_trained_version_carries_its_figures_and_its_verdict(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    version = registry.add_trained(trained(served, base), verdict(), activate=True)
    assert (version.id, version.active, version.origin) == ("char_kairo_v1", True, "training")
    assert version.training is not None
    assert (version.training.best_step, version.training.train_s) == (300, 12.5)
    assert (version.idr, version.training.probe_idr) == (0.82, 0.71)
    assert version.verdict == verdict()
    assert version.refused is None
    assert registry.active(KAIRO) == version


def test_a_refused_challenger_is_kept_and_not_served(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    registry.import_file(KAIRO, lora(base))
    no = verdict(promoted=False, reason="copy score rose", idr=None)
    version = registry.add_trained(trained(served, base, version=2), no, activate=True)
    assert (version.version, version.active, version.refused) == (2, False, "copy score rose")
    assert version.idr == 0.71
    with pytest.raises(Refused, match="copy score rose"):
        registry.promote(KAIRO, 2)
    assert registry.promote(KAIRO, 2, force=True).version == 2


def test_a_run_is_added_once_and_a_number_is_given_once(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    first = registry.add_trained(trained(served, base), verdict(), activate=False)
    assert registry.add_trained(trained(served, base), verdict(), activate=False) == first
    imported = registry.import_file(KAIRO, lora(base, seed=1), activate=False)
    late = registry.add_trained(trained(served, base, "r2", version=2), verdict(), activate=False)
    assert (imported.version, late.version) == (2, 3)
    assert registry.next_version(KAIRO) == 4


def test_a_trained_file_that_is_gone_or_broken_is_not_kept(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    broken = Store.open(served.store).blobs.put(lora(base)[:-4])
    with pytest.raises(BadAdapter):
        registry.add_trained(trained(served, base, sha256=broken), verdict(), activate=True)
    with pytest.raises(NotFound):
        registry.add_trained(trained(served, base, sha256="0" * 64), verdict(), activate=True)
    assert registry.list(KAIRO) == []


def test_a_rollback_serves_what_was_served_before(registry: LoraRegistry, base: BaseFolder) -> None:
    for seed in (1, 2, 3):
        registry.import_file(KAIRO, lora(base, seed=seed))
    assert registry.rollback(KAIRO, 3).version == 2
    assert registry.rollback(KAIRO, 3).version == 2
    assert registry.rollback(KAIRO).version == 1
    assert registry.rollback(KAIRO).version is None
    assert registry.active(KAIRO) is None


def test_promoting_the_active_version_again_changes_nothing(
    registry: LoraRegistry, base: BaseFolder
) -> None:
    registry.import_file(KAIRO, lora(base))
    once = registry.promote(KAIRO, 1)
    assert registry.promote(KAIRO, 1) == once
    assert registry.join("a").switch_id == once.id


def test_a_version_for_another_base_model_is_not_promoted(
    registry: LoraRegistry, served: Settings, base: BaseFolder, tmp_path: Path
) -> None:
    registry.import_file(KAIRO, lora(base), activate=False)
    other = tiny_base(tmp_path / "other")
    generator = served.generator.model_copy(update={"model": str(other.folder)})
    moved = started(LoraRegistry(served.model_copy(update={"generator": generator})))
    with pytest.raises(BadAdapter, match=base.id):
        moved.promote(KAIRO, 1)
    assert moved.active(KAIRO) is None


def test_a_deleted_version_takes_its_file_along_unless_another_is_the_same(
    registry: LoraRegistry, served: Settings, base: BaseFolder
) -> None:
    blobs = Store.open(served.store).blobs
    shared, own = lora(base, seed=1), lora(base, seed=2)
    first = registry.import_file(KAIRO, shared, activate=False)
    registry.import_file(MIRA, shared, activate=False)
    second = registry.import_file(KAIRO, own, activate=False)
    for version in (1, 2, 2):
        assert registry.delete(KAIRO, version).kind == "deleted"
    assert blobs.exists(first.sha256)
    assert not blobs.exists(second.sha256)
    assert registry.import_file(KAIRO, own).version == 3
    assert blobs.exists(second.sha256)
    with pytest.raises(Conflict, match="active"):
        registry.delete(KAIRO, 3)


def test_who_waits_hears_of_the_next_switch_at_once_and_of_nothing_when_time_is_up(
    registry: LoraRegistry, base: BaseFolder, clock: ManualClock
) -> None:
    registry.import_file(KAIRO, lora(base), activate=False)
    after = registry.join("a")
    heard: list[tuple[AdapterSwitch, ...]] = []

    def listen() -> threading.Thread:
        thread = threading.Thread(
            target=lambda: heard.append(registry.wait_newer(after, 30.0).switches)
        )
        thread.start()
        while clock.waiting == 0:
            assert thread.is_alive()
        return thread

    waiting = listen()
    clock.turn(30.0)
    waiting.join()
    assert heard == [()]
    waiting = listen()
    cleared = registry.clear(KAIRO)
    waiting.join()
    assert heard == [(), (cleared,)]
    assert registry.wait_newer(after, 30.0).switches == (cleared,)


def test_who_waits_hears_which_versions_queued_scenes_will_need(registry: LoraRegistry) -> None:
    position = registry.join("a")
    registry.expect(KAIRO, None)
    registry.expect(MIRA, 2)
    news = registry.wait_newer(position, 30.0)
    assert [(one.character_id, one.version) for one in news.expected] == [(KAIRO, None), (MIRA, 2)]
    registry.expect(KAIRO, 1)
    (later,) = registry.wait_newer(news.position, 30.0).expected
    assert (later.character_id, later.version) == (KAIRO, 1)


def test_a_promotion_waits_for_the_replicas_that_are_there(
    registry: LoraRegistry, base: BaseFolder
) -> None:
    one = registry.import_file(KAIRO, lora(base), activate=False)
    after = registry.join("a")
    done: list[AdapterSwitch] = []
    promoting = threading.Thread(target=lambda: done.append(registry.promote(KAIRO, 1)))
    promoting.start()
    staged = registry.wait_newer(after, 30.0, "a")
    (staging,) = staged.switches
    assert (staging.kind, staging.adapter_id) == ("staging", one.id)
    assert registry.active(KAIRO) is None
    registry.staged("a", one.id, True)
    promoting.join(5)
    assert [switch.version for switch in done] == [1]
    assert [switch.kind for switch in registry.wait_newer(staged.position, 1.0, "a").switches] == [
        "promoted"
    ]


def test_a_promotion_that_was_cut_off_and_cannot_be_is_given_up(
    registry: LoraRegistry, served: Settings, base: BaseFolder, clock: ManualClock
) -> None:
    version = registry.import_file(KAIRO, lora(base), activate=False)
    store = Store.open(served.store)
    store.switches.stage(KAIRO, 1)
    store.blobs.delete(version.sha256)
    staged = store.switches.newest_id()
    again = started(LoraRegistry(served, clock))
    (switch,) = again.wait_newer(NewsPosition(switch_id=staged), 20.0).switches
    assert switch.kind == "abandoned"
    assert version.sha256 in switch.problems[0]
    assert store.switches.unfinished() == []


def test_a_promotion_that_was_cut_off_goes_on_when_replicas_had_time_to_call_again(
    registry: LoraRegistry, served: Settings, base: BaseFolder, clock: ManualClock
) -> None:
    registry.import_file(KAIRO, lora(base), activate=False)
    Store.open(served.store).switches.stage(KAIRO, 1)
    again = started(LoraRegistry(served, clock))
    clock.rest(threads=1)
    clock.turn(served.registry.rejoin_s - 0.1)
    assert again.active(KAIRO) is None
    clock.turn(0.1)
    active = again.active(KAIRO)
    assert active is not None
    assert active.version == 1
    again.close()


class SlowFolder(BaseFolder):
    """Weights so large that their digest is not there before `go` is set."""

    go = threading.Event()

    @property
    def sha256(self) -> str:
        assert self.go.wait(30)
        return "e" * 64


def test_an_import_that_takes_long_keeps_no_rollback_waiting(
    registry: LoraRegistry, base: BaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.import_file(KAIRO, lora(base))
    monkeypatch.setattr(registry, "_base", SlowFolder(base.folder))
    content = lora(base, seed=1, base_sha256="e" * 64)
    importing = threading.Thread(target=registry.import_file, args=(MIRA, content))
    importing.start()
    assert registry.rollback(KAIRO, 1).version is None
    assert registry.list(MIRA) == []
    SlowFolder.go.set()
    importing.join(20)
    assert registry.list(MIRA)[0].active
