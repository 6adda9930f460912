"""Garments and props: where an actor's things are after a change."""

from cluster.domain.story.reading import Change

from .values import ActorState, Thing, Whereabouts

REPLACES: dict[str, frozenset[str]] = {
    "full": frozenset({"full", "top", "bottom"}),
    "bottom": frozenset({"bottom", "full"}),
    "feet": frozenset({"feet"}),
    "head": frozenset({"head"}),
    "hands": frozenset({"hands"}),
    "outer": frozenset({"outer"}),
    "eyes": frozenset({"eyes"}),
}
"""A garment of a layer that is put on -> layers of those that it takes the place of."""
WHOLE = frozenset({"full", "top", "bottom", "outer", "mail", "feet", "head", "waist", "hands"})
"""Layers of what is changed with a whole outfit."""
CLOTHES = "clothes"
"""The noun of a change that is about everything that is worn."""


def with_thing(actor: ActorState, change: Change, scene: int) -> ActorState:
    """The actor after a change of a garment or a prop."""
    known = actor.thing(change.entity)
    if known is None and "pronoun" in change.words and change.op not in {"wear", "take", "stow"}:
        return actor
    if change.op == "take_off" and change.noun == CLOTHES:
        return _stripped(actor, change, scene)
    where = _whereabouts(change, known)
    if where is None:
        return actor
    if where == "worn":
        return _dressed(actor, change, scene)
    return _moved(actor, change, scene, where)


def _whereabouts(change: Change, known: Thing | None) -> Whereabouts | None:
    """Where a change brings a thing; none where it stays as it is."""
    match change.op:
        case "wear":
            return "worn"
        case "be":
            is_off = known is None or known.where == "gone"
            return "worn" if change.slot == "outfit" and is_off else None
        case "take_off":
            return "gone"
        case "stow":
            return "stowed"
        case "take" | "hold" | "use":
            return "held" if _comes_to_hand(change, known) else None
        case "drop" | "give" | "lose":
            is_news = known is None and change.slot == "props" and not change.definite
            return None if is_news else "gone"
        case _:
            return None


def _comes_to_hand(change: Change, known: Thing | None) -> bool:
    if change.op == "use":
        if known is None:
            return change.kind == "weapon" and change.owned and change.slot == "props"
        return known.where == "stowed"
    if change.op == "take" or known is None:
        return True
    if known.where == "stowed":
        return "in hand" in change.words
    return known.where != "worn"


def _stripped(actor: ActorState, change: Change, scene: int) -> ActorState:
    """Everything off that was on before this scene."""
    off = {"where": "gone", "how": "take_off", "since": scene, "quote": change.evidence.quote}
    things = tuple(
        one.model_copy(update=off) if one.where == "worn" and one.since < scene else one
        for one in actor.things
    )
    return actor.model_copy(update={"things": things})


def _dressed(actor: ActorState, change: Change, scene: int) -> ActorState:
    """A garment on, and off what was worn in its place before this scene."""
    known = actor.thing(change.entity)
    if known is not None and known.where == "worn":
        off = change.model_copy(update={"op": "take_off"})
        return _moved(actor, off, scene, "gone") if "over" in change.words else actor
    layers = REPLACES.get(change.layer or "", frozenset())
    if "whole outfit" in change.words:
        layers = WHOLE
    off_now = {"where": "gone", "how": "replaced", "since": scene, "quote": change.evidence.quote}
    things = tuple(
        one.model_copy(update=off_now)
        if one.where == "worn" and one.layer in layers and not _is_fresh(one, scene)
        else one
        for one in actor.things
    )
    return _moved(actor.model_copy(update={"things": things}), change, scene, "worn")


def _is_fresh(thing: Thing, scene: int) -> bool:
    """Whether a garment was put on in this scene: layers of one outfit are told one by one."""
    return thing.since == scene and thing.how in {"wear", "be"}


def _moved(actor: ActorState, change: Change, scene: int, where: Whereabouts) -> ActorState:
    """The thing somewhere else, under the name that it was introduced by."""
    known = actor.thing(change.entity)
    named = known or change
    thing = Thing(
        id=change.entity,
        noun=named.noun,
        phrase=named.phrase,
        kind=named.kind,
        words=tuple(dict.fromkeys((*(known.words if known else ()), *change.words))),
        layer=known.layer if known else change.layer,
        where=where,
        how=change.op,
        since=scene,
        last_confirmed=scene,
        quote=change.evidence.quote,
    )
    rest = tuple(one for one in actor.things if one.id != change.entity)
    return actor.model_copy(update={"things": (*rest, thing)})
