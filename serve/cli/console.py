"""How every command talks: options they share, words for people, one JSON object for machines."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn, ParamSpec, TextIO, TypeVar

import typer
from pydantic import ValidationError
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.errors import CineError
from cluster.settings import Settings

from .client import Client

SAYS = {"extra_forbidden": "there is no such field"}
"""Pydantic's own words, where a user would not know what they mean."""
FIELD_ADVICE = "Correct it; a setting section.field is CINEAI_SECTION__FIELD in the environment."

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
    "succeeded": "green",
    "rejected": "yellow",
    "failed": "red",
    "cancelled": "dim",
    "running": "cyan",
    "queued": "blue",
}


def people(file: TextIO | None = None) -> Console:
    """Where people read: standard output, or another stream."""
    return Console(highlight=False, file=file)


def print_json(value: object, file: TextIO | None = None) -> None:
    """One JSON document on standard output, or another stream; pydantic values in JSON form."""
    typer.echo(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False), file=file)


@contextmanager
def answers_only() -> Iterator[TextIO]:
    """Standard output for the block's answers alone, as the stream that it yields.

    Whatever libraries and child processes print meanwhile goes to standard error.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        try:
            yield answers
        finally:
            os.dup2(answers.fileno(), 1)


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
    return Client(url or Settings().gateway.local_url, key)


def reports(command: Callable[P, T]) -> Callable[P, T]:
    """A command whose failures are told as what happened and what to do, with exit status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except CineError as error:
            _fail(error.code, error.message, error.advice, as_json=bool(kwargs.get("json_")))
        except ValidationError as error:
            _fail("invalid", _faults(error), FIELD_ADVICE, as_json=bool(kwargs.get("json_")))

    return run


def _faults(error: ValidationError) -> str:
    """Each field that is wrong, and why: `generator.steps: Input should be …`."""
    told = [
        (".".join(map(str, one["loc"])), SAYS.get(one["type"], one["msg"]))
        for one in error.errors()
    ]
    return "; ".join(f"{where}: {why}" if where else why for where, why in told)


def _fail(code: str, message: str, advice: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": {"code": code, "message": message, "advice": advice}})
    else:
        to_people = Console(stderr=True, highlight=False)
        to_people.print(f"[bold red]{code}[/]: {escape(message)}")
        to_people.print(f"[dim]→[/] {escape(advice)}")
    raise typer.Exit(1)
