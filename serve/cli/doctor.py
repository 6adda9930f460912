"""`cineai doctor`: what is installed, which backends and licences are active, what is missing."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.markup import escape

from cluster.domain.value import Value
from cluster.providers.facepack import INSIGHTFACE_LICENCE, LICENCES, is_installed
from cluster.settings import ASSETS, Settings

from .console import Json, people, print_json, reports, table

PACKAGES = (
    "ray",
    "torch",
    "diffusers",
    "peft",
    "insightface",
    "onnxruntime",
    "dbos",
    "pymilvus",
    "milvus-lite",
    "sqlmodel",
)
MIN_FREE_GB = 2.0
MIN_MEMORY_GB = 4.0
REINSTALL = "Install CineAI again: `pip install -e .`."


class Finding(Value):
    """One thing that was looked at. `needed`: nothing works without it."""

    name: str
    ok: bool
    found: str
    needed: bool = True
    advice: str = ""


@reports
def doctor(json_: Json = False) -> None:
    """Say what this installation can do and what it lacks. Exit status 1: something needed."""
    found = list(findings(Settings()))
    healthy = all(one.ok for one in found if one.needed)
    if json_:
        print_json({"healthy": healthy, "findings": found})
    else:
        _show(found)
    if not healthy:
        raise typer.Exit(1)


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that can be told without starting anything."""
    yield from _machine(settings)
    yield from _packages()
    yield from _generator(settings)
    yield _writer(settings)
    yield from _faces(settings)
    yield _asset("tagger", ASSETS / "tagger", "*.onnx", needed=True)
    yield from _memory(settings)
    yield _asset("demo character", ASSETS / "kairo", "*.png", needed=False)


def _found(name: str, ok: bool, found: str, advice: str, *, needed: bool = True) -> Finding:
    """A finding whose advice is only for when it is not well."""
    return Finding(name=name, ok=ok, found=found, needed=needed, advice="" if ok else advice)


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield _found("python", sys.version_info >= (3, 11), version, "Use Python ≥ 3.11.")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield _found(
        "machine",
        memory >= MIN_MEMORY_GB,
        f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {_gpu()}",
        f"The service needs about {MIN_MEMORY_GB:g} GB.",
        needed=False,
    )
    home = settings.store.folder.absolute()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 2**30
    yield _found(
        "home",
        os.access(there, os.W_OK) and free >= MIN_FREE_GB,
        f"{home} ({free:.0f} GB free)",
        "Set CINEAI_STORE__HOME to a folder that you may write to and that has room.",
    )


def _gpu() -> str:
    # Asking torch would load it: only the generator's process does that.
    return "an NVIDIA driver" if shutil.which("nvidia-smi") else "no NVIDIA driver"


def _packages() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield _found(package, False, "not installed", REINSTALL)
        else:
            yield _found(package, True, version, "")


def _generator(settings: Settings) -> Iterator[Finding]:
    generator = settings.generator
    local = generator.backend == "diffusers"
    yield _found(
        "generator",
        local,
        f"{generator.backend}, model {generator.model}, device {generator.device}",
        "Only generator.backend = 'diffusers' is built in.",
    )
    if local and generator.model == "studio":
        yield _asset("studio model", ASSETS / "studio", "model_index.json", needed=True)
    elif local and not (Path(generator.model).expanduser() / "model_index.json").is_file():
        yield Finding(
            name="model",
            ok=True,
            found=f"{generator.model} is no folder here: a hub id",
            advice="It is fetched from the hub on first use; that needs network and its licence.",
        )


def _writer(settings: Settings) -> Finding:
    writer = settings.prompt.writer
    advice = "Only prompt.writer = 'composer' is built in; it needs no key."
    return _found("prompt writer", writer == "composer", writer, advice)


def _faces(settings: Settings) -> Iterator[Finding]:
    identity = settings.identity
    own = identity.pack == "studio"
    installed = is_installed(identity)
    yield Finding(
        name="face pack",
        ok=True,
        found=f"{identity.pack}, {'installed' if installed else 'not fetched yet'}",
        advice="" if installed else "It is fetched on first use; that needs network once.",
    )
    licence = ", ".join(f"{part}: {name}" for part, name in LICENCES.items())
    yield Finding(
        name="face licence",
        ok=own or identity.accept_noncommercial_licence,
        found=licence if own else INSIGHTFACE_LICENCE,
        advice=""
        if own
        else "Accept it with CINEAI_IDENTITY__ACCEPT_NONCOMMERCIAL_LICENCE=true, "
        "if it allows what you do, or use identity.pack = 'studio'.",
    )


def _memory(settings: Settings) -> Iterator[Finding]:
    url = settings.store.sql_url
    yield Finding(name="database", ok=True, found=url.partition("@")[2] or url)
    milvus = settings.memory.milvus_uri or "Milvus Lite"
    encoder = settings.memory.text_encoder
    yield Finding(name="vectors", ok=True, found=f"{milvus}; sentences: {encoder}")


def _asset(name: str, folder: Path, pattern: str, *, needed: bool) -> Finding:
    count = len(list(folder.glob(pattern)))
    return Finding(
        name=name,
        ok=count > 0,
        needed=needed,
        found="shipped" if count else "missing",
        advice="" if count else f"{REINSTALL} It should bring {folder}.",
    )


def _show(found: list[Finding]) -> None:
    rows = table("", "part", "found", "what to do")
    for one in found:
        mark = "[green]✓[/]" if one.ok else "[red]✗[/]" if one.needed else "[yellow]![/]"
        rows.add_row(mark, one.name, escape(one.found), escape(one.advice))
    people().print(rows)
