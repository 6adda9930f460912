"""The migrations make the tables that the rows describe, once, whoever comes first."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cluster.settings import StoreSettings
from cluster.store import Store
from cluster.store.database import Database, alembic_config
from cluster.store.rows import Row
from tests.values import KAIRO


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    """A database without any table."""
    url = None
    if request.param == "postgres":
        create: Callable[[str | None], str] = request.getfixturevalue("postgres")
        url = create(None)
    return StoreSettings(home=tmp_path / "home", database_url=url)


def test_migrations_and_rows_agree(empty: StoreSettings) -> None:
    database = Database.open(empty)
    with database.write() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Row.metadata) == []
    database.close()


def test_every_migration_can_be_undone(empty: StoreSettings) -> None:
    database = Database.open(empty)
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "base")
        left = sa.inspect(session.connection()).get_table_names()
    assert left == ["alembic_version"]
    database.migrate()
    database.close()


def test_processes_that_open_at_once_migrate_once(empty: StoreSettings) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_open_and_read, args=(empty,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    store = Store.open(empty)
    store.characters.add(KAIRO)
    store.close()


def _open_and_read(settings: StoreSettings) -> None:
    store = Store.open(settings)
    assert store.characters.list() == []
    store.close()
