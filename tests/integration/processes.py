"""The processes of a Ray cluster, found by what Ray calls them."""

import time
from pathlib import Path

import psutil


def pids_of(part: str, root: int) -> list[int]:
    """Processes below `root` whose Ray title names `part`: a deployment, or an actor's class."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        title = _title(process.pid)
        if title.startswith("ray::") and part in title.split("(")[0]:
            found.append(process.pid)
    return found


def await_pid(part: str, root: int, *, other_than: int | None = None, timeout_s: float = 60) -> int:
    """The one process of `part`, waiting for it to be there."""
    deadline = time.monotonic() + timeout_s
    while True:
        pids = [pid for pid in pids_of(part, root) if pid != other_than]
        if pids:
            return pids[0]
        assert time.monotonic() < deadline, f"no process of {part}"
        time.sleep(0.2)


def pss_bytes(root: int) -> int:
    """Memory of `root` and everything below it, shared pages counted once."""
    family = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    total = 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def loads_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
