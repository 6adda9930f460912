"""The MemoryStore as the cluster's one actor."""

import os
from typing import Any

import pytest
import ray

from actors import memory
from cluster.domain.story.scene import SceneState, StoryId
from cluster.errors import NotFound
from cluster.settings import Settings
from cluster.store import Store
from tests.integration.processes import await_pid
from tests.values import CUT, KAIRO, episode


@pytest.mark.usefixtures("ray_cluster")
def test_a_killed_actor_comes_back_with_everything(settings: Settings) -> None:
    store = Store.open(settings.store)
    store.characters.add(KAIRO)
    store.close()
    actor: Any = memory.memory_actor(settings)
    try:
        kept = ray.get(
            actor.remember.remote(
                episode("rain", SceneState(injuries=(CUT,))), ("sface", [1.0, 0.0])
            )
        )
        assert kept.scene == 1
        killed = await_pid("MemoryStore", os.getpid())
        ray.kill(actor, no_restart=False)
        await_pid("MemoryStore", os.getpid(), other_than=killed)
        again: Any = memory.memory_actor(settings)
        world = ray.get(again.recall.remote(KAIRO.id, StoryId("kairo")), timeout=120)
        assert [one.kind for one in world.injuries] == ["cut"]
        search = again.search_face.remote(KAIRO.id, "sface", [1.0, 0.1], 3, 60.0)
        found = ray.get(search, timeout=120)
        assert [one.id for one, _ in found] == ["rain"]
        with pytest.raises(NotFound, match="nobody"):
            ray.get(again.recall.remote("nobody", StoryId("s")))
    finally:
        ray.kill(actor)
