"""Fixtures of all folders, and what makes a run the same for everybody.

Whatever costs more than a moment is made once a session: migrated databases, tiny pipelines, the
validator, the Ray cluster. Torch, diffusers, transformers, peft and insightface are imported
inside fixtures and tests, so that collecting the tests stays quick.
"""

import os
import random
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

from cluster.settings import GeneratorSettings, Settings, StoreSettings

if TYPE_CHECKING:
    from cluster.providers.diffusers.folder import BaseFolder
    from cluster.store import Store
    from serve.api.services import Services
    from serve.replicas.validator import Validator

TESTS = Path(__file__).parent
SLOW_FOLDERS = ("integration", "gpu")
HEAVY = ("torch", "diffusers", "transformers", "peft", "insightface", "schemathesis")
IMPORTED_EARLY = pytest.StashKey[list[str]]()

# The same examples for everybody, so that a red run can be run again; and no deadline, for a busy
# machine is not a bug.
hypothesis_settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis_settings.load_profile("steady")


if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores among them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what a test's folder says of it: `slow`, `gpu`."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
        if folder == "gpu":
            item.add_marker(pytest.mark.gpu)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keeps which heavy libraries the collection imported, for `test_collection`."""
    session.config.stash[IMPORTED_EARLY] = [name for name in HEAVY if name in sys.modules]


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


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with migrated, empty databases: copying it is a hundred times quicker."""
    from cluster.store import Store
    from cluster.store.workflows import open_workflow_engine

    settings = StoreSettings(home=tmp_path_factory.mktemp("template") / "home")
    Store.open(settings).close()
    open_workflow_engine(settings).dispose()
    return settings.home


@pytest.fixture(scope="session")
def new_settings(
    migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Settings]:
    """Makes the defaults, kept in a new home whose databases are migrated."""

    def make() -> Settings:
        home = shutil.copytree(migrated_home, tmp_path_factory.mktemp("home") / "home")
        return Settings(store=StoreSettings(home=home))

    return make


@pytest.fixture
def settings(new_settings: Callable[[], Settings]) -> Settings:
    """The defaults, in a home of the test's own."""
    return new_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator["Store"]:
    from cluster.store import Store

    opened = Store.open(settings.store)
    yield opened
    opened.close()


@pytest.fixture
def tiny(tmp_path: Path) -> "BaseFolder":
    """A base model's folder, as far as the registry reads one: layers, and no model behind them."""
    from tests.tiny_base import tiny_base

    return tiny_base(tmp_path / "tiny")


@pytest.fixture
def tiny_settings(settings: Settings, tiny: "BaseFolder") -> Settings:
    """The defaults, on the base model `tiny`."""
    generator = GeneratorSettings(model=str(tiny.folder))
    return settings.model_copy(update={"generator": generator})


@pytest.fixture
def services(settings: Settings) -> Iterator["Services"]:
    """What the API's routes call: real actors, in this process, and no validator."""
    from tests.local_api import open_services

    with open_services(settings) as opened:
        yield opened


@pytest.fixture
async def client(services: "Services") -> AsyncIterator[httpx.AsyncClient]:
    """The API over `services`, in this process."""
    from tests.local_api import http

    async with http(services) as opened:
        yield opened


@pytest.fixture(scope="session")
def validator(new_settings: Callable[[], Settings]) -> "Validator":
    """The real validator, for characters without stored references; skips without face models."""
    from cluster.errors import ProviderMissing
    from serve.replicas.validator import Validator
    from tests.handles import started

    try:
        return started(Validator(new_settings()))
    except ProviderMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], "BaseFolder"]:
    """Gives a family's pipeline with random weights, for all to read; made when first asked for."""
    folder = tmp_path_factory.mktemp("pipelines")

    def saved(family: str) -> "BaseFolder":
        from cluster.providers.diffusers.folder import base_folder
        from tests import tiny_pipelines, tiny_transformers

        builders = tiny_pipelines.FAMILIES | tiny_transformers.FAMILIES
        return base_folder(str(tiny_pipelines.save(builders[family], folder / family)))

    return saved


@pytest.fixture(scope="session")
def _local_ray() -> Iterator[None]:
    """One local Ray cluster for the session; it joins no other and leaves none behind."""
    from cluster.launch import local_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # or whatever else is tested starves its workers
        with local_ray(num_cpus=8):
            yield


@pytest.fixture(scope="module")
def ray_cluster(_local_ray: None) -> Iterator[None]:
    """A Ray cluster in which no actor of another file's tests lives."""
    import ray
    from ray.util import list_named_actors

    yield
    for name in list_named_actors():
        ray.kill(ray.get_actor(name))
