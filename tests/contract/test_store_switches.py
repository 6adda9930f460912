"""What is promised about adapter versions and about which of them is served, on every database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import TrainingFigures
from cluster.domain.learning.training import GateVerdict, Measure
from cluster.domain.story.job import JobId
from cluster.errors import Conflict, NotFound
from cluster.settings import StoreSettings
from cluster.store import Store
from tests.values import KAIRO, adapter, job

MIRA = KAIRO.model_copy(update={"id": CharacterId("mira")})


@pytest.fixture
def cast(store: Store) -> Store:
    """Kairo with three versions, none of them served."""
    store.characters.add(KAIRO)
    for version in (1, 2, 3):
        store.adapters.add(adapter(version))
    return store


def promote(store: Store, version: int) -> None:
    store.switches.stage(KAIRO.id, version)
    store.switches.promote(KAIRO.id, version)


def served(store: Store) -> int:
    active = store.adapters.active(KAIRO.id)
    return active.version if active else 0


def test_a_version_comes_back_as_it_was_added(cast: Store) -> None:
    measure = Measure(
        name="idr", champion=0.7, challenger=0.8, low=0.02, high=0.18, margin=0.0, passed=True
    )
    trained = adapter(
        4,
        origin="training",
        idr=0.8,
        training=TrainingFigures(
            run_id="r1", manifest="a" * 64, best_step=300, probe_idr=0.79, train_s=61.5
        ),
        verdict=GateVerdict(
            promoted=False, reason="variety fell", measures=(measure,), scenes=24, report="b" * 64
        ),
    )
    cast.adapters.add(trained)
    assert cast.adapters.get(KAIRO.id, 4) == trained
    assert trained.refused == "variety fell"
    assert [one.version for one in cast.adapters.list(KAIRO.id)] == [1, 2, 3, 4]


def test_a_version_can_be_added_once_and_is_not_served_yet(cast: Store) -> None:
    with pytest.raises(Conflict, match="char_kairo_v1"):
        cast.adapters.add(adapter(1))
    cast.adapters.add(adapter(4, active=True))
    assert not cast.adapters.get(KAIRO.id, 4).active
    assert cast.adapters.active(KAIRO.id) is None
    assert cast.adapters.next_version(KAIRO.id) == 5
    assert cast.adapters.next_version(MIRA.id) == 1


def test_one_version_is_served_at_a_time_and_every_switch_is_kept(cast: Store) -> None:
    promote(cast, 1)
    promote(cast, 2)
    cast.switches.clear(KAIRO.id)
    cast.switches.clear(KAIRO.id)
    assert [one.active for one in cast.adapters.list(KAIRO.id)] == [False, False, False]
    promote(cast, 3)
    assert [one.active for one in cast.adapters.list(KAIRO.id)] == [False, False, True]
    log = [(one.kind, one.version, one.replaced) for one in cast.switches.list(KAIRO.id)]
    assert log == [
        ("staging", 1, None),
        ("promoted", 1, None),
        ("staging", 2, None),
        ("promoted", 2, 1),
        ("cleared", None, 2),
        ("staging", 3, None),
        ("promoted", 3, None),
    ]


def test_only_what_was_staged_last_can_be_promoted_and_twice_is_once(cast: Store) -> None:
    with pytest.raises(Conflict, match="overtaken"):
        cast.switches.promote(KAIRO.id, 1)
    cast.switches.stage(KAIRO.id, 1)
    cast.switches.stage(KAIRO.id, 2)
    with pytest.raises(Conflict, match="char_kairo_v1 was overtaken"):
        cast.switches.promote(KAIRO.id, 1)
    done = cast.switches.promote(KAIRO.id, 2, ["replica-b: did not answer"])
    assert done.problems == ("replica-b: did not answer",)
    assert cast.switches.promote(KAIRO.id, 2) == done
    with pytest.raises(NotFound, match="char_kairo_v9"):
        cast.switches.stage(KAIRO.id, 9)
    with pytest.raises(NotFound, match="character 'mira'"):
        cast.switches.clear(MIRA.id)


def test_a_promotion_that_was_given_up_changes_nothing(cast: Store) -> None:
    promote(cast, 1)
    cast.switches.stage(KAIRO.id, 2)
    assert [one.adapter_id for one in cast.switches.unfinished()] == ["char_kairo_v2"]
    cast.switches.abandon(KAIRO.id, 2, ["replica-a: NaN"])
    assert cast.switches.unfinished() == []
    assert served(cast) == 1
    with pytest.raises(Conflict):
        cast.switches.promote(KAIRO.id, 2)


def test_a_rollback_overtakes_the_promotion_that_is_under_way(cast: Store) -> None:
    promote(cast, 1)
    promote(cast, 2)
    cast.switches.stage(KAIRO.id, 3)
    cast.switches.rollback(KAIRO.id)
    assert cast.switches.unfinished() == []
    with pytest.raises(Conflict):
        cast.switches.promote(KAIRO.id, 3)
    assert served(cast) == 1


def test_rolling_back_goes_back_step_by_step_and_never_forward(cast: Store) -> None:
    for version in (1, 2, 1, 1, 3):
        promote(cast, version)
    steps = []
    for _ in range(4):
        expected = cast.switches.previous(KAIRO.id)
        steps.append(cast.switches.rollback(KAIRO.id).version)
        assert steps[-1] == expected
    assert steps == [1, 2, 1, None]
    assert served(cast) == 0
    with pytest.raises(Conflict, match="nothing was served before"):
        cast.switches.rollback(KAIRO.id)


def test_after_a_rollback_a_promotion_is_undone_to_what_the_rollback_left(cast: Store) -> None:
    promote(cast, 1)
    promote(cast, 2)
    cast.switches.rollback(KAIRO.id)
    promote(cast, 3)
    assert cast.switches.previous(KAIRO.id) == 1
    cast.switches.clear(KAIRO.id)
    assert cast.switches.rollback(KAIRO.id).version == 3


def test_rolling_a_version_back_twice_does_it_once(cast: Store) -> None:
    for version in (1, 2, 3):
        promote(cast, version)
    once = cast.switches.rollback(KAIRO.id, 3)
    assert (once.version, once.replaced) == (2, 3)
    assert cast.switches.rollback(KAIRO.id, 3) == once
    assert served(cast) == 2
    with pytest.raises(Conflict, match="char_kairo_v1 is not being served"):
        cast.switches.rollback(KAIRO.id, 1)
    with pytest.raises(NotFound):
        cast.switches.rollback(KAIRO.id, 8)


def test_nothing_can_be_rolled_back_before_anything_was_served(cast: Store) -> None:
    with pytest.raises(Conflict):
        cast.switches.rollback(KAIRO.id)
    assert cast.switches.previous(KAIRO.id) is None
    assert cast.switches.serving(KAIRO.id) is None


def test_a_rollback_passes_over_deleted_versions(cast: Store) -> None:
    for version in (1, 2, 1, 3):
        promote(cast, version)
    cast.switches.delete(KAIRO.id, 1)
    assert cast.switches.previous(KAIRO.id) == 2
    assert cast.switches.rollback(KAIRO.id).version == 2
    assert cast.switches.rollback(KAIRO.id).version is None


def test_a_deleted_version_is_gone_but_not_its_number_nor_its_history(cast: Store) -> None:
    promote(cast, 3)
    promote(cast, 1)
    cast.switches.delete(KAIRO.id, 3)
    assert [one.version for one in cast.adapters.list()] == [1, 2]
    assert cast.adapters.next_version(KAIRO.id) == 4
    for forgotten in (cast.adapters.get, cast.switches.stage):
        with pytest.raises(NotFound, match="char_kairo_v3"):
            forgotten(KAIRO.id, 3)
    with pytest.raises(NotFound, match="char_kairo_v9"):
        cast.switches.delete(KAIRO.id, 9)
    assert cast.switches.delete(KAIRO.id, 3) == cast.switches.list(KAIRO.id)[-1]
    assert cast.adapters.get(KAIRO.id, 3, deleted=True) == adapter(
        3, created_at=cast.adapters.get(KAIRO.id, 3, deleted=True).created_at
    )
    assert not cast.adapters.refers_to(adapter(3).sha256)
    assert cast.adapters.refers_to(adapter(2).sha256)
    assert cast.switches.list(KAIRO.id)[-1].kind == "deleted"


def test_what_is_needed_cannot_be_deleted(cast: Store) -> None:
    promote(cast, 1)
    with pytest.raises(Conflict, match="active"):
        cast.switches.delete(KAIRO.id, 1)
    cast.switches.stage(KAIRO.id, 2)
    with pytest.raises(Conflict, match="being promoted"):
        cast.switches.delete(KAIRO.id, 2)
    cast.switches.abandon(KAIRO.id, 2, ["x"])
    cast.jobs.add(job("j1"))
    cast.adapters.pin(JobId("j1"), 2)
    with pytest.raises(Conflict, match="job 'j1'"):
        cast.switches.delete(KAIRO.id, 2)
    cast.jobs.set_status(JobId("j1"), "cancelled")
    cast.switches.delete(KAIRO.id, 2)


def test_a_deletion_does_not_disturb_a_promotion(cast: Store) -> None:
    cast.switches.stage(KAIRO.id, 1)
    cast.switches.delete(KAIRO.id, 2)
    assert len(cast.switches.unfinished()) == 1
    cast.switches.promote(KAIRO.id, 1)
    assert served(cast) == 1


def test_a_job_keeps_the_version_it_was_planned_with(cast: Store) -> None:
    for id in ("before", "planned", "later", "none"):
        cast.jobs.add(job(id))
    assert cast.adapters.pin(JobId("before"), None) is None
    promote(cast, 1)
    first = cast.adapters.pin(JobId("planned"), None)
    assert first is not None
    promote(cast, 2)
    assert cast.adapters.pin(JobId("planned"), None) == first.model_copy(update={"active": False})
    assert cast.adapters.pin(JobId("before"), None) is None
    assert cast.adapters.pin(JobId("later"), 3) == cast.adapters.get(KAIRO.id, 3)
    assert cast.adapters.pin(JobId("none"), 0) is None
    pinned = {one.id: one.adapter_version for one in cast.jobs.list()}
    assert pinned == {"before": 0, "planned": 1, "later": 3, "none": 0}
    with pytest.raises(NotFound, match="job 'nobody'"):
        cast.adapters.pin(JobId("nobody"), None)


def test_who_was_served_at_a_moment_is_known(cast: Store) -> None:
    promote(cast, 1)
    cast.switches.stage(KAIRO.id, 2)
    cast.switches.promote(KAIRO.id, 2)
    cast.switches.rollback(KAIRO.id)
    moments = [one for one in cast.switches.list(KAIRO.id) if one.kind != "staging"]
    found = [cast.switches.serving(KAIRO.id, one.at) for one in moments]
    assert found == moments
    assert cast.switches.serving(KAIRO.id, moments[0].at - timedelta(microseconds=1)) is None
    assert cast.switches.serving(KAIRO.id) == moments[-1]


def test_the_log_outlives_its_character_and_is_not_mixed_up_with_the_next(cast: Store) -> None:
    promote(cast, 1)
    promote(cast, 3)
    cast.jobs.add(job("j1"))
    cast.characters.delete(KAIRO.id)
    assert cast.adapters.list() == []
    last = cast.switches.serving(KAIRO.id)
    assert last is not None
    assert (last.kind, last.version, last.replaced) == ("cleared", None, 3)
    cast.characters.add(KAIRO)
    assert cast.adapters.next_version(KAIRO.id) == 4
    with pytest.raises(Conflict, match="nothing was served before"):
        cast.switches.rollback(KAIRO.id)


def test_switches_are_numbered_over_all_characters(cast: Store) -> None:
    cast.characters.add(MIRA)
    promote(cast, 1)
    after = cast.switches.newest_id()
    cast.switches.clear(MIRA.id)
    promote(cast, 2)
    newer = cast.switches.list(after_id=after)
    assert [one.character_id for one in newer] == ["mira", "kairo", "kairo"]
    assert [one.id for one in newer] == sorted(one.id for one in newer)
    assert newer[0].id > after
    assert cast.switches.newest_id() == newer[-1].id
    assert cast.switches.list(after_id=after, limit=1) == newer[:1]


def test_promotions_at_once_leave_one_active(cast: Store) -> None:
    def attempt(version: int) -> None:
        try:
            promote(cast, version)
        except Conflict:
            return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: attempt(n % 3 + 1), range(18)))
    assert sum(one.active for one in cast.adapters.list(KAIRO.id)) == 1
    serving = cast.switches.serving(KAIRO.id)
    assert serving is not None
    assert serving.version == served(cast)


def test_everything_is_there_after_reopening(cast: Store, store_settings: StoreSettings) -> None:
    promote(cast, 1)
    cast.switches.stage(KAIRO.id, 2)
    log, versions = cast.switches.list(), cast.adapters.list()
    cast.close()
    again = Store.open(store_settings)
    assert again.switches.list() == log
    assert again.adapters.list() == versions
    assert [one.version for one in again.switches.unfinished()] == [2]
    again.close()
