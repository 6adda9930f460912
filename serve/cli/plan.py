"""`cineai plan`: what a scene would become, before anything is rendered."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cluster.domain.story.job import Contradiction
from cluster.domain.story.reading import Change, Understanding
from cluster.domain.story.state import ActorState, StoryState, Thing, Wound

from ..api.schemas import ScenePlan
from .console import Json, Key, Url, people, print_json, reports, server, table

LEVELS = {"contradiction": "[red]contradiction[/]", "question": "[yellow]question[/]"}
NOTHING = "[dim]–[/]"
SAID = {"lack": "none", "be": "is", "mention": "spoken of", "change_look": "changed", "go": "to"}
"""Changes whose own names say little to people."""


@reports
def plan(
    prompt: Annotated[str, typer.Argument(help="What happens, in plain words.")],
    character: Annotated[str, typer.Option(help="Id of the character.")],
    story: Annotated[str | None, typer.Option(help="By default the character's own.")] = None,
    url: Url = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Show how a request is understood and what of the story it contradicts; render nothing."""
    order = {"character_id": character, "prompt": prompt, "story_id": story}
    with server(url, key) as client:
        found = client.plan({name: one for name, one in order.items() if one is not None})
    if json_:
        print_json(found)
    else:
        tell(found, people())


def tell(found: ScenePlan, console: Console) -> None:
    """A plan for people: understood, contradicted, before and after, and the prompt."""
    console.print(f"[bold]{escape(found.story_id)}[/]  scene {found.state_before.scene + 1}")
    console.print(_understood(found.reading.understood))
    _tell_changes(found.reading.changes, console)
    if found.reading.understood.read or found.contradictions:
        _tell_contradictions(found.contradictions, console)
    _tell_states(found.state_before, found.state_after, console)
    console.print()
    console.print(f"[bold]prompt[/]  {escape(found.prompt)}")
    if found.left_out:
        console.print(f"[yellow]left out[/]  {escape(', '.join(found.left_out))}")


def _understood(how: Understanding) -> str:
    language = how.language or "unknown language"
    if how.read:
        return f"[dim]{language}, {how.sure:.0%} sure[/]"
    return f"[yellow]not read[/] [dim]({language}): the story stays as it is[/]"


def _tell_changes(changes: tuple[Change, ...], console: Console) -> None:
    if not changes:
        return
    rows = table("who", "of", "change", "", "in the request's words")
    for one in changes:
        what = SAID.get(one.op, one.op.replace("_", " "))
        if one.modality != "real":
            what = f"[dim]{what} ({one.modality})[/]"
        quote = f"[dim]“{escape(one.evidence.quote)}”[/]"
        rows.add_row(escape(one.subject), one.slot, what, escape(_object(one)), quote)
    console.print()
    console.print(rows)


def _object(change: Change) -> str:
    """What a change is about: the user's own phrase, and the part of the body."""
    where = " ".join(one for one in (change.side, change.part) if one)
    said = change.phrase or change.noun.replace("_", " ")
    return f"{said} ({where})" if where and where not in said else said


def _tell_contradictions(found: tuple[Contradiction, ...], console: Console) -> None:
    console.print()
    if not found:
        console.print("[green]no contradiction[/]")
        return
    for one in found:
        console.print(f"{LEVELS[one.level]}  {escape(one.field)}")
        console.print(f"  request  “{escape(one.requested)}”")
        words = f"  [dim]“{escape(one.evidence)}”[/]" if one.evidence else ""
        console.print(f"  story    {escape(one.state)}{words}")
        if one.resolve:
            console.print(f"  [dim]→[/] {escape(one.resolve)}")


def _tell_states(before: StoryState, after: StoryState, console: Console) -> None:
    rows = table("", "before", "after")
    then = dict(_lines(before))
    for name, now in _lines(after):
        was = then[name]
        rows.add_row(
            name, was or NOTHING, f"[bold]{now or NOTHING}[/]" if now != was else "[dim]=[/]"
        )
    console.print()
    console.print(rows)


def _lines(state: StoryState) -> Iterator[tuple[str, str]]:
    """Name -> what holds, for every line of a state."""
    for actor in state.actors.values():
        yield f"{actor.id} wears", _things(actor.at("worn"))
        yield f"{actor.id} holds", _things(actor.at("held"))
        yield f"{actor.id} keeps", _things(actor.at("stowed"))
        yield f"{actor.id}'s wounds", _wounds(actor)
    yield "place", escape(state.place.words[0].replace("_", " ")) if state.place else ""


def _things(things: tuple[Thing, ...]) -> str:
    return escape(", ".join(one.phrase or one.noun.replace("_", " ") for one in things))


def _wounds(actor: ActorState) -> str:
    return escape(", ".join(dict.fromkeys(_wound(one) for one in actor.open_wounds)))


def _wound(wound: Wound) -> str:
    """`cut (left hand)`; a wound that only its place names is that place."""
    where = " ".join(one for one in (wound.side, wound.part) if one)
    what = wound.noun.replace("_", " ")
    return f"{what} ({where})" if where and wound.noun != wound.part else where or what
