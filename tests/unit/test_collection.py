"""Collecting the tests stays quick: heavy libraries are imported by what uses them."""

import pytest

from tests.conftest import IMPORTED_EARLY


def test_collecting_imports_no_heavy_library(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.stash[IMPORTED_EARLY] == []
