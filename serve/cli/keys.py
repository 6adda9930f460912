"""`cineai keys`: API keys, made where the server's store is."""

from typing import TYPE_CHECKING, Annotated

import typer

from cluster.settings import Settings

from .console import Json, people, print_json, reports, table

if TYPE_CHECKING:
    from cluster.store.keys import KeyRepository

keys = typer.Typer(help="API keys of this machine's store.", no_args_is_help=True)


@keys.command("create")
@reports
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")], json_: Json = False
) -> None:
    """Make a key. It is shown this once."""
    id, plaintext = _keys().create(name)
    if json_:
        print_json({"id": id, "name": name, "key": plaintext})
        return
    people().print(f"{plaintext}\n[dim]Shown this once. Send it as `Authorization: Bearer …`.[/]")


@keys.command("list")
@reports
def list_keys(json_: Json = False) -> None:
    """Show every key, without its secret."""
    found = _keys().list()
    if json_:
        print_json({"items": found})
        return
    rows = table("id", "name", "made", "revoked")
    for key in found:
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        rows.add_row(key.id, key.name, f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
    people().print(rows)


@keys.command("revoke")
@reports
def revoke_key(id: Annotated[str, typer.Argument()], json_: Json = False) -> None:
    """Refuse a key from now on."""
    _keys().revoke(id)
    if json_:
        print_json({"id": id, "revoked": True})
        return
    people().print(f"{id} is revoked.")


def _keys() -> "KeyRepository":
    # The database libraries take longer to load than all the rest of the command.
    from cluster.store import Store  # noqa: PLC0415

    return Store.open(Settings().store).keys
