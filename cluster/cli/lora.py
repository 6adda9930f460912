"""`cineai lora`: the adapters of a character."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cluster.cli.console import Json, Key, Url, people, print_json, reports, server, table
from cluster.domain.adapter import AdapterSwitch

lora = typer.Typer(help="Adapters (LoRA): a character's learned look.", no_args_is_help=True)

CharacterOption = Annotated[str, typer.Option("--character", help="Id of the character.")]


@lora.command("import")
@reports
def import_(
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
def list_(
    character: CharacterOption, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Show a character's versions."""
    with server(url, key) as client:
        found = client.adapters(character)
    if json_:
        print_json({"items": found})
        return
    rows = table("version", "active", "rank", "IDR", "origin", "base model")
    for one in found:
        idr = "" if one.idr is None else f"{one.idr:.3f}"
        mark = "●" if one.active else ""
        rows.add_row(str(one.version), mark, str(one.rank), idr, one.origin, one.base_model)
    people().print(rows)


@lora.command()
@reports
def promote(
    version: Annotated[int, typer.Argument(min=0, help="0: no adapter at all.")],
    character: CharacterOption,
    force: Annotated[bool, typer.Option(help="Overrule the gate that refused it.")] = False,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Have the next scenes rendered with a version."""
    with server(url, key) as client:
        switch = client.promote(character, version, force=force)
    if json_:
        print_json(switch)
        return
    _tell(switch)


def _tell(switch: AdapterSwitch) -> None:
    console = people()
    console.print(f"{switch.character_id}: {switch.adapter_id or 'no adapter'} is active.")
    for problem in switch.problems:
        console.print(f"  [yellow]not staged by[/] {escape(problem)}")
