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
from sqlmodel import col

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import SERVING
from cluster.domain.story.job import JobId, Step
from cluster.domain.story.reading import Change, Evidence
from cluster.settings import StoreSettings
from cluster.store import Store
from cluster.store.database import Database, alembic_config
from cluster.store.rows import AdapterSwitchRow, TableRow
from cluster.store.serving import newest_first
from tests.values import KAIRO, adapter, episode, job

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
        assert compare_metadata(context, TableRow.metadata) == []
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


def test_what_was_active_before_revision_4_is_served(empty: StoreSettings) -> None:
    """Revision 3 had a column beside the log; where they disagreed, jobs followed the column."""
    store = Store.open(empty)
    names = ("kairo", "ada", "mira", "zoe")
    agreed, unlogged, cleared, never = (
        KAIRO.model_copy(update={"id": CharacterId(one)}) for one in names
    )
    for who in (agreed, unlogged, cleared, never):
        store.characters.add(who)
        for version in (1, 2):
            store.adapters.add(adapter(version).model_copy(update={"character_id": who.id}))
    for who in (agreed, cleared):
        store.switches.stage(who.id, 2)
        store.switches.promote(who.id, 2)
    before = len(store.switches.list(agreed.id))
    store.close()

    database = Database.open(empty)
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0003")
        kept = session.execute(sa.text("SELECT character_id FROM adapters WHERE active"))
        assert {one for (one,) in kept} == {"kairo", "mira"}
        change = "UPDATE adapters SET active = :on WHERE character_id = :who AND version = :version"
        for name, version, on in (("mira", 2, False), ("ada", 1, True)):
            session.execute(sa.text(change), {"on": on, "who": name, "version": version})
    database.close()

    store = Store.open(empty)
    everybody = (agreed, unlogged, cleared, never)
    active = [store.adapters.active(who.id) for who in everybody]
    assert [one and one.version for one in active] == [2, 1, None, None]
    assert [(one.character_id, one.version) for one in store.adapters.list() if one.active] == [
        ("ada", 1),
        ("kairo", 2),
    ]
    assert len(store.switches.list(agreed.id)) == before
    assert store.switches.list(unlogged.id)[-1].kind == "promoted"
    assert store.switches.list(cleared.id)[-1].replaced == 2
    assert store.switches.rollback(cleared.id).version == 2
    store.close()


def test_an_episode_of_before_revision_5_has_kept_no_changes(empty: StoreSettings) -> None:
    store = Store.open(empty)
    store.characters.add(KAIRO)
    store.episodes.commit(episode("old", prompt="Kairo holds a lantern"))
    store.close()
    database = Database.open(empty)
    with database.write() as session:
        command.downgrade(alembic_config(session.connection()), "0004")
        columns = sa.inspect(session.connection()).get_columns("episodes")
        assert "changes" not in {one["name"] for one in columns}
    database.close()

    store = Store.open(empty)
    held = Change(
        subject=KAIRO.id,
        op="hold",
        slot="props",
        noun="lantern",
        words=("small",),
        evidence=Evidence(start=0, end=21, quote="Kairo holds a lantern"),
    )
    new = store.episodes.commit(episode("new", changes=(held,)))
    assert [one.changes for one in store.episodes.list(KAIRO.id)] == [None, (held,)]
    assert store.episodes.get(new.id) == new
    store.close()


def test_one_look_up_says_what_is_served(tmp_path: Path) -> None:
    database = Database.open(StoreSettings(home=tmp_path))
    query = newest_first(KAIRO.id).where(col(AdapterSwitchRow.kind).in_(SERVING))
    with database.read() as session:
        sql = query.compile(session.connection(), compile_kwargs={"literal_binds": True})
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    database.close()
    (plan,) = [step.detail for step in steps]  # neither a scan nor a sort beside the search
    assert plan.startswith("SEARCH")
    assert "ix_adapter_switches_character_id_id" in plan


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
