"""The migrations make the tables that the rows describe, once, whoever comes first."""

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cluster.domain.job import JobId, Step
from cluster.settings import StoreSettings
from cluster.store import Store
from cluster.store.database import Database, alembic_config
from cluster.store.rows import Row
from tests.values import KAIRO, adapter, job

MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


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


def test_what_was_served_and_rendered_before_revision_2_is_kept(empty: StoreSettings) -> None:
    store = Store.open(empty)
    store.characters.add(KAIRO)
    for version in (1, 2):
        store.adapters.add(adapter(version))
    for n, name in enumerate(("with", "without", "planned")):
        store.jobs.add(job(name).model_copy(update={"created_at": MORNING + timedelta(seconds=n)}))
    store.jobs.add_step(
        JobId("planned"), Step(name="adapter", duration_ms=1, detail={"adapter": "char_kairo_v1"})
    )
    store.close()
    _as_revision_1_left_it(empty)

    store = Store.open(empty)
    log = [(one.kind, one.version, one.replaced) for one in store.switches.list(KAIRO.id)]
    assert log == [("promoted", 1, None), ("promoted", 2, 1), ("cleared", None, 2)]
    assert store.switches.rollback(KAIRO.id).version == 2
    assert store.switches.rollback(KAIRO.id).version == 1
    jobs = {one.id: one for one in store.jobs.list()}
    assert {id: one.request.adapter_version for id, one in jobs.items()} == {
        "with": None,
        "without": 0,
        "planned": None,
    }
    assert {id: one.adapter_version for id, one in jobs.items()} == {
        "with": None,
        "without": 0,
        "planned": 1,
    }
    assert [step.name for step in jobs[JobId("planned")].steps] == ["adapter"]
    store.close()


def _as_revision_1_left_it(settings: StoreSettings) -> None:
    """Take revision 2 back, and write what the code of that time wrote."""
    database = Database.open(settings)
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0001")
        switch = sa.text(
            "INSERT INTO adapter_switches (character_id, version, active, at)"
            " VALUES ('kairo', :version, :active, :at)"
        ).bindparams(sa.bindparam("at", type_=sa.DateTime(timezone=True)))
        for minute, version, active in ((0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False)):
            at = MORNING + timedelta(minutes=minute, milliseconds=version)
            session.execute(switch, {"version": version, "active": active, "at": at})
        change = sa.text("UPDATE jobs SET request = :request WHERE id = :id")
        for id, request in session.execute(sa.text("SELECT id, request FROM jobs")).all():
            request = json.loads(request) if isinstance(request, str) else dict(request)
            assert request.pop("use_adapter") is True
            request["use_adapter"] = id != "without"
            session.execute(change, {"id": id, "request": json.dumps(request)})
    database.close()
