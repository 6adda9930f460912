"""`python -m tests.docs.constraints`: writes constraints.txt from what is installed here."""

import subprocess
import sys

from tests.docs.markdown import ROOT

PAGE = ROOT / "constraints.txt"
HEAD = """\
# The whole resolved set: `pip install -c constraints.txt -e .` installs these versions, whatever
# has been published since. A constraint binds only what is installed, so the file serves a CPU
# build of torch and a CUDA build alike, which names its own nvidia packages. `make constraints`
# writes it from what is installed: make it in a fresh virtual environment.
"""


def resolved() -> str:
    """The file for the packages of this environment, this project left out.

    A local version (`2.13.0+cpu`) is cut to the public one: it would refuse every other build.
    """
    line = [sys.executable, "-m", "pip", "freeze", "--exclude", "cineai", "--local"]
    frozen = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    pins = [one.partition("+")[0] for one in frozen.splitlines() if "==" in one]
    return HEAD + "\n".join(pins) + "\n"


if __name__ == "__main__":
    PAGE.write_text(resolved())
