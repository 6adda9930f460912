"""`cineai serve`: the service in the foreground."""

from pathlib import Path
from typing import Annotated, TextIO

import typer

from cluster.settings import Settings

from .console import Json, answers_only, people, print_json, reports


@reports
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default gateway.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="0: any free one; by default gateway.port.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of everything that is kept (store.home).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="studio, a diffusers folder or a hub id (generator.model).")
    ] = None,
    json_: Json = False,
) -> None:
    """Serve on this machine until Ctrl-C; says where once it is ready."""
    chosen = settings(host=host, port=port, home=home, model=model)
    # Ray and torch take seconds to load: --help and the checks above do not wait for them.
    from ..standalone import run  # noqa: PLC0415

    with answers_only() as answers:
        run(chosen, lambda url: _announce(url, answers, json_))


def settings(
    *, host: str | None, port: int | None, home: Path | None, model: str | None
) -> Settings:
    """The environment's settings, with the command line's above them."""
    given: dict[str, dict[str, object]] = {
        "gateway": {"host": host, "port": port},
        "store": {"home": home and home.expanduser().absolute()},
        "generator": {"model": model},
    }
    sections = Settings().model_dump()
    for name, fields in given.items():
        sections[name] |= {key: value for key, value in fields.items() if value is not None}
    return Settings.model_validate(sections)


def _announce(url: str, answers: TextIO, json_: bool) -> None:
    if json_:
        print_json({"url": url, "docs": f"{url}/docs"}, answers)
    else:
        people(answers).print(f"[green]Ready[/] at {url}   API: {url}/docs   Stop: Ctrl-C")
