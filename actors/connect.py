"""Handles of the cluster's actors, each started if there is none."""

from typing import cast

from actors import learner, memory, registry
from cluster.handles import Actors, LearnerHandle, LoraRegistryHandle, MemoryStoreHandle
from cluster.rpc import Remote
from cluster.settings import Settings


def connect(settings: Settings) -> Actors:
    """The actors of this Ray cluster."""
    return Actors(
        cast(MemoryStoreHandle, Remote(memory.connect(settings))),
        cast(LoraRegistryHandle, Remote(registry.connect(settings))),
        cast(LearnerHandle, Remote(learner.connect(settings))),
    )


def connect_registry(settings: Settings) -> LoraRegistryHandle:
    """The LoraRegistry of this Ray cluster."""
    return cast(LoraRegistryHandle, Remote(registry.connect(settings)))
