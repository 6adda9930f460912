"""How every command talks: options they share, words for people, one JSON object for machines."""

import functools
import json
from collections.abc import Callable
from typing import Annotated, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.errors import CineError
from cluster.settings import Settings

from .client import Client

P = ParamSpec("P")
T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Url = Annotated[
    str | None,
    typer.Option(envvar="CINEAI_URL", help="The server; by default this machine's own."),
]
Key = Annotated[
    str | None, typer.Option(envvar="CINEAI_KEY", help="API key, where the server asks for one.")
]

STATUS_COLOURS = {
    "succeeded": "green", "rejected": "yellow", "failed": "red", "cancelled": "dim",
    "running": "cyan", "queued": "blue",
}  # fmt: skip


def people() -> Console:
    """Where people read: standard output."""
    return Console(highlight=False)


def print_json(value: object) -> None:
    """One JSON document on standard output; pydantic values as their JSON forms."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: object) -> object:
    """A value as JSON types."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def coloured(status: str) -> str:
    """A job's status, marked up."""
    return f"[{STATUS_COLOURS.get(status, 'white')}]{status}[/]"


def score(idr: float | None) -> str:
    return "no face" if idr is None else f"{idr:.3f}"


def table(*columns: str) -> Table:
    """A plain table with these column heads."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def server(url: str | None, key: str | None) -> Client:
    """A client of the server that was named, or of the one this machine's settings describe."""
    if url is None:
        gateway = Settings().gateway
        host = "127.0.0.1" if gateway.host in {"0.0.0.0", "::"} else gateway.host
        url = f"http://{f'[{host}]' if ':' in host else host}:{gateway.port}"
    return Client(url, key)


def reports(command: Callable[P, T]) -> Callable[P, T]:
    """A command whose failures are told as what happened and what to do, with exit status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except CineError as error:
            _fail(error.code, error.message, error.advice, as_json=bool(kwargs.get("json_")))
        except ValidationError as error:
            _fail("invalid", str(error), "Correct the field.", as_json=bool(kwargs.get("json_")))

    return run


def _fail(code: str, message: str, advice: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": {"code": code, "message": message, "advice": advice}})
    else:
        to_people = Console(stderr=True, highlight=False)
        to_people.print(f"[bold red]{code}[/]: {escape(message)}")
        to_people.print(f"[dim]→[/] {escape(advice)}")
    raise typer.Exit(1)
