"""Wounds: where they are on the body, what is done about them, and when they have healed."""

from collections.abc import Collection, Mapping

from cluster.domain.story.reading import Change

from .values import ActorState, StoryState, Wound

REGION: dict[str, str] = {
    part: region
    for region, parts in {
        "arm": "forearm elbow wrist bicep",
        "hand": "finger thumb palm knuckle fist fingertip",
        "leg": "knee thigh shin calf kneecap",
        "foot": "ankle toe heel sole instep",
        "face": "cheek forehead brow eyebrow nose jaw chin lip mouth cheekbone temple",
        "head": "scalp skull",
        "torso": "rib side chest stomach belly back abdomen flank ribcage",
        "neck": "throat nape",
        "shoulder": "collarbone",
    }.items()
    for part in (region, *parts.split())
}
"""Body part -> the larger part by which a speaker may call it."""
LOOSE_REGIONS = frozenset({"foot", "torso", "hand", "arm"})
"""Regions whose parts lie so close that one wound may be told by either."""
NEIGHBOURS = (
    frozenset({"forehead", "head"}),
    frozenset({"temple", "head"}),
    frozenset({"collarbone", "shoulder"}),
    frozenset({"skull", "head"}),
)
HEALS_AFTER_DAYS = {
    kind: days
    for days, kinds in {
        0.5: "blood",
        7.0: "scratch",
        10.0: "bruise graze scrape black_eye",
        14.0: "split",
        21.0: "cut bite",
        28.0: "gash burn",
        35.0: "sprain",
        60.0: "fracture break broken",
    }.items()
    for kind in kinds.split()
}
"""Story days after which a wound of a kind is taken to have healed, when the story tells time."""
HEALS_ANYHOW_AFTER_DAYS = 45.0
ALL = "all"
"""The noun of a change that is about every wound."""


def same_place(wound: Wound, change: Change, region: dict[str, str]) -> bool:
    """Whether a change is about the place of a wound; a side that is not said fits any."""
    if change.part is None or wound.part is None:
        return True
    if wound.side and change.side and wound.side != change.side:
        return False
    return near(wound.part, change.part, region)


def near(part: str, other: str, region: dict[str, str]) -> bool:
    """Whether two body parts may be told for one another: forearm and arm, ankle and foot."""
    if part == other:
        return True
    a, b = region.get(part, part), region.get(other, other)
    if a != b:
        return {part, other} in NEIGHBOURS
    return part == a or other == b or a in LOOSE_REGIONS


def with_wound(actor: ActorState, change: Change, state: StoryState) -> ActorState:
    """The actor after a change of an injury: hurt, treated, or whole again."""
    meant = [
        one for one in actor.open_wounds if change.noun == ALL or same_place(one, change, REGION)
    ]
    if change.op == "heal":
        return _healed(actor, _healing(change, meant), change)
    if change.kind == "gait":
        return actor
    if change.op == "lack":
        # The request is followed: what it says is whole is whole from now on.
        return _healed(actor, meant, change)
    if change.op in {"be", "treat"}:
        return _there(actor, change, state, meant)
    if change.op == "injure":
        return _hurt(actor, change, state, meant)
    return actor


def _healing(change: Change, meant: list[Wound]) -> list[Wound]:
    """The wounds that heal: without a place those of the kind, or else the last one."""
    if change.part is not None or change.noun == ALL:
        return meant
    kind = [one for one in meant if change.noun in (one.noun, *one.words)]
    return kind or meant[-1:]


def _healed(actor: ActorState, wounds: Collection[Wound], change: Change) -> ActorState:
    return _updated(actor, wounds, {"healed": "said", "quote": change.evidence.quote})


def _there(actor: ActorState, change: Change, state: StoryState, meant: list[Wound]) -> ActorState:
    """A wound that is spoken of is the one that is there, or a new one."""
    if change.part is None:
        return actor
    if not meant:
        return _wounded(actor, change, state)
    treated = meant[-1].treated or change.op == "treat"
    return _updated(actor, meant[-1:], {"treated": treated})


def _hurt(actor: ActorState, change: Change, state: StoryState, meant: list[Wound]) -> ActorState:
    """A new wound, unless this scene has told it already or nobody says what it is."""
    if change.part is None and (meant or change.noun in {"wound", "blood"}):
        return actor
    if meant and meant[-1].since == state.scene:
        return actor
    return _wounded(actor, change, state)


def _updated(
    actor: ActorState, some: Collection[Wound], update: Mapping[str, object]
) -> ActorState:
    """The actor with an update of these very wounds; an equal one beside them stays as it is."""
    meant = {id(one) for one in some}
    wounds = tuple(
        one.model_copy(update=update) if id(one) in meant else one for one in actor.wounds
    )
    return actor.model_copy(update={"wounds": wounds})


def _wounded(actor: ActorState, change: Change, state: StoryState) -> ActorState:
    wound = Wound(
        part=change.part,
        side=change.side,
        noun=change.noun,
        words=change.words,
        treated=change.op == "treat",
        since=state.scene,
        day=state.day,
        quote=change.evidence.quote,
    )
    return actor.model_copy(update={"wounds": (*actor.wounds, wound)})


def healed_by_time(actor: ActorState, day: float, quote: str) -> ActorState:
    """The actor on a day of the story: old wounds have healed."""
    old = [one for one in actor.open_wounds if day - one.day >= _heals_after(one)]
    return _updated(actor, old, {"healed": "time", "quote": quote})


def _heals_after(wound: Wound) -> float:
    kinds = [HEALS_AFTER_DAYS[one] for one in (wound.noun, *wound.words) if one in HEALS_AFTER_DAYS]
    return max(kinds, default=HEALS_ANYHOW_AFTER_DAYS)
