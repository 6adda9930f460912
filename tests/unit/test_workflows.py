import time
from itertools import pairwise

import sqlalchemy as sa
from dbos import DBOSClient

from cluster.settings import Settings
from cluster.store.workflows import QUEUE, WORKFLOW, open_workflow_engine


def test_the_queue_knows_the_order_of_jobs_submitted_within_one_second(settings: Settings) -> None:
    engine = open_workflow_engine(settings.store)
    client = DBOSClient(system_database_engine=engine)
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
    assert abs(times[-1] / 1000 - time.time()) < 60
    client.destroy()
    engine.dispose()


def test_the_workflow_database_is_in_wal_and_opens_twice(settings: Settings) -> None:
    for _ in range(2):
        engine = open_workflow_engine(settings.store)
        with engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
        engine.dispose()
