"""Alembic's environment and revisions; `python -m cluster.store.migrations` drafts the next."""
