"""`cineai render`: one scene, from words to a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Json, Key, Url, people, print_json, reports, server
from .jobs import tell
from .progress import follow, follow_quietly


@reports
def render(
    prompt: Annotated[str, typer.Argument(help="What happens, in plain words.")],
    character: Annotated[str, typer.Option(help="Id of the character.")],
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the picture here (PNG).")
    ] = None,
    story: Annotated[str | None, typer.Option(help="By default the character's own.")] = None,
    pose: Annotated[str | None, typer.Option(help="For example `looking left`.")] = None,
    style: Annotated[str | None, typer.Option()] = None,
    width: Annotated[int | None, typer.Option(help="px; by default the model's own.")] = None,
    height: Annotated[int | None, typer.Option(help="px; by default the model's own.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    adapter: Annotated[
        int | None, typer.Option(min=0, help="Adapter version; by default the active one. 0: none.")
    ] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Render a scene on a running server and wait for it. Exit status 2: it did not succeed."""
    order: dict[str, Any] = {
        "character_id": character,
        "prompt": prompt,
        "pose": pose,
        "story_id": story,
        "style": style,
        "width_px": width,
        "height_px": height,
        "seed": seed,
        "adapter_version": adapter,
    }
    order = {name: value for name, value in order.items() if value is not None}
    with server(url, key) as client:
        job = client.submit(order)
        job = follow_quietly(client, job.id) if json_ else follow(client, job.id, people())
        if out and job.result.artifact:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(client.artifact(job.result.artifact))
    if json_:
        print_json(job)
    else:
        tell(job)
        if out and job.result.artifact:
            people().print(f"[dim]→[/] {out}")
    if job.status != "succeeded":
        raise typer.Exit(2)
