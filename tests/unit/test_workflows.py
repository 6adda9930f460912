import time
from itertools import pairwise

import sqlalchemy as sa
from dbos import DBOSClient

from cluster.settings import Settings
from cluster.store.workflows import QUEUE, WORKFLOW, open_workflow_engine


def test_the_queue_knows_the_order_of_jobs_submitted_within_one_second(settings: Settings) -> None:
    engine = open_workflow_engine(settings.store)
    client = DBOSClient(system_database_engine=engine)
    asked_at = time.time()
    for id in "edcba":
        client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": id,
                "queue_partition_key": "story",
            },
            id,
        )
        time.sleep(0.002)

    times = [one.created_at or 0 for one in client.list_workflows()]
    assert [one.workflow_id for one in client.list_workflows()] == [*"edcba"]
    assert all(one < two for one, two in pairwise(times))
    # A bare millisecond earlier: SQLite rounds the present moment down.
    assert asked_at * 1000 - 1 <= times[0] <= times[-1] <= time.time() * 1000
    client.destroy()
    engine.dispose()


def test_sqlite_tells_the_time_as_ever_on_the_workflow_database(settings: Settings) -> None:
    engine = open_workflow_engine(settings.store)
    with engine.connect() as connection:
        year = connection.execute(sa.text("SELECT strftime('%Y', '2026-03-01')")).scalar_one()
    engine.dispose()
    assert year == "2026"


def test_the_workflow_database_is_in_wal_and_opens_twice(settings: Settings) -> None:
    for _ in range(2):
        engine = open_workflow_engine(settings.store)
        with engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
        engine.dispose()
