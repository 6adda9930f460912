"""`cineai serve`: the service in the foreground."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from cluster.errors import CineError

from . import service
from .console import Json, people, print_json, reports


@reports
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="0: any free one.")] = None,
    home: Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")] = None,
    model: Annotated[
        str | None, typer.Option(help="studio, a diffusers folder or a hub id.")
    ] = None,
    json_: Json = False,
) -> None:
    """Serve on this machine until Ctrl-C; says where once it is ready."""
    process = service.spawn(service.command(home=home, host=host, port=port, model=model))
    # Ctrl-C reaches the server as well, and it is the one that has to clean up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
    url = service.await_url(process)
    if url and json_:
        print_json({"url": url, "docs": f"{url}/docs"})
    elif url:
        people().print(f"[green]Ready[/] at {url}   API: {url}/docs   Stop: Ctrl-C")
    status = process.wait()
    if url is None or status:
        raise CineError(
            f"The service ended with status {status}", advice="See the log above; `cineai doctor`."
        )
