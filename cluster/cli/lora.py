"""`cineai lora`: the adapters of a character."""

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import Json, Key, Url, people, print_json, reports, server, table

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
def activate(
    version: Annotated[int, typer.Argument(min=0, help="0: no adapter at all.")],
    character: CharacterOption,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Choose the version that the next scenes are rendered with."""
    with server(url, key) as client:
        client.activate(character, version or None)
    if json_:
        print_json({"character_id": character, "version": version or None})
        return
    people().print(f"{character}: {f'version {version}' if version else 'no adapter'} is active.")
