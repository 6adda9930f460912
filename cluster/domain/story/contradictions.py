"""Contradictions: what a change presupposes and the story's state denies.

Three levels. `contradiction`: the two cannot both be. `question`: the state knows nothing of it, so
it is a new detail or an error, and only a person can say. Silence: everything else. Each names
both sides with the words that say so.
"""

from collections.abc import Iterable
from typing import Literal

from cluster.domain.story.reading import Change
from cluster.domain.story.state import (
    ARTIFICIAL,
    REGION,
    Actor,
    StoryState,
    Thing,
    Wound,
    agree,
    apply,
    colours,
    hair_of,
    near,
    place_words,
    same_place,
)
from cluster.domain.value import Value

Level = Literal["contradiction", "question"]


class Clash(Value):
    """One contradiction of a request.

    Args:
        requested: The request's own words.
        state: What stands against it, in words.
        evidence: The words that the state has it from.
        resolve: What would make both true.
    """

    slot: str
    level: Level
    subject: str
    requested: str
    state: str
    evidence: str = ""
    resolve: str = ""


def examine(state: StoryState, changes: Iterable[Change]) -> tuple[tuple[Clash, ...], StoryState]:
    """The contradictions of a request's changes, each against what holds before it, and the state
    after them."""
    found: list[Clash] = []
    begins = True
    texts = list(changes)
    travels = _travels(texts)
    for change in texts:
        if clash := _clash(state, change, travels):
            found.append(clash)
        state = apply(state, change)
    del begins
    return tuple(dict.fromkeys(found)), state


def _travels(changes: list[Change]) -> bool:
    """Whether the text itself tells that time goes by or somebody goes somewhere."""
    return any(
        change.modality == "real"
        and (
            (change.slot == "place" and change.op == "go" and "path" not in change.words)
            or (change.slot == "time" and change.op == "pass" and float(change.noun) > 0.02)
        )
        for change in changes
    )


def _clash(state: StoryState, change: Change, travels: bool) -> Clash | None:
    if change.modality == "negated" and change.slot == "marks":
        return _denied_mark(state, change)
    if change.modality != "real" or "pronoun" in change.words:
        return None
    if change.slot == "time":
        return _time(state, change)
    if change.slot == "place":
        return _place(state, change, travels)
    actor = state.actors.get(change.subject)
    if actor is None:
        return None
    match change.slot:
        case "outfit":
            return _outfit(state, actor, change)
        case "props":
            return _props(state, actor, change)
        case "injuries":
            return _injury(state, actor, change)
        case "hair":
            return _hair(actor, change)
        case "eyes":
            return _eyes(actor, change)
        case "marks":
            return _marks(actor, change)
        case "age":
            return _age(actor, change, state)
    return None


def _say(
    change: Change, level: Level, state: str, evidence: str = "", resolve: str = ""
) -> Clash:
    return Clash(
        slot=change.slot, level=level, subject=change.subject, requested=change.evidence.quote,
        state=state, evidence=evidence, resolve=resolve,
    )  # fmt: skip


def _gone(change: Change, thing: Thing, level: Level = "contradiction") -> Clash:
    how = {"take_off": "was taken off", "give": "was given away", "drop": "was left behind",
           "lose": "was lost", "replaced": "was changed for other clothes", "stow": "was put away"}  # fmt: skip
    return _say(change, level, f"the {thing.noun.replace('_', ' ')} {how.get(thing.how, 'is gone')} in scene {thing.since}",
                thing.quote, f"Tell how the {thing.noun.replace('_', ' ')} comes back.")  # fmt: skip


# Clothes.

BODY = {"top": ("top", "full"), "bottom": ("bottom", "full"), "full": ("full", "top", "bottom"),
        "feet": ("feet",), "head": ("head",), "hands": ("hands",), "outer": ("outer",),
        "mail": ("mail",), "neck": ("neck",), "eyes": ("eyes",), "waist": ("waist",)}  # fmt: skip
"""Layer -> the layers whose garment would be in its place."""
COMMON = frozenset("hat coat shoe boot glove shirt jacket dress suit trousers jeans scarf ring cap".split())
"""Garments that everybody has: somebody else's say nothing of one's own."""
SURE_RIVALS = frozenset({"top", "bottom", "full", "feet", "outer", "head"})


def _outfit(state: StoryState, actor: Actor, change: Change) -> Clash | None:
    known = actor.thing(change.entity) if change.known else None
    if change.op == "lack":
        return _bare(actor, change)
    if "lying" in change.words:
        return None
    parted = known is not None and known.where == "gone" and known.how in {"give", "lose"}
    if change.op in {"wear", "take"} and not parted and "stative" not in change.words:
        return None
    if change.op == "take" or change.op == "wear" and (not change.definite or state.scene == 0):
        return None
    if known is not None and change.op in {"drop", "stow", "give", "take_off"} and known.how not in {"give", "lose"}:
        return None
    if known is not None and known.where == "worn":
        if not agree(colours(change.words), colours(known.words)) and not change.noun.startswith("glove"):
            return _say(change, "contradiction", f"the {known.phrase or known.noun} is not of that colour", known.quote)
        return None
    if known is not None and known.where in {"held", "stowed"}:
        if "worn" in change.words and known.kind == "garment" and change.op == "mention":
            return None
        return None
    if change.op in {"be"} and not change.definite:
        return _rival(actor, change) if False else None
    if not change.definite and not change.owned and "implied" not in change.words:
        return None
    if known is not None:
        if "fastened" in change.words and change.layer == "feet":
            return _gone(change, known, "question")
        if not _by_name(known, change):
            return _rival(actor, change) or _gone(change, known, "question")
        if not change.owned and "worn" not in change.words and change.op == "mention" and known.how in {"take_off", "drop"}:
            return None if known.how == "drop" else _gone(change, known, "question")
        return _gone(change, known)
    if rival := _rival(actor, change):
        parts = change.op in {"take_off", "drop", "stow", "give"}
        return rival.model_copy(update={"level": "question"}) if parts else rival
    theirs = next((quote for noun, quote in reversed(state.others[-12:]) if noun == change.noun), None)
    if theirs:
        sure: Level = "question" if change.noun in COMMON else "contradiction"
        return _say(change, sure, f"the {change.noun.replace('_', ' ')} is somebody else's", theirs)
    if "implied" in change.words or change.op in {"take_off", "mention"}:
        return _say(change, "question", f"no {change.noun.replace('_', ' ')} was mentioned so far", "",
                    f"Say that {actor.id} puts it on.")  # fmt: skip
    return None


def _rival(actor: Actor, change: Change) -> Clash | None:
    """Another garment where this one would be worn."""
    layers = BODY.get(change.layer or "", ())
    worn = [one for one in actor.at("worn") if one.layer in layers]
    if not worn:
        return None
    level: Level = "contradiction" if change.layer in SURE_RIVALS else "question"
    return _say(change, level, f"wears {worn[-1].phrase or worn[-1].noun}", worn[-1].quote,
                f"Say that {actor.id} changes clothes.")  # fmt: skip


COVERS = {
    "glove": ("hands",), "hat": ("head",), "shoe": ("feet",), "coat": ("outer", "top", "full", "mail"),
    "shirt": ("outer", "top", "full", "mail"), "trousers": ("bottom",), "scarf": ("neck",),
    "clothes": ("top", "bottom", "full", "outer"),
}  # fmt: skip


def _bare(actor: Actor, change: Change) -> Clash | None:
    worn = [one for one in actor.at("worn") if one.layer in COVERS.get(change.noun, ())]
    if change.noun == "coat":  # bare shoulders: in a gown or a vest they may be
        worn = [one for one in worn if one.layer in {"outer", "mail"} or "sleeve" in "".join(one.words)
                or one.noun in {"shirt", "sweater", "jersey", "turtleneck", "blouse", "jumper", "hoodie", "sweatshirt", "cardigan"}]  # fmt: skip
    if not worn:
        return None
    return _say(change, "contradiction", f"wears {worn[-1].phrase or worn[-1].noun}", worn[-1].quote,
                "Say that it is taken off.")  # fmt: skip


def _by_name(thing: Thing, change: Change) -> bool:
    """Whether a thing is called by its own noun, and not by a kindred one."""
    return thing.noun.rpartition("_")[2] == change.noun.rpartition("_")[2]


# Things.


def _props(state: StoryState, actor: Actor, change: Change) -> Clash | None:
    known = actor.thing(change.entity) if change.known else None
    if change.op == "lack":
        armed = [one for one in actor.at("held", "stowed") if one.kind == "weapon"]
        return _say(change, "contradiction", f"carries {armed[-1].phrase}", armed[-1].quote) if armed else None
    if change.op in {"lose"} or change.op == "take" and not (known and known.where == "gone" and known.how == "give" and change.owned):
        return None
    if known is not None:
        if known.where != "gone":
            if not agree(colours(change.words), colours(known.words)):
                return _say(change, "question", f"the {known.phrase or known.noun} is not of that colour", known.quote)
            return None
        if not change.definite and "in hand" not in change.words:
            return None
        if change.op == "drop" and known.how == "drop":
            return None
        if not _by_name(known, change):
            return _gone(change, known, "question")
        if change.op in {"use", "hold", "stow", "give", "drop"} or change.owned:
            return _gone(change, known)
        return _gone(change, known, "question")
    if change.definite and change.op in {"use", "hold", "stow", "give", "drop"}:
        for other in state.actors.values():
            has = next((one for one in other.at("held", "stowed") if other is not actor and _by_name(one, change)), None)
            if has is not None:
                return _say(change, "contradiction", f"{other.id} has the {has.noun}", has.quote)
    theirs = next((quote for noun, quote in reversed(state.others) if noun == change.noun), None)
    if theirs and change.definite and change.op in {"use", "hold", "stow", "give"} and not change.owned:
        return _say(change, "question", f"the {change.noun} is somebody else's", theirs)
    if not change.definite:
        return None
    if change.owned or change.kind == "weapon" and change.op in {"use", "hold", "stow", "give", "drop"}:
        level: Level = "contradiction" if change.kind == "weapon" and change.op in {"use", "hold", "stow"} and change.owned and state.scene > 1 else "question"
        return _say(change, level, f"no {change.noun.replace('_', ' ')} was mentioned so far", "",
                    f"Say where {actor.id} gets it.")  # fmt: skip
    if change.op in {"hold", "stow", "give", "drop", "use"}:
        return _say(change, "question", f"no {change.noun.replace('_', ' ')} was mentioned so far", "",
                    f"Say where {actor.id} gets it.")  # fmt: skip
    return None


# Wounds.


def _injury(state: StoryState, actor: Actor, change: Change) -> Clash | None:
    open_ = actor.open_wounds
    if change.kind == "gait":
        return _gait(actor, change)
    if change.op == "lack":
        hurt = [one for one in open_ if change.noun == "all" or same_place(one, change, REGION)]
        return _say(change, "contradiction", _hurt(hurt[-1]), hurt[-1].quote, "Say that it has healed.") if hurt else None
    if change.op in {"injure", "heal"} and not (change.op == "heal" and not open_):
        return None
    if change.op == "heal":
        return None
    if change.kind == "health":
        level: Level = "contradiction" if "still" in change.words else "question"
        return None if open_ else _say(change, level, "there is no wound", "", "Say how it came about.")
    if change.part is None:
        if not open_ and change.owned:
            return _say(change, "question", "there is no wound", "", "Say how it came about.")
        return None
    fits = [one for one in open_ if same_place(one, change, REGION)]
    if fits:
        return None
    other_side = [one for one in open_ if one.part and near(one.part, change.part, REGION)]
    if other_side:
        return _say(change, "contradiction", _hurt(other_side[-1]), other_side[-1].quote, "Say how it came about.")
    healed = [one for one in actor.wounds if one.healed != "no" and same_place(one, change, REGION)]
    if healed:
        level = "contradiction" if healed[-1].healed == "said" or state.day - healed[-1].day > 60 else "question"
        return _say(change, level, f"{_hurt(healed[-1])}, and has healed", healed[-1].quote, "Say how it came about.")
    if not change.definite and not change.owned and change.kind == "wound":
        return None if not set(change.words) & {"old", "broken"} else None
    if state.scene == 0 and not actor.wounds:
        return _say(change, "question", "no wound was mentioned so far", "", "Say how it came about.")
    if change.op == "treat":
        return _say(change, "question", "no wound was mentioned there", "", "Say how it came about.")
    if change.noun == "blood":
        near_by = [one for one in open_ if one.part and REGION.get(one.part) == REGION.get(change.part)]
        return None if near_by else _say(change, "question", "no wound was mentioned there")
    region = [one for one in open_ if one.part and REGION.get(one.part) == REGION.get(change.part)
              and not (one.side and change.side and one.side != change.side)]  # fmt: skip
    if region and REGION.get(change.part) not in {"face", "leg"}:
        return _say(change, "question", _hurt(region[-1]), region[-1].quote)
    return _say(change, "contradiction", _hurt(open_[-1]) if open_ else "unhurt there", open_[-1].quote if open_ else "",
                "Say how it came about.")  # fmt: skip


LAMING = frozenset("broken break fracture snap sprain twist crack shatter sprained dislocated leg".split())


def _gait(actor: Actor, change: Change) -> Clash | None:
    """Running and limping, against the legs as they are."""
    lame = [one for one in actor.open_wounds if REGION.get(one.part or "") in {"leg", "foot"} or one.part == "hip"]
    if change.op == "mention":
        return None if lame else _say(change, "question", "no leg is hurt", "", "Say how it came about.")
    if not lame:
        return None
    broken = LAMING - {"sprain", "twist", "sprained", "leg"}
    sure: Level = "contradiction" if broken & {lame[-1].noun, *lame[-1].words} or lame[-1].treated else "question"
    return _say(change, sure, _hurt(lame[-1]), lame[-1].quote, "Say that it has healed.")


def _hurt(wound: Wound) -> str:
    where = " ".join(one for one in (wound.side, wound.part) if one)
    return f"the {where or wound.noun} was hurt in scene {wound.since}"


# Looks.


def _hair(actor: Actor, change: Change) -> Clash | None:
    if change.op == "change_look":
        return None
    beard = actor.look("beard")
    if change.noun == "beard":
        if change.op == "lack" and beard and beard.value == "yes":
            return _say(change, "contradiction", "has a beard", beard.quote)
        if change.op == "be" and beard and beard.value == "none":
            return _say(change, "contradiction", "has no beard", beard.quote)
        return None
    said = hair_of(change.words)
    for field, value in said.items():
        now = actor.look(field)
        if now is None:
            continue
        if field == "hair colour" and not agree({value}, {now.value}):
            return _say(change, "contradiction", f"the hair is {now.value}", now.quote, "Say that it is dyed.")
        if field == "hair length" and not _lengths_agree(value, now.value):
            return _say(change, "contradiction", f"the hair is {now.value}", now.quote, "Say that it is cut, or has grown.")
        if field == "hair texture" and value != now.value:
            return _say(change, "contradiction", f"the hair is {now.value}", now.quote)
    length = actor.look("hair length")
    if "bald" in change.words and (length is None or length.value != "bald") and actor.looks:
        if any(one.field.startswith("hair") for one in actor.looks):
            return _say(change, "contradiction", "has hair", actor.looks[0].quote)
    if length is not None and length.value == "bald" and "bald" not in change.words and set(said) - {"hair length"}:
        return _say(change, "contradiction", "the head is bald", length.quote)
    return None


def _lengths_agree(a: str, b: str) -> bool:
    order = {"bald": 0, "short": 1, "medium": 2, "long": 3}
    if a not in order or b not in order:
        return a == b
    if "bald" in {a, b}:
        return a == b
    return abs(order[a] - order[b]) <= 1 or a == b


def _eyes(actor: Actor, change: Change) -> Clash | None:
    kinds = {one.value for side in ("left", "right") if (one := actor.look(f"{side} eye kind"))}
    if ARTIFICIAL & set(change.words) and kinds == {"natural"}:
        return _say(change, "contradiction", "both eyes are natural", "profile")
    if {"natural", "human"} & set(change.words) and "cyber" in kinds:
        return _say(change, "contradiction", "one eye is artificial", "profile")
    said = colours(change.words)
    eyes = {side: actor.look(f"{side} eye") for side in ("left", "right")}
    if change.side and (now := eyes[change.side]):
        return None if agree(said, {now.value}) else _say(
            change, "contradiction", f"the {change.side} eye is {now.value}", now.quote)  # fmt: skip
    known = {one.value for one in eyes.values() if one}
    if not known:
        return None
    if all(any(agree({shade}, {value}) for value in known) for shade in said) and not (
        len(known) > 1 and len(said) == 1 and change.phrase.lower().split()[-1].rstrip("s") == "eye"
        and change.phrase.lower().endswith("eyes") and not any(agree(said, {v}) for v in known)
    ):
        return None
    return _say(change, "contradiction", f"the eyes are {' and '.join(sorted(known))}", next(one.quote for one in eyes.values() if one))


def _marks(actor: Actor, change: Change) -> Clash | None:
    if change.op == "change_look":
        return None
    if change.op == "lack":
        there = [one for one in actor.marks if one.part and change.part and near(one.part, change.part, REGION)
                 and not (one.side and change.side and one.side != change.side)]  # fmt: skip
        return _say(change, "contradiction", f"has a {there[-1].noun} there", there[-1].quote) if there else None
    kind = [one for one in actor.marks if one.noun == change.noun]
    if not kind:
        if change.noun == "scar" and any(one.healed != "no" and same_place(one, change, REGION) for one in actor.wounds):
            return None
        level: Level = "contradiction" if change.noun in {"tattoo", "scar", "birthmark", "piercing"} else "question"
        return _say(change, level, f"has no {change.noun}")
    if change.part is None:
        return None
    for one in kind:
        if one.part is None or near(one.part, change.part, REGION) and not (
            one.side and change.side and one.side != change.side
        ):
            return None
    if change.noun == "scar" and any(one.healed != "no" and same_place(one, change, REGION) for one in actor.wounds):
        return None
    return _say(change, "contradiction", f"the {kind[-1].noun} is on the {kind[-1].side or ''} {kind[-1].part}".replace("  ", " "), kind[-1].quote)


def _denied_mark(state: StoryState, change: Change) -> Clash | None:
    actor = state.actors.get(change.subject)
    if actor is None:
        return None
    there = [one for one in actor.marks if one.noun == change.noun and (
        change.part is None or one.part is None or near(one.part, change.part, REGION))]  # fmt: skip
    return _say(change, "contradiction", f"has a {there[-1].noun}", there[-1].quote) if there else None


def _age(actor: Actor, change: Change, state: StoryState) -> Clash | None:
    if actor.age is None:
        return None
    years = int(change.noun)
    now = actor.age + state.day / 365
    if abs(years - now) <= 2:
        return None
    return _say(change, "contradiction", f"is {actor.age}", "profile")


# Where and when.


def _place(state: StoryState, change: Change, travels: bool) -> Clash | None:
    here = state.place
    notes = set(change.words)
    goes = change.op == "leave" or change.op == "go" and not ("path" in notes and change.known and change.definite)
    if here is None or goes or change.subject not in state.actors:
        return None
    if notes & {"same place", "inner", "slug", "elsewhere", "fragment"} or travels:
        return None
    if not change.definite and change.phrase.lower().startswith(("a ", "an ", "some ", "another ")):
        return None
    if change.op == "mention" and not change.known:
        return None
    weak = change.op == "mention" or notes & {"fixture", "returned", "ambient"}
    level: Level = "contradiction" if change.known and not weak else "question"
    words = " ".join(place_words(change)[:1])
    return _say(change, level, f"the story is at the {here.words[0].replace('_', ' ')}, not the {words.replace('_', ' ')}",
                here.quote, "Say how they get there.")  # fmt: skip


def _time(state: StoryState, change: Change) -> Clash | None:
    if change.op != "be" or state.hour is None:
        return None
    if "same" not in change.words:
        return None
    hour = float(change.noun)
    apart = abs(hour - state.hour) % 24
    if min(apart, 24 - apart) <= 5:
        return None
    return _say(change, "contradiction", f"it is {_clock(state.hour)}", "", "Say that time has gone by.")


def _clock(hour: float) -> str:
    return {5.5: "dawn", 6.0: "sunrise", 9.0: "morning", 12.0: "noon", 15.0: "afternoon", 19.0: "sunset",
            19.5: "dusk", 20.0: "evening", 23.0: "night", 24.0: "midnight"}.get(hour, f"{hour:g} o'clock")  # fmt: skip
