"""The database of durable workflows: where DBOS keeps its queue and its checkpoints."""

import sqlalchemy as sa
from dbos import DBOS

from cluster.settings import StoreSettings
from cluster.store.engine import open_engine

APPLICATION = "cineai"
QUEUE = "scenes"
WORKFLOW = "scene"
# DBOS orders a queue by `created_at`, in milliseconds; on SQLite before Python 3.12 it stamps whole
# seconds (dbos/_migration.py: get_sqlite_timestamp_expr), so that scenes submitted within one would
# change places. The trigger adds the milliseconds of the same moment: 'now' stands still within a
# statement, and '%f' is SS.SSS.
ORDERED = """
CREATE TRIGGER IF NOT EXISTS cineai_created_at_ms AFTER INSERT ON workflow_status
WHEN NEW.created_at % 1000 = 0
BEGIN
    UPDATE workflow_status
    SET created_at = NEW.created_at + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)
    WHERE workflow_uuid = NEW.workflow_uuid;
END
"""


def open_workflow_engine(settings: StoreSettings) -> sa.Engine:
    """Open the migrated workflow database, for `DBOS` and for `DBOSClient` alike.

    A lost checkpoint only repeats an idempotent step, and a lost enqueue is made good from the jobs
    table, which is the truth: SQLite's synchronous=NORMAL is enough.
    """
    url = settings.workflow_url
    # As DBOS opens its own: immediate transactions, so that two writers wait instead of failing.
    engine = open_engine(url, begins="IMMEDIATE")
    with engine.connect():
        pass  # WAL is a property of the file: set it before the migration opens its own engine.
    DBOS.migrate(url)
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql(ORDERED)
    return engine
