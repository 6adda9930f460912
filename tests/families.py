"""Families of base models as parameters of tests."""

from collections.abc import Sequence

import pytest


def families(first: str, *others: str) -> Sequence[object]:
    """The first is tried always, the others in the whole suite only."""
    return [first, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]
