"""Everything here needs an NVIDIA GPU and is skipped without one."""

from collections.abc import Callable

import pytest

from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import Settings
from cluster.store import Store


@pytest.fixture(scope="session", autouse=True)
def _gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")


@pytest.fixture(scope="module")
def store(new_settings: Callable[[], Settings]) -> Store:
    return Store.open(new_settings().store)


@pytest.fixture(scope="module", params=["flux", "sd15", "sdxl", "zimage"])
def base(request: pytest.FixtureRequest, tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    """Every family in turn."""
    return tiny_pipeline(request.param)
