"""`cineai lora`: the versions of an actor, and which of them is served."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cluster.domain.character import CharacterId
from cluster.domain.learning.adapter import SERVING, AdapterSwitch, AdapterVersion, adapter_id
from cluster.errors import Conflict, Invalid, NotFound

from ..api.schemas import JobAdapter, Served
from .console import Json, Key, Url, people, print_json, reports, server, table

lora = typer.Typer(
    help="Adapters (LoRA): the versions of a character's learned look.", no_args_is_help=True
)

CharacterOption = Annotated[str, typer.Option("--character", help="Id of the character.")]
VersionArgument = Annotated[int, typer.Argument(min=1)]


@lora.command("import")
@reports
def import_adapter(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    character: CharacterOption,
    activate: Annotated[bool, typer.Option(help="Use it from the next scene on.")] = True,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Check a safetensors file and keep it as the character's next version."""
    with server(url, key) as client:
        version = client.import_adapter(character, file, activate=activate)
    if json_:
        print_json(version)
        return
    state = "active" if version.active else "not active"
    people().print(f"{version.id}: rank {version.rank}, for {version.base_model}, {state}")


@lora.command("list")
@reports
def list_adapters(
    character: CharacterOption, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Show a character's versions. ● is served, ○ is what rolling back would serve."""
    with server(url, key) as client:
        found = client.adapters(character)
    if json_:
        print_json(found)
        return
    rows = table("version", "", "origin", "IDR", "gate", "rank", "base model", "made")
    for one in found.items:
        mark = {found.active: "●", found.previous: "○"}.get(one.version, "")
        rows.add_row(
            str(one.version),
            mark,
            one.origin,
            _figure(one.idr),
            escape(_gate(one)),
            str(one.rank),
            one.base_model,
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
    people().print(rows)


@lora.command("show")
@reports
def show_adapter(
    version: VersionArgument,
    character: CharacterOption,
    sheet: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the gate's contact sheet here (PNG).")
    ] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show a version: where it comes from, how it was trained, and the gate's report."""
    with server(url, key) as client:
        detail = client.adapter(character, version)
        one = detail.adapter
        if sheet:
            if not (one.verdict and one.verdict.sheet):
                raise NotFound("contact sheet", id=one.id)
            sheet.parent.mkdir(parents=True, exist_ok=True)
            sheet.write_bytes(client.artifact(one.verdict.sheet))
    if json_:
        print_json(detail)
        return
    _show(one)
    if sheet:
        people().print(f"[dim]→[/] {sheet}", soft_wrap=True)


@lora.command("promote")
@reports
def promote_adapter(
    version: Annotated[int, typer.Argument(min=0, help="0: no adapter at all.")],
    character: CharacterOption,
    force: Annotated[bool, typer.Option(help="Overrule the gate that refused it.")] = False,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Have the next scenes rendered with a version, once every replica holds it ready."""
    with server(url, key) as client:
        switch = client.promote(character, version, force=force)
    _tell(switch, json_)


@lora.command("rollback")
@reports
def rollback_adapter(
    character: CharacterOption,
    version: Annotated[
        int | None, typer.Argument(min=1, help="The version to take back; by default the active.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Serve again what was served before, at once. Twice goes back two versions."""
    with server(url, key) as client:
        version = version or client.adapters(character).active
        if version is None:
            raise Conflict(
                f"{character}: no version is active", advice="Promote one: `cineai lora promote`."
            )
        switch = client.rollback(character, version)
    _tell(switch, json_)


@lora.command("export")
@reports
def export_adapter(
    version: VersionArgument,
    character: CharacterOption,
    out: Annotated[
        Path | None, typer.Option(help="File or folder; by default this folder.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Write a version as char_<id>_v<n>.safetensors; diffusers' load_lora_weights takes it."""
    name = f"{adapter_id(CharacterId(character), version)}.safetensors"
    path = out or Path(name)
    path = path / name if path.is_dir() else path
    with server(url, key) as client:
        content = client.adapter_file(character, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if json_:
        print_json({"file": str(path), "bytes": len(content)})
        return
    people().print(f"[dim]→[/] {path} ({len(content):,} bytes)", soft_wrap=True)


@lora.command("delete")
@reports
def delete_adapter(
    version: VersionArgument,
    character: CharacterOption,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Forget a version and its file; never the active one."""
    with server(url, key) as client:
        switch = client.delete_adapter(character, version)
    if json_:
        print_json(switch)
        return
    people().print(f"{switch.adapter_id} is deleted.")


@lora.command("history")
@reports
def show_history(
    character: Annotated[str | None, typer.Option(help="Id of the character.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Which was active then: 2026-01-31T12:00:00Z.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="Which served this job.")] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show what was served when; or which version was active --at a time, or served a --job."""
    if (job is None) == (character is None) or (job and at):
        raise Invalid("give --character, or --character and --at, or --job", advice="See --help.")
    with server(url, key) as client:
        if job:
            _tell_version(client.adapter_of(job), json_)
        elif at:
            _tell_version(client.served(str(character), at), json_)
        else:
            _tell_switches(client.switches(str(character)), json_)


def _tell_version(found: Served | JobAdapter, json_: bool) -> None:
    if json_:
        print_json(found)
        return
    console = people()
    if isinstance(found, JobAdapter) and found.version is None:
        console.print("not planned yet")
        return
    version = found.version
    name = adapter_id(found.character_id, version) if version else "no adapter"
    since = found.since if isinstance(found, Served) else None
    console.print(f"{name}{f'  [dim]since {since.isoformat()}[/]' if since else ''}")


def _tell_switches(found: list[AdapterSwitch], json_: bool) -> None:
    if json_:
        print_json({"items": found})
        return
    rows = table("when", "what", "version", "replaced", "problems")
    for one in found:
        replaced = _number(one.replaced) if one.kind in SERVING else ""
        rows.add_row(
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.kind.replace("_", " "),
            _number(one.version),
            replaced,
            escape("; ".join(one.problems)),
        )
    people().print(rows)


def _tell(switch: AdapterSwitch, json_: bool) -> None:
    if json_:
        print_json(switch)
        return
    console = people()
    console.print(f"{switch.character_id}: {switch.adapter_id or 'no adapter'} is active.")
    for problem in switch.problems:
        console.print(f"  [yellow]not staged by[/] {escape(problem)}")


def _show(one: AdapterVersion) -> None:
    rows = table("", "")
    rows.add_row("version", f"{one.id}{'  ● active' if one.active else ''}")
    rows.add_row("origin", one.origin)
    rows.add_row("base model", escape(one.base_model))
    rows.add_row("rank, alpha", f"{one.rank}, {one.alpha:g}")
    rows.add_row("trigger", escape(one.trigger or ""))
    rows.add_row("sha256", one.sha256)
    if one.training:
        rows.add_row("best step", str(one.training.best_step))
        rows.add_row("probe IDR", _figure(one.training.probe_idr))
        rows.add_row("trained for", f"{one.training.train_s:.0f} s")
        rows.add_row("training set", one.training.manifest)
    if one.verdict:
        rows.add_row("gate", escape(_gate(one)))
    people().print(rows)
    if one.verdict:
        measures = table("figure", "before", "this", "difference, 95 %", "margin", "")
        for got in one.verdict.measures:
            between = f"{_figure(got.low)} … {_figure(got.high)}" if got.low is not None else ""
            measures.add_row(
                got.name,
                _figure(got.champion),
                _figure(got.challenger),
                between,
                f"{got.margin:g}",
                "[green]✓[/]" if got.passed else "[red]✗[/]",
            )
        people().print(measures)


def _gate(one: AdapterVersion) -> str:
    if one.verdict is None:
        return ""
    return "passed" if one.refused is None else f"refused: {one.refused}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _number(version: int | None) -> str:
    return "none" if version is None else str(version)
