"""Our own server as a child process: started, watched, and stopped cleanly."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


def command(
    *, home: Path | None, host: str | None, port: int | None, model: str | None
) -> list[str]:
    """How a server is started; what is null is left to the settings."""
    given = {"--home": home and home.expanduser().absolute(), "--host": host, "--port": port}
    given["--model"] = model
    options = [str(part) for pair in given.items() if pair[1] is not None for part in pair]
    return [sys.executable, "-m", "serve", *options]


def spawn(line: list[str], log: Path | None = None) -> subprocess.Popen[str]:
    """Start it. Its standard output is ours to read; its log goes to a file, if one is named."""
    if log is None:
        return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
        return subprocess.Popen(
            line, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )


def await_url(process: subprocess.Popen[str]) -> str | None:
    """Where it serves, once it is ready; None when it ended before."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            url = str(json.loads(line)["url"])
        except (ValueError, KeyError, TypeError):
            continue  # some library printed something
        threading.Thread(target=process.stdout.read, daemon=True).start()  # or its pipe fills up
        return url
    return None


def stop(process: subprocess.Popen[str]) -> None:
    """Ask it to shut its cluster down, and wait for that."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(home: Path, *, model: str | None = None) -> Iterator[Service]:
    """A server of our own on a free port, gone when the block ends."""
    log = home / "serve.log"
    process = spawn(command(home=home, host="127.0.0.1", port=0, model=model), log)
    try:
        url = await_url(process)
        if url is None:
            tail = "\n".join(log.read_text().splitlines()[-LOG_LINES:])
            raise CineError(f"The service did not start:\n{tail}", advice=f"See all of {log}.")
        yield Service(url, process)
    finally:
        stop(process)
