"""One database, SQLite or Postgres: its engine, its transactions and its migration.

Knows nothing about what is stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel

from cluster.settings import StoreSettings
from cluster.store.engine import open_engine

MIGRATION_LOCK = 0x43494E45
"""Key of the Postgres advisory lock under which the schema is migrated ("CINE")."""


class Database:
    """Thread-safe. Every transaction is short, and one that writes says so when it begins."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin="IMMEDIATE")

    @classmethod
    def open(cls, settings: StoreSettings) -> "Database":
        """Connect and bring the schema up to date; of concurrent openers one migrates."""
        engine = open_engine(settings.sql_url, begins=None)
        if engine.dialect.name == "sqlite":
            # The driver's own implicit BEGIN comes too late and too weak.
            sa.event.listen(engine, "begin", _begin_sqlite)
        database = cls(engine)
        database.migrate()
        return database

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end, or rolls back when the block raises.

        SQLite takes its write lock at once, so that what the block reads stays true until it
        writes. On Postgres the block must lock the row that it decides on.
        """
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Upgrade to the newest revision, in one transaction that holds the migration lock."""
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                lock = sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK))
                connection.execute(lock)
            command.upgrade(alembic_config(connection), "head")

    def close(self) -> None:
        self._engine.dispose()


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration for the migrations in this package, on an open connection."""
    config = Config()
    config.set_main_option("script_location", "cluster.store:migrations")
    config.attributes["connection"] = connection
    return config


def add_once(session: Session, row: SQLModel) -> bool:
    """Insert, unless a row with the same key is there already; whether it was inserted."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
