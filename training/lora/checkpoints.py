"""Where a run's checkpoints are kept: what it is resumed from, until it is over."""

from fsspec.core import url_to_fs

from cluster.settings import Settings
from cluster.telemetry import logger

log = logger(__name__)


def runs_url(settings: Settings) -> str:
    """The folder of all runs; workers on other machines must reach it too."""
    return settings.training.runs_url or str((settings.store.folder / "runs").absolute())


def discard(run_id: str, settings: Settings) -> None:
    """Delete a run's checkpoints, for it is over; its adapter stays among the blobs.

    A storage that refuses leaves them, and a warning: no run fails of what it no longer needs.
    """
    files, path = url_to_fs(f"{runs_url(settings)}/{run_id}")
    try:
        if files.exists(path):
            files.rm(path, recursive=True)
    except OSError as error:
        log.warning("training.checkpoints_stay", run=run_id, problem=str(error))
