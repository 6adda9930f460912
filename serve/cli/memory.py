"""`cineai memory`: what a character remembers, and where it comes to mind."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cluster.domain.story.episode import Episode

from ..api.schemas import Found
from .console import Json, Key, Url, people, print_json, reports, server, table

memory = typer.Typer(help="Memory: the scenes that a character was in.", no_args_is_help=True)

CharacterArgument = Annotated[str, typer.Argument(metavar="CHARACTER")]
Limit = Annotated[int, typer.Option(min=1, max=50, help="At most so many.")]


@memory.command("list")
@reports
def list_episodes(
    character: CharacterArgument,
    story: Annotated[str | None, typer.Option(help="Of this story.")] = None,
    forgotten: Annotated[bool, typer.Option(help="Those that were forgotten, too.")] = False,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show every scene that a character remembers."""
    with server(url, key) as client:
        found = client.episodes(character, story, forgotten=forgotten)
    if json_:
        print_json({"items": found})
        return
    rows = table("story", "scene", "id", "prompt")
    for one in found:
        rows.add_row(*_scene(one))
    people().print(rows)


@memory.command("search")
@reports
def search_episodes(
    character: CharacterArgument,
    text: Annotated[str, typer.Argument(help="What happened, in your words.")],
    story: Annotated[str | None, typer.Option(help="In this story.")] = None,
    limit: Limit = 10,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show the scenes nearest in meaning to a text."""
    with server(url, key) as client:
        found = client.search_episodes(character, text, limit, story)
    _tell(found, json_)


@memory.command("faces")
@reports
def search_face(
    character: CharacterArgument,
    picture: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Its largest face is looked for.")
    ],
    limit: Limit = 10,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show where a face was seen: the scenes with the most similar one."""
    with server(url, key) as client:
        found = client.search_face(character, picture, limit)
    _tell(found, json_)


def _tell(found: Iterable[Found], json_: bool) -> None:
    if json_:
        print_json({"items": found})
        return
    rows = table("score", "story", "scene", "id", "prompt")
    for one in found:
        rows.add_row(f"{one.score:.3f}", *_scene(one.episode))
    people().print(rows)


def _scene(one: Episode) -> tuple[str, str, str, str]:
    return one.story_id, str(one.scene), one.id, escape(one.prompt)
