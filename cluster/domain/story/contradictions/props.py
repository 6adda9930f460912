"""Things that a request presupposes, against what is held and carried."""

from cluster.domain.story.reading import Change
from cluster.domain.story.state import ActorState, StoryState, Thing, agree, colours

from .clash import Clash, clash, contradiction, gone, is_named, question, spoken

HANDLING = frozenset({"use", "hold", "stow", "give", "drop"})
"""What one does only to what one has."""
KEEPING = frozenset({"use", "hold", "stow"})


def prop_clash(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    """What a change of the props presupposes and the actor does not have."""
    known = actor.thing(change.entity) if change.known else None
    if change.op == "lack":
        return _unarmed(actor, change)
    if change.op == "lose" or (change.op == "take" and not _takes_back(change, known)):
        return None
    if known is not None:
        return _known_prop(change, known)
    if not change.definite:
        return None
    return _others_prop(state, actor, change) or _unknown_prop(state, actor, change)


def _unarmed(actor: ActorState, change: Change) -> Clash | None:
    armed = [one for one in actor.at("held", "stowed") if one.kind == "weapon"]
    if not armed:
        return None
    return contradiction(change, f"carries {armed[-1].phrase}", armed[-1].quote)


def _takes_back(change: Change, known: Thing | None) -> bool:
    """Whether one's own is taken that one gave away."""
    if known is None or not change.owned:
        return False
    return known.where == "gone" and known.how == "give"


def _known_prop(change: Change, known: Thing) -> Clash | None:
    if known.where != "gone":
        if agree(colours(change.words), colours(known.words)):
            return None
        return question(
            change, f"the {known.phrase or known.noun} is not of that colour", known.quote
        )
    if not change.definite and "in hand" not in change.words:
        return None
    if change.op == "drop" and known.how == "drop":
        return None
    sure = is_named(known, change) and (change.op in HANDLING or change.owned)
    return gone(change, known, "contradiction" if sure else "question")


def _others_prop(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    """Somebody else, of the cast or not, has the thing."""
    if change.op not in HANDLING:
        return None
    for other in state.actors.values():
        for one in other.at("held", "stowed"):
            fresh = one.since == state.scene  # it has just changed hands
            if other is not actor and is_named(one, change) and not fresh:
                return contradiction(change, f"{other.id} has the {one.noun}", one.quote)
    theirs = next((quote for noun, quote in reversed(state.others) if noun == change.noun), None)
    if not theirs or change.op == "drop" or change.owned:
        return None
    return question(change, f"the {change.noun} is somebody else's", theirs)


def _unknown_prop(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    if not change.owned and change.op not in HANDLING:
        return None
    sure = change.kind == "weapon" and change.op in KEEPING and change.owned and state.scene > 1
    return clash(
        change,
        "contradiction" if sure else "question",
        f"no {spoken(change.noun)} was mentioned so far",
        "",
        f"Say where {actor.id} gets it.",
    )
