"""The `cineai` command."""

from cluster.cli.app import app

__all__ = ["app"]
