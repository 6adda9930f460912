"""Clothes that a request presupposes, against what is worn."""

from cluster.domain.story.reading import Change
from cluster.domain.story.state import ActorState, StoryState, Thing, agree, colours
from cluster.domain.vocabulary import word_set

from .clash import Clash, clash, contradiction, gone, is_named, question, spoken

BODY = {
    "top": ("top", "full"),
    "bottom": ("bottom", "full"),
    "full": ("full", "top", "bottom"),
    "feet": ("feet",),
    "head": ("head",),
    "hands": ("hands",),
    "outer": ("outer",),
    "mail": ("mail",),
    "neck": ("neck",),
    "eyes": ("eyes",),
    "waist": ("waist",),
}
"""Layer -> the layers whose garment would be in its place."""
COMMON = word_set("hat coat shoe boot glove shirt jacket dress suit trousers jeans scarf ring cap")
"""Garments that everybody has: somebody else's say nothing of one's own."""
SURE_RIVALS = frozenset({"top", "bottom", "full", "feet", "outer", "head"})
COVERS = {
    "glove": ("hands",),
    "hat": ("head",),
    "shoe": ("feet",),
    "coat": ("outer", "top", "full", "mail"),
    "shirt": ("outer", "top", "full", "mail"),
    "trousers": ("bottom",),
    "scarf": ("neck",),
    "clothes": ("top", "bottom", "full", "outer"),
}
"""Noun of what is lacking -> the layers that are bare then."""
SLEEVED = word_set("shirt sweater jersey turtleneck blouse jumper hoodie sweatshirt cardigan")
PARTING = frozenset({"drop", "stow", "give", "take_off"})
PARTED = frozenset({"give", "lose"})
"""How a garment goes that cannot just be put on again."""
REMEMBERED_OTHERS = 12
"""So many of somebody else's garments, the last ones, are held against a request."""


def outfit_clash(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    """What a change of the outfit presupposes and the actor does not wear."""
    known = actor.thing(change.entity) if change.known else None
    if change.op == "lack":
        return _bare(state, actor, change)
    if _puts_on(state, change, known) or _takes_off(change, known) or "lying" in change.words:
        return None
    if known is not None and known.where != "gone":
        return _other_colour(change, known)
    if not _is_presupposed(change):
        return None
    if known is not None:
        return _gone_garment(actor, change, known)
    return _unknown_garment(state, actor, change)


def _puts_on(state: StoryState, change: Change, known: Thing | None) -> bool:
    """Whether a change brings its garment along."""
    if change.op in {"take", "lose"}:
        return True
    if change.op != "wear":
        return False
    is_parted = known is not None and known.where == "gone" and known.how in PARTED
    is_told = not is_parted and "stative" not in change.words
    return is_told or not change.definite or state.scene == 0


def _takes_off(change: Change, known: Thing | None) -> bool:
    if known is None or known.how in PARTED:
        return False
    return change.op in PARTING


def _is_presupposed(change: Change) -> bool:
    if change.definite:
        return True
    return change.op != "be" and (change.owned or "implied" in change.words)


def _other_colour(change: Change, known: Thing) -> Clash | None:
    if known.where != "worn" or change.noun.startswith("glove"):
        return None
    if agree(colours(change.words), colours(known.words)):
        return None
    state = f"the {known.phrase or known.noun} is not of that colour"
    return contradiction(change, state, known.quote)


def _gone_garment(actor: ActorState, change: Change, known: Thing) -> Clash | None:
    if "fastened" in change.words and change.layer == "feet":
        return gone(change, known, "question")
    if not is_named(known, change):
        return _rival(actor, change) or gone(change, known, "question")
    if change.op in {"wear", *PARTING} and not change.owned:
        return gone(change, known, "question")
    if change.owned or "worn" in change.words or change.op != "mention":
        return gone(change, known)
    if known.how == "drop":  # it may be looked at where it lies
        return None
    return gone(change, known, "question" if known.how == "take_off" else "contradiction")


def _unknown_garment(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    if rival := _rival(actor, change):
        return rival.model_copy(update={"level": "question"}) if change.op in PARTING else rival
    others = reversed(state.others[-REMEMBERED_OTHERS:])
    theirs = next((quote for noun, quote in others if noun == change.noun), None)
    if theirs:
        said = f"the {spoken(change.noun)} is somebody else's"
        unsure = change.noun in COMMON or change.op in PARTING
        return clash(change, "question" if unsure else "contradiction", said, theirs)
    if "implied" in change.words or change.op in {"take_off", "mention"}:
        said = f"no {spoken(change.noun)} was mentioned so far"
        return question(change, said, "", f"Say that {actor.id} puts it on.")
    return None


def _rival(actor: ActorState, change: Change) -> Clash | None:
    """Another garment where this one would be worn."""
    layers = BODY.get(change.layer or "", ())
    worn = [one for one in actor.at("worn") if one.layer in layers]
    if not worn:
        return None
    return clash(
        change,
        "contradiction" if change.layer in SURE_RIVALS else "question",
        f"wears {worn[-1].phrase or worn[-1].noun}",
        worn[-1].quote,
        f"Say that {actor.id} changes clothes.",
    )


def _bare(state: StoryState, actor: ActorState, change: Change) -> Clash | None:
    worn = [
        one
        for one in actor.at("worn")
        if one.layer in COVERS.get(change.noun, ()) and one.since < state.scene
    ]
    if change.noun == "coat":  # bare shoulders: in a gown or a vest they may be
        worn = [one for one in worn if _covers_shoulders(one)]
    if not worn:
        return None
    said = f"wears {worn[-1].phrase or worn[-1].noun}"
    return contradiction(change, said, worn[-1].quote, "Say that it is taken off.")


def _covers_shoulders(thing: Thing) -> bool:
    if thing.layer in {"outer", "mail"} or thing.noun in SLEEVED:
        return True
    return any("sleeve" in word for word in thing.words)
