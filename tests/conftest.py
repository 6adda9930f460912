"""Fixtures of all folders: a clean environment, a folder to keep things in, one Ray cluster."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

from cluster.settings import Settings, StoreSettings

# The same examples for everybody, so that a red run can be run again.
hypothesis_settings.register_profile("steady", derandomize=True)
hypothesis_settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """The same dice for everybody, before any fixture throws them, for the same reason."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """No setting of the person who runs the tests may change their outcome."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CINEAI_")]:
            patch.delenv(name)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, kept in a folder of the test's own."""
    return Settings(store=StoreSettings(home=tmp_path / "home"))


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One local Ray cluster for the session; it joins no other and leaves none behind."""
    from cluster.launch import local_ray

    with local_ray(num_cpus=8):
        yield
