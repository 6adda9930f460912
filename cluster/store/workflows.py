"""The database of durable workflows: where DBOS keeps its queue and its checkpoints."""

import sqlite3
import time

import sqlalchemy as sa
from dbos import DBOS

from cluster.settings import StoreSettings

APPLICATION = "cineai"
QUEUE = "scenes"
WORKFLOW = "scene"


def open_workflow_engine(settings: StoreSettings) -> sa.Engine:
    """Open the migrated workflow database, for `DBOS` and for `DBOSClient` alike.

    SQLite is in WAL with synchronous=NORMAL: it survives a killed process; after a power cut its
    last commits may be missing. A lost checkpoint only repeats an idempotent step, and a lost
    enqueue is made good from the jobs table, which is the truth.
    """
    url = settings.workflow_url
    if url.startswith("sqlite"):
        settings.folder.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, pool_size=20, pool_timeout=30)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        with engine.connect():
            pass  # WAL is a property of the file: set it before the migration opens its own engine.
    else:
        engine = sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=20,
            pool_pre_ping=True,
        )
    DBOS.migrate(url)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # As DBOS opens its own: immediate transactions, so that two writers wait instead of failing.
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    # DBOS orders a queue by strftime('%s', 'now') * 1000 where Python has an old SQLite: whole
    # seconds, so that scenes submitted within one would change places. Answer in milliseconds.
    connection.create_function("strftime", 2, lambda _format, _when: f"{time.time():.3f}")
