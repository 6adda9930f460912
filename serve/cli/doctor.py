"""`cineai doctor`: what is installed, which backends and licences are active, what is missing."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cluster.domain.model_profile import SourcedProfile
from cluster.domain.value import Value
from cluster.errors import CineError, ProviderMissing, Unsupported
from cluster.providers import model_profile
from cluster.providers.diffusers.folder import base_folder
from cluster.providers.facepack import INSIGHTFACE_LICENCE, LICENCES, is_installed
from cluster.settings import ASSETS, Settings
from training.lora.preflight import faults
from training.lora.presets import preset_of

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
UNSAID = {
    "licence": "the folder says nothing",
    "lora": "told when it is loaded",
    "inpaint": "told when it is loaded",
}
"""What null means in a profile."""


class Finding(Value):
    """One thing that was looked at. `needed`: nothing works without it."""

    name: str
    ok: bool
    found: str
    needed: bool = True
    advice: str = ""


@reports
def doctor(
    model: Annotated[
        str | None,
        typer.Option(help="Say what this model would give: a folder, or the id of a cached one."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say what this installation can do and what it lacks. Exit status 1: something needed."""
    settings = Settings()
    if model is not None:
        generator = settings.generator.model_copy(update={"model": model})
        settings = settings.model_copy(update={"generator": generator})
    found = list(_model(settings) if model is not None else findings(settings))
    healthy = all(one.ok for one in found if one.needed)
    profile = _profile(settings)
    if json_:
        told = profile.model_dump() if profile else {"profile": None, "sources": {}}
        print_json({"healthy": healthy, "findings": found, **told})
    else:
        _show(found)
        if profile:
            _show_profile(profile)
    if not healthy:
        raise typer.Exit(1)


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that can be told without starting anything."""
    yield from _machine(settings)
    yield from _packages()
    yield from _model(settings)
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


def _model(settings: Settings) -> Iterator[Finding]:
    """The painting model, and what does not go together with it."""
    generator = settings.generator
    wrong = list(faults(settings))
    unreadable = [one for one in wrong if one.setting == "generator.model"]
    yield Finding(
        name="model",
        ok=not unreadable,
        found=unreadable[0].what if unreadable else f"{generator.model}, device {generator.device}",
        advice=unreadable[0].advice if unreadable else "",
    )
    for one in wrong:
        if one not in unreadable:
            yield Finding(name=one.setting, ok=False, found=one.what, advice=one.advice)
    if not unreadable:
        yield _weights(generator.model)
        yield _training(settings)


def _weights(model: str) -> Finding:
    try:
        return Finding(name="base model", ok=True, found=base_folder(model).id)
    except ProviderMissing as error:
        return Finding(name="base model", ok=False, found=error.message, advice=error.advice)


def _training(settings: Settings) -> Finding:
    try:
        preset = preset_of(base_folder(settings.generator.model), settings.training)
    except Unsupported as error:
        found, advice = error.message, error.advice
        return Finding(name="training", ok=False, needed=False, found=found, advice=advice)
    changed = sorted(settings.training.recipe.model_dump(exclude_none=True))
    told = f", with {', '.join(changed)} of your own" if changed else ""
    return Finding(name="training", ok=True, found=f"preset {preset}{told}")


def _profile(settings: Settings) -> SourcedProfile | None:
    """The profile in force; None where `_model` has said why there is none."""
    try:
        return model_profile(settings)
    except CineError:
        return None


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


def _show_profile(found: SourcedProfile) -> None:
    rows = table("profile in force", "value", "from")
    for name, value in found.profile:
        rows.add_row(name, escape(_told(name, value)), found.sources[name])
    people().print()
    people().print(rows)


def _told(name: str, value: object) -> str:
    """A value of the profile for people."""
    match value:
        case None:
            return UNSAID.get(name, "none")
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value) or "none"
