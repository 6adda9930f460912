"""Handles of the cluster's actors, each started if there is none."""

from typing import cast

from actors.learner import learner_actor
from actors.memory import memory_actor
from actors.registry import registry_actor
from cluster.handles import Actors, LearnerHandle, LoraRegistryHandle, MemoryStoreHandle
from cluster.rpc import Remote
from cluster.settings import Settings


def connect(settings: Settings) -> Actors:
    """The actors of this Ray cluster."""
    return Actors(
        cast(MemoryStoreHandle, Remote(memory_actor(settings))),
        connect_registry(settings),
        cast(LearnerHandle, Remote(learner_actor(settings))),
    )


def connect_registry(settings: Settings) -> LoraRegistryHandle:
    """The LoraRegistry of this Ray cluster."""
    return cast(LoraRegistryHandle, Remote(registry_actor(settings)))
