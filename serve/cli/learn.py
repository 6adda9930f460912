"""`cineai learn`: golden images in, a better adapter out, and a person's say in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cluster.domain.learning.runs import OVER
from cluster.errors import Invalid, NotFound

from .console import Json, Key, Url, people, print_json, reports, score, server, table
from .learning import describe, follow_training

learn = typer.Typer(
    help="Learning: what a character is trained on, and when.", no_args_is_help=True
)

CharacterArgument = Annotated[str, typer.Argument(help="Id of the character.")]
IMAGES = (".png", ".jpg", ".jpeg", ".webp")


@learn.command("status")
@reports
def show_learning(
    character: CharacterArgument, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Show how a character's learning stands."""
    with server(url, key) as client:
        found = client.learning(character)
    print_json(found) if json_ else people().print(describe(found))


@learn.command("watch")
@reports
def watch_training(
    character: CharacterArgument, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Follow the open training, or the next one, until the gate has decided."""
    with server(url, key) as client:
        found = client.learning(character)
        known = found.run.id if found.run and found.run.status in OVER else None
        found = follow_training(
            client, character, Console(highlight=False, quiet=json_), after=known
        )
    if json_:
        print_json(found)


@learn.command("run")
@reports
def run_training(
    character: CharacterArgument, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Train now, however few images there are."""
    with server(url, key) as client:
        begun = client.train_now(character)
    if json_:
        print_json(begun)
    else:
        people().print(f"{character}: {begun.status}, run {begun.id}")


@learn.command("pause")
@reports
def pause_training(
    character: CharacterArgument, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Stop training a character, at once and until it is resumed."""
    _pause(character, True, url, key, json_)


@learn.command("resume")
@reports
def resume_training(
    character: CharacterArgument, url: Url = None, key: Key = None, json_: Json = False
) -> None:
    """Train a character again when it is due; a stopped run goes on where it was."""
    _pause(character, False, url, key, json_)


def _pause(character: str, paused: bool, url: str | None, key: str | None, json_: bool) -> None:
    with server(url, key) as client:
        found = client.pause_training(character, paused)
    print_json(found) if json_ else people().print(describe(found))


@learn.command("add")
@reports
def add_images(
    character: CharacterArgument,
    images: Annotated[list[Path], typer.Argument(exists=True, help="Pictures, or folders.")],
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Add approved pictures to the training set. `a.png` is described by `a.txt` beside it."""
    described = {path: _caption(path) for path in _pictures(images)}
    if not described:
        raise Invalid(f"no {', '.join(IMAGES)} among {', '.join(map(str, images))}")
    with server(url, key) as client:
        found = client.add_golden(character, described)
    if json_:
        print_json({"items": found})
        return
    rows = table("picture", "IDR", "verdict")
    for path, one in zip(described, found, strict=True):
        verdict = "[green]accepted[/]" if one.accepted else f"[yellow]{escape(one.reason)}[/]"
        rows.add_row(escape(path.name), score(one.idr), verdict)
    people().print(rows)


def _pictures(given: list[Path]) -> Iterator[Path]:
    for path in given:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        yield from (one for one in inside if one.suffix.lower() in IMAGES)


def _caption(picture: Path) -> str:
    file = picture.with_suffix(".txt")
    if not file.is_file():
        raise NotFound("caption file", id=str(file))
    return file.read_text().strip()
