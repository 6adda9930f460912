"""Corrections: what a person said that a scene shows, in the story's typed state.

A correction stands in the place of what was read. It names fields of the picture: wounds are
exactly those it names, hands hold what it names, and a garment is put on.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from cluster.domain.character import Outfit
from cluster.domain.story.episode import Episode
from cluster.domain.story.reading import Change, Evidence
from cluster.domain.story.scene import Injury
from cluster.domain.story.state import (
    ActorState,
    Place,
    StoryState,
    Thing,
    Wound,
    agree,
    apply,
    colours,
)

CORRECTION = "a correction"
"""Stands for the words of a request where a person said so afterwards."""


def corrected(
    state: StoryState, episode: Episode, layer: Callable[[str], str | None]
) -> StoryState:
    """The state after an episode, with what a person corrected of it."""
    shown = episode.state
    named = {name for name, source in shown.source.items() if source == "corrected"}
    actor = state.actors.get(episode.character_id)
    if actor is None or not named:
        return state
    if "injuries" in named and shown.injuries is not None:
        actor = _wounded(actor, shown.injuries, state)
    if "props" in named and shown.props is not None:
        actor = _holding(actor, shown.props, state)
    state = state.model_copy(update={"actors": {**state.actors, actor.id: actor}})
    if "outfit" in named and shown.outfit is not None:
        state = _dressed(state, actor, shown.outfit, layer)
    if "place" in named and shown.place is not None:
        state = _placed(state, shown.place)
    return state


def _wounded(actor: ActorState, injuries: Sequence[Injury], state: StoryState) -> ActorState:
    healed = tuple(one for one in actor.wounds if one.healed != "no")
    there = tuple(_wound(actor, injury, state) for injury in injuries)
    return actor.model_copy(update={"wounds": (*healed, *there)})


def _wound(actor: ActorState, injury: Injury, state: StoryState) -> Wound:
    """The wound that was there already, or a new one."""
    words = injury.place.lower().split()
    side = next((word for word in words if word in {"left", "right"}), None)
    part = next((word for word in reversed(words) if word != side), None)
    for known in actor.open_wounds:
        if known.part == part and side in {None, known.side}:
            return known
    return Wound(
        part=part,
        side=side,
        noun=injury.kind.lower(),
        since=injury.since_scene or state.scene,
        day=state.day,
        quote=CORRECTION,
    )


def _holding(actor: ActorState, props: Sequence[str], state: StoryState) -> ActorState:
    """What is named is in hand; what else was in hand is put away, and still owned."""
    wanted = {_noun(prop): prop for prop in props}
    things: list[Thing] = []
    for one in actor.things:
        named = "" if one.where == "worn" else wanted.pop(one.noun, "")
        if named and one.where != "held":
            one = _moved(one, "held", state)
        elif not named and one.where == "held":
            one = _moved(one, "stowed", state)
        things.append(one)
    new = (_thing(noun, prop, state) for noun, prop in wanted.items())
    return actor.model_copy(update={"things": (*things, *new)})


def _moved(thing: Thing, where: Literal["held", "stowed"], state: StoryState) -> Thing:
    how = "hold" if where == "held" else "stow"
    update = {"where": where, "how": how, "since": state.scene, "quote": CORRECTION}
    return thing.model_copy(update={**update, "last_confirmed": state.scene})


def _thing(noun: str, prop: str, state: StoryState) -> Thing:
    return Thing(
        id=_entity(noun, state),
        noun=noun,
        phrase=prop,
        kind="thing",
        where="held",
        how="hold",
        since=state.scene,
        last_confirmed=state.scene,
        quote=CORRECTION,
    )


def _dressed(
    state: StoryState, actor: ActorState, outfit: Outfit, layer: Callable[[str], str | None]
) -> StoryState:
    """The garment on, and off what is worn in its place; one that is on already stays."""
    noun, words = _noun(outfit.garment), tuple(outfit.phrase.lower().split())
    for one in actor.at("worn"):
        if one.noun == noun and agree(colours(words), colours(one.words)):
            return state
    change = Change(
        subject=actor.id,
        op="wear",
        slot="outfit",
        noun=noun,
        phrase=outfit.phrase,
        kind="garment",
        words=words,
        entity=_entity(noun, state),
        layer=layer(noun),
        evidence=Evidence(start=0, end=0, quote=CORRECTION),
    )
    return apply(state, change)


def _placed(state: StoryState, place: str) -> StoryState:
    *more, head = place.lower().split() or [place]
    if state.place is not None and head in state.place.words:
        return state
    there = Place(words=(head, *more), since=state.scene, quote=CORRECTION)
    left = (*state.left, state.place) if state.place is not None else state.left
    return state.model_copy(update={"place": there, "left": left})


def _noun(phrase: str) -> str:
    """As nouns are written in the state: `rain_coat`."""
    return "_".join(phrase.lower().split())


def _entity(noun: str, state: StoryState) -> str:
    return f"{noun.replace('_', '-')}-{state.scene}-corrected"
