"""Work on parts that lie on disk, in several processes, watched until it is done."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Task = TypeVar("Task")

WATCH_S = 1.0
"""Between two looks at how far the processes are."""


def in_processes(
    work: Callable[[Task], None], tasks: Sequence[Task], done: Callable[[], int]
) -> Iterator[int]:
    """Give every process one of the tasks; yields what ``done`` says until all have ended.

    Processes are spawned: a forked one would share the parent's GL context and its threads' locks.
    """
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=work, args=(task,), daemon=True) for task in tasks]
    for job in jobs:
        job.start()
    while any(job.is_alive() for job in jobs):
        for job in jobs:
            job.join(timeout=WATCH_S)
        yield done()
