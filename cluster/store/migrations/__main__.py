"""`python -m cluster.store.migrations 0002 "what changes"`: draft the next revision.

Compares the rows with the newest schema, in a throw-away SQLite database. Read the draft: Alembic
sees added and removed things, not renamed ones, and knows no data.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from cluster.settings import StoreSettings
from cluster.store.database import Database, alembic_config


def draft(revision: str, message: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        database = Database.open(StoreSettings(home=Path(home)))
        with database.write() as session:
            config = alembic_config(session.connection())
            command.revision(config, message, rev_id=revision, autogenerate=True)
        database.close()


if __name__ == "__main__":
    draft(*sys.argv[1:])
