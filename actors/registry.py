"""The adapter versions of every character, and which one is active.

The database is the truth; this actor only makes sure that one writer at a time changes it, and
that nothing enters which the served base model could not use. Restarts lose nothing.
"""

import hashlib
from functools import cached_property

import ray
from ray.actor import ActorProxy

from cluster.domain.adapter import AdapterVersion
from cluster.domain.adapter_file import check_fits, read_adapter
from cluster.domain.character import CharacterId
from cluster.errors import Unsupported
from cluster.launch import named_actor
from cluster.providers.diffusers_folder import BaseFolder, base_folder
from cluster.settings import Settings
from cluster.store import Store

NAME = "cineai-registry"


class LoraRegistry:
    """Versions are immutable and count from 1; at most one of a character is active."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.open(settings.store)

    def active(self, character_id: CharacterId) -> AdapterVersion | None:
        """The version that the character's next job will use, if there is one."""
        return self._store.adapters.active(character_id)

    def get(self, character_id: CharacterId, version: int) -> AdapterVersion:
        """One version. Raises NotFound."""
        return self._store.adapters.get(character_id, version)

    def list(self, character_id: CharacterId | None = None) -> list[AdapterVersion]:
        """All versions, of one character or of all."""
        return self._store.adapters.list(character_id)

    def activate(self, character_id: CharacterId, version: int | None) -> None:
        """Make a version the active one, or none of them. Raises NotFound."""
        self._store.adapters.activate(character_id, version)

    def import_file(
        self, character_id: CharacterId, content: bytes, activate: bool = True
    ) -> AdapterVersion:
        """Take in a LoRA file as the character's next version, after checking it.

        The same file again gives the version it already has. Raises NotFound for the character and
        BadAdapter, with the key and why, for a file that the served base model cannot use.
        """
        self._store.characters.get(character_id)
        digest = hashlib.sha256(content).hexdigest()
        known = [one for one in self.list(character_id) if one.sha256 == digest]
        version = known[0] if known else self._add(character_id, content)
        if activate:
            self.activate(character_id, version.version)
        return self.get(character_id, version.version)

    def _add(self, character_id: CharacterId, content: bytes) -> AdapterVersion:
        file = read_adapter(content)
        base = self._base
        check_fits(file, base.layers, lambda: base.sha256)
        version = AdapterVersion(
            character_id=character_id,
            version=self._store.adapters.next_version(character_id),
            sha256=self._store.blobs.put(content),
            base_model=base.id,
            rank=file.rank,
            alpha=file.alpha,
            trigger=file.trigger,
        )
        self._store.adapters.add(version)
        return version

    @cached_property
    def _base(self) -> BaseFolder:
        if self._settings.generator.backend != "diffusers":
            raise Unsupported(
                f"generator.backend = {self._settings.generator.backend!r} cannot use adapters",
                advice="Import adapters where generator.backend is 'diffusers'.",
            )
        return base_folder(self._settings.generator.model)


LoraRegistryActor = ray.remote(LoraRegistry)


def connect(settings: Settings) -> ActorProxy[LoraRegistry]:
    """The cluster's registry, started if need be."""
    return named_actor(LoraRegistryActor, NAME, settings)
