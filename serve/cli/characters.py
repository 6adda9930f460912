"""`cineai characters`: who is cast."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cluster.domain.character import Character
from cluster.domain.prompting.facts import locked
from cluster.domain.story.world import WorldState
from cluster.errors import Invalid

from .console import Json, Key, Url, people, print_json, reports, server, table

characters = typer.Typer(help="Characters: profile, references, state.", no_args_is_help=True)


@characters.command("add")
@reports
def add_character(
    name: Annotated[str, typer.Argument(help="What prompts call it.")],
    references: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="1 to 50 pictures.")
    ],
    profile: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON: a whole character (id, domain, consent, profile), or its profile alone.",
        ),
    ] = None,
    id: Annotated[str | None, typer.Option(help="By default made from the name.")] = None,
    consent: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON; fictional by default.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="How its pictures were made: photo (default), or studio.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Cast a character from reference pictures of one face."""
    document = _character(_document(profile)) if profile else {}
    given = {"name": name, "id": id, "domain": domain, "consent": consent and _document(consent)}
    document |= {field: value for field, value in given.items() if value is not None}
    with server(url, key) as client:
        character = client.cast(document, references)
    if json_:
        print_json(character)
        return
    people().print(f"Cast [bold]{escape(character.name)}[/] as {character.id}")


@characters.command("list")
@reports
def list_characters(url: Url = None, key: Key = None, json_: Json = False) -> None:
    """Show every character."""
    with server(url, key) as client:
        found = client.characters()
    if json_:
        print_json({"items": found})
        return
    rows = table("id", "name", "references", "traits")
    for one in found:
        traits = escape(", ".join(locked(one)))
        rows.add_row(one.id, escape(one.name), str(len(one.references)), traits)
    people().print(rows)


@characters.command("show")
@reports
def show_character(
    id: Annotated[str, typer.Argument()],
    story: Annotated[str | None, typer.Option(help="By default the character's own.")] = None,
    at: Annotated[int | None, typer.Option(min=0, help="As it was after this scene.")] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show a character, and what its story has made of it."""
    with server(url, key) as client:
        character, state = client.character(id), client.state(id, story, at)
    if json_:
        print_json({"character": character, "state": state})
        return
    _show(character, state)


def _show(character: Character, state: WorldState) -> None:
    rows = table("", "")
    rows.add_row("name", escape(character.name))
    rows.add_row("traits", escape(", ".join(locked(character))))
    rows.add_row("references", str(len(character.references)))
    rows.add_row("after scene", str(state.scene))
    rows.add_row("outfit", escape(state.outfit.phrase) if state.outfit else "")
    rows.add_row("injuries", escape(", ".join(one.phrase for one in state.injuries)))
    rows.add_row("props", escape(", ".join(state.props)))
    rows.add_row("place", escape(state.place or ""))
    people().print(rows)


def _character(document: dict[str, object]) -> dict[str, object]:
    """The character of a file that holds one, or only its profile: no profile has a `profile`."""
    return document if "profile" in document else {"profile": document}


def _document(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise Invalid(f"{path} is not JSON: {error}", advice="Correct the file.") from error
    if not isinstance(found, dict):
        raise Invalid(f"{path} holds no JSON object", advice="Put the fields between { and }.")
    return found
