"""Our own server as a child process: started, watched, and stopped cleanly."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cluster.errors import CineError

ROOT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 60.0
LOG_LINES = 15


class Service(NamedTuple):
    """A server that is ready."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def running(home: Path) -> Iterator[Service]:
    """A server of our own on a free port of the loopback address, gone when the block ends.

    Raises:
        CineError: It did not start; the message has the last lines of its log.
    """
    log = home / "serve.log"
    process = _spawn(home, log)
    try:
        url = _await_url(process)
        if url is None:
            tail = "\n".join(log.read_text().splitlines()[-LOG_LINES:])
            raise CineError(f"The service did not start:\n{tail}", advice=f"See all of {log}.")
        yield Service(url, process)
    finally:
        _stop(process)


def _spawn(home: Path, log: Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "serve", "serve", "--json", "--host", "127.0.0.1", "--port", "0"]
    line += ["--home", str(home.expanduser().absolute())]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
        return subprocess.Popen(
            line, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )


def _await_url(process: subprocess.Popen[str]) -> str | None:
    """Where it serves, once it is ready; None when it ended before, with an error or none."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        with suppress(ValueError):  # the document goes on in the next line
            answer: dict[str, str] = json.loads(text)
            return answer.get("url")
    return None


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask it to shut its cluster down, and wait for that."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
