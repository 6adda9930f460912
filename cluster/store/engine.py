"""SQLAlchemy engines over SQLite or Postgres: pools, pragmas and how a transaction begins."""

import sqlite3
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

BUSY_TIMEOUT_MS = 30_000
POOL_SIZE, MAX_OVERFLOW = 8, 32
PRAGMAS = (
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "foreign_keys=ON",
    "journal_mode=WAL",
    # Survives a killed process; a power cut may cost the last commits, never the file.
    "synchronous=NORMAL",
)


def open_engine(url: str, *, begins: Literal["IMMEDIATE"] | None) -> sa.Engine:
    """An engine that no connection has been made with yet; SQLite's folder is made.

    Args:
        begins: How Python's SQLite driver begins a transaction before it writes; None: it never
            does, and somebody listens to the engine's `begin`. Postgres needs neither.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=MAX_OVERFLOW, pool_pre_ping=True
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, pool_size=POOL_SIZE, max_overflow=MAX_OVERFLOW)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = begins
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine
