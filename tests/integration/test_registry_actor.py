"""The registry as the cluster's one actor: replicas follow it, and killing it loses nothing."""

import time
from collections.abc import Iterator

import pytest
import ray

from actors import registry
from cluster.domain.learning.adapter import NewsPosition
from cluster.errors import BadAdapter, Conflict
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import RegistrySettings, Settings
from cluster.store import Store
from tests.handles import started
from tests.scripted_replica import Handle, ScriptedReplica
from tests.tiny_adapters import lora
from tests.values import KAIRO

PATIENCE = RegistrySettings(stage_timeout_s=5.0, lapse_s=1.0, rejoin_s=1.0)


@pytest.fixture
def served(tiny_settings: Settings, store: Store) -> Settings:
    store.characters.add(KAIRO)
    return tiny_settings.model_copy(update={"registry": PATIENCE})


@pytest.fixture
def actor(ray_cluster: None, served: Settings, tiny: BaseFolder) -> Iterator[Handle]:
    """The registry, with three versions of Kairo, of which the first is served."""
    actor: Handle = registry.registry_actor(served)
    for seed in (1, 2, 3):
        ray.get(actor.import_file.remote(KAIRO.id, lora(tiny, seed=seed), seed == 1))
    yield actor
    ray.kill(actor)


def test_every_replica_stages_before_the_switch_and_hears_of_it(actor: Handle) -> None:
    with ScriptedReplica("a", actor) as a, ScriptedReplica("b", actor) as b:
        switch = ray.get(actor.promote.remote(KAIRO.id, 2))
        assert (switch.kind, switch.version, switch.replaced) == ("promoted", 2, 1)
        assert switch.problems == ()
        for replica in (a, b):
            replica.await_kind("promoted")
            assert [one.kind for one in replica.heard] == ["staging", "promoted"]
            assert replica.staged_at < switch.at.timestamp()


def test_a_rollback_does_not_wait_behind_long_polls_and_promotions(actor: Handle) -> None:
    with ScriptedReplica("slow", actor, answers=False) as slow:
        waiting = [
            actor.wait_newer.remote(NewsPosition(switch_id=10_000, hint_id=10_000), 60.0)
            for _ in range(20)
        ]
        ray.get(actor.promote.remote(KAIRO.id, 2))
        blocked = actor.promote.remote(KAIRO.id, 3)
        slow.await_kind("staging", version=3)
        assert ray.get(actor.rollback.remote(KAIRO.id)).version == 1
        assert ray.wait(waiting, timeout=0)[0] == []
        with pytest.raises(Conflict, match="overtaken"):
            ray.get(blocked)


def test_a_silent_replica_does_not_stop_a_promotion(actor: Handle) -> None:
    with ScriptedReplica("a", actor), ScriptedReplica("silent", actor, answers=False):
        switch = ray.get(actor.promote.remote(KAIRO.id, 2))
    assert switch.problems == ("silent: did not answer",)


def test_what_no_replica_can_stage_is_not_served(actor: Handle) -> None:
    with (
        ScriptedReplica("a", actor, problem="NaN"),
        ScriptedReplica("b", actor, problem="NaN"),
        pytest.raises(BadAdapter, match="a: NaN"),
    ):
        ray.get(actor.promote.remote(KAIRO.id, 2))
    assert ray.get(actor.active.remote(KAIRO.id)).version == 1


def test_a_promotion_that_is_cut_off_by_kill_is_finished(actor: Handle, served: Settings) -> None:
    store = Store.open(served.store)
    with ScriptedReplica("a", actor) as a, ScriptedReplica("late", actor, answers=False) as late:
        cut_off = actor.promote.remote(KAIRO.id, 2)
        a.await_kind("staging")
        ray.kill(actor, no_restart=False)
        late.answers = True
        assert ray.get(cut_off, timeout=120).version == 2
        assert ray.get(actor.active.remote(KAIRO.id)).version == 2
        a.await_kind("promoted")
        assert [one.kind for one in a.heard].count("promoted") == 1
    assert store.switches.unfinished() == []
    assert [one.kind for one in store.switches.list(KAIRO.id)].count("promoted") == 2
    store.close()


def test_a_promotion_is_finished_even_when_nobody_asks_again(
    served: Settings, store: Store, tiny: BaseFolder
) -> None:
    first = started(registry.LoraRegistry(served))
    first.import_file(KAIRO.id, lora(tiny), activate=False)
    store.switches.stage(KAIRO.id, 1)  # and then its process was killed
    started(registry.LoraRegistry(served))
    deadline = time.monotonic() + 20
    while store.adapters.active(KAIRO.id) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
