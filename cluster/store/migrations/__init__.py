"""Alembic's environment and the schema's revisions. `python -m cluster.store.migrations` adds one."""
