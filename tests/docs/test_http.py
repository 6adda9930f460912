"""docs/http.md names every failure, under the status that it is answered with."""

import re
from collections.abc import Iterator

from cluster.errors import CineError
from serve.api.problems import PROTOCOL, status_of
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "http.md").read_text()
ROWS = re.findall(r"^\| ([\d, ]+) \| (`.+`) \|$", PAGE, re.MULTILINE)


def kinds(root: type[CineError] = CineError) -> Iterator[type[CineError]]:
    """Every failure that has a name of its own."""
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def status(kind: type[CineError]) -> int:
    return status_of(kind.__new__(kind))


def test_every_failure_is_named_once_under_its_status() -> None:
    ours = {kind.code: status(kind) for kind in kinds() if kind.__module__ == "cluster.errors"}
    codes = ours | {code: number for number, (code, _, _) in PROTOCOL.items()}
    told = [(code, row) for row, named in ROWS for code in re.findall(r"`(\w+)`", named)]
    assert sorted(code for code, _ in told) == sorted(codes)
    assert [code for code, row in told if str(codes[code]) not in row] == []
