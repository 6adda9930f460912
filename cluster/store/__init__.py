"""What CineAI keeps: rows in one SQL database, bytes in one blob store."""

from cluster.settings import StoreSettings
from cluster.store.adapters import AdapterRepository
from cluster.store.blobs import Blobs
from cluster.store.characters import CharacterRepository
from cluster.store.database import Database
from cluster.store.episodes import EpisodeRepository
from cluster.store.golden import GoldenRepository
from cluster.store.idempotency import IdempotencyRepository
from cluster.store.jobs import JobRepository
from cluster.store.keys import KeyRepository
from cluster.store.switches import SwitchRepository
from cluster.store.training import TrainingRepository


class Store:
    """Every repository over one database. Thread-safe and synchronous; open one a process."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self.blobs = blobs
        self.characters = CharacterRepository(database)
        self.jobs = JobRepository(database)
        self.episodes = EpisodeRepository(database)
        self.adapters = AdapterRepository(database)
        self.switches = SwitchRepository(database)
        self.golden = GoldenRepository(database)
        self.training = TrainingRepository(database)
        self.keys = KeyRepository(database)
        self.idempotency = IdempotencyRepository(database)

    @classmethod
    def open(cls, settings: StoreSettings) -> "Store":
        """Connect, migrate if need be (once, whoever comes first), and return the store."""
        return cls(Database.open(settings), Blobs(settings.blob_root))

    def close(self) -> None:
        """Give the database connections back."""
        self._database.close()


__all__ = ["Store"]
