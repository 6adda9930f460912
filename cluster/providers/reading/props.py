"""Things in a sentence: who takes, carries, uses, puts away, gives away or loses what."""

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY

from . import words
from .frames import CARRIED_OFF, GIVERS, LOST, VERBS, operation
from .nouns import nouns
from .outfit import given_to
from .scene import Scene
from .syntax import Role, frames, lemma, prepositions, role

PORTABLE = frozenset({"weapon", "container", "thing"})
PUTTING = frozenset(
    "slip slide zip put push stick drop pack hide tuck stow stuff fold shove thrust drop set slot "
    "sheathe return jam clip wrap place go vanish disappear hang sling strap keep carry store lock "
    "lay leave throw toss fit hook wear stick".split()
)
NOT_PROPS = frozenset(
    "breath drink dash limp gaze way look step eye sun moon light fire blood tear smile voice word "
    "body hand room door window wall floor table bed world air rain snow water story name face "
    "head sound side music engine shadow track path song line column page minute hour point line "
    "soup beer wine meal breakfast dinner lunch food coffee tea bite sip glass snowflake star "
    "cloud wave note sign end edge part piece thing kind set pair back front rest dust smoke sand "
    "stone mud ice grass leaf feather hair bone foot finger plan idea lead job case".split()
)
"""Nouns that WordNet calls things and that a scene does not carry on."""


def kinds(scene: Scene, token: Token) -> frozenset[str]:
    base = scene.base(token)
    known = nouns()
    return frozenset(
        one for one in known.classes(base, 0.08) | known.classes(base.rpartition("_")[2], 0.12)
        if one in PORTABLE
    )  # fmt: skip


def is_thing(scene: Scene, token: Token) -> bool:
    base = scene.base(token).rpartition("_")[2]
    known = nouns()
    if base in NOT_PROPS or base in words.REGION:
        return False
    if known.share(base, "person") > 0.5 or known.share(base, "animal") > 0.5:
        return False
    if known.share(base, "furniture") > 0.5 or known.share(base, "vehicle") > 0.4:
        return False
    if kinds(scene, token):
        return known.share(base, "place") < 0.6 and known.share(base, "building") < 0.4
    return not known.knows(base) and token.pos_ == "NOUN"


def read_thing(scene: Scene, token: Token) -> None:
    place = role(token)
    people = scene.people
    doer = people.doer(place.verb)
    owner = people.owner(token, doer)
    owner = None if owner == "thing" else owner
    kind = "weapon" if "weapon" in kinds(scene, token) else "thing"
    known = bool(kinds(scene, token))
    verb = lemma(place.verb) if place.verb is not None else ""
    classes = kinds(scene, token) or frozenset({"thing"})

    if _in_hand(token):
        who = _hand_owner(scene, token, doer) or owner or doer or people.center
        scene.add(token, who or SOMEBODY, "hold", "props", kind=kind, more=["in hand"])
        return
    if place.verb is None:
        if place.name == "prep" and place.noun is not None and place.prep == "with":
            who = people.who(place.noun)
            if who:
                scene.add(token, who, "hold", "props", kind=kind)
        elif owner:
            scene.add(token, owner, "mention", "props", kind=kind)
        return
    if place.name == "subject" and not place.passive:
        _thing_does(scene, token, place, owner, kind)
        return
    if place.name == "subject":
        doer_is_unsaid = doer is None
        _done(scene, token, place, doer, owner, kind, unsaid=doer_is_unsaid)
        return
    if place.name == "dative":
        return
    found = operation(frames(place), classes)
    if place.name == "object" and (verb in PUTTING or found):
        _done(scene, token, place, doer, owner, kind, unsaid=False)
        return
    if found and place.name == "prep":
        op, frame = found
        if op in {"use", "drop", "take", "give"}:
            scene.add(token, doer or owner or SOMEBODY, op, "props", kind=kind)
            return
    if place.name == "prep" and place.prep == "with":
        who = people.who(place.noun) if place.noun is not None else doer
        if who:
            scene.add(token, owner or who, "hold" if place.noun is not None else "use", "props", kind=kind)
            return
    if place.name == "object" and known and verb not in words.PERCEIVES and doer:
        if verb in VERBS or scene.noun(token).definite:
            scene.add(token, owner or doer, "use" if not owner or owner == doer else "mention",
                      "props", kind=kind)  # fmt: skip
            return
    who = owner or (doer if place.name in {"prep"} else None)
    if who and scene.noun(token).definite and verb not in words.PERCEIVES:
        scene.add(token, who, "mention", "props", kind=kind)
    elif owner is None and scene.noun(token).definite:
        scene.add(token, SOMEBODY, "mention", "props", kind=kind)


def _done(
    scene: Scene, token: Token, place: Role, doer: str | None, owner: str | None, kind: str,
    *, unsaid: bool,
) -> None:  # fmt: skip
    """A thing that something is done to."""
    people, verb = scene.people, lemma(place.verb) if place.verb is not None else ""
    found = operation(_frames_of(place), frozenset({"thing", "weapon", "container"}))
    op = found[0] if found else None
    giver = people.is_cast(doer) or (doer is None and people.is_cast(owner))
    receiver = given_to(scene, place, doer)
    if place.passive and verb in GIVERS and receiver is None:
        receiver = None
    if verb in GIVERS | {"trade", "swap", "sell", "surrender", "return", "exchange"} and receiver:
        if people.is_cast(receiver) and receiver != doer:
            scene.add(token, receiver, "take", "props", kind=kind)
            if people.is_cast(doer):
                scene.add(token, doer or SOMEBODY, "give", "props", kind=kind)
            return
        if people.is_cast(doer):
            scene.add(token, doer or SOMEBODY, "give", "props", kind=kind)
            return
    if giver or people.is_cast(doer):
        who = doer or owner or SOMEBODY
        where = _put_where(scene, place, who)
        if verb in PUTTING or op in {"drop", "stow", "take_off"}:
            if where == "own":
                scene.add(token, who, "stow", "props", kind=kind)
                return
            if where == "other" or op == "drop":
                scene.add(token, who, "drop", "props", kind=kind)
                return
        scene.add(token, owner if owner and owner != who else who, (op or "use") if not owner or owner == who or op in {"take", "give"} else "mention",
                  "props", kind=kind)  # fmt: skip
        return
    from_cast = owner if people.is_cast(owner) else _from_whom(scene, place)
    if from_cast and (verb in CARRIED_OFF or op in {"take", "drop"}):
        scene.add(token, from_cast, "lose", "props", kind=kind)
        return
    if unsaid and op in {"drop", "give", "take_off"} and people.center:
        scene.add(token, owner or people.center, "lose", "props", kind=kind)
        return
    scene.add(token, doer or owner or SOMEBODY, op or "use", "props", kind=kind)


def _frames_of(place: Role) -> list[str]:
    return frames(Role("object", place.verb) if place.name == "subject" else place)


def _from_whom(scene: Scene, place: Role) -> str | None:
    """Whose grip it is torn from: "off her wrist", "from her hand", "out of his grip"."""
    if place.verb is None:
        return None
    for prep, below in prepositions(place.verb):
        if prep in {"off", "from", "of"}:
            who = scene.people.owner(below, None) or scene.people.who(below)
            if scene.people.is_cast(who):
                return who
    return None


def _put_where(scene: Scene, place: Role, who: str) -> str | None:
    """`own`: in something of one's own; `other`: anywhere else; None: nothing is said."""
    if place.verb is None:
        return None
    found = None
    for prep, below in prepositions(place.verb):
        if prep not in {"in", "into", "inside", "on", "onto", "under", "behind", "down", "through",
                        "at", "to", "over", "against", "around", "round", "back", "between", "among",
                        "from", "beneath", "across"}:  # fmt: skip
            continue
        owner = scene.people.owner(below, who)
        base = lemma(below)
        mine = owner in {None, who} or owner == "thing"
        if base in words.STORAGES and mine and prep in {"in", "into", "inside", "under", "behind", "on",
                                                        "down", "through", "around", "over", "to",
                                                        "beneath", "onto", "across", "at"}:  # fmt: skip
            return "own"
        if base in words.REGION and (owner == who or owner is None):
            return "own" if prep in {"over", "around", "round", "on", "across"} else None
        if prep not in {"from", "over", "to", "across"} or lemma(place.verb) in {"throw", "toss", "push"}:
            found = "other"
    return found


def _in_hand(token: Token) -> bool:
    after = [one.lower_ for one in token.doc[token.i + 1 : token.i + 6]]
    return bool(after) and after[0] in {"in", "held", "high"} and any(
        one in {"hand", "hands", "fist", "grip", "arms", "fingers", "palm"} for one in after
    ) or after[:1] == ["held"]


def _hand_owner(scene: Scene, token: Token, doer: str | None) -> str | None:
    for one in token.doc[token.i + 1 : token.i + 6]:
        if one.lower_ in {"hand", "hands", "fist", "grip", "arms", "fingers", "palm"}:
            return scene.people.owner(one, doer)
    return None


def _thing_does(scene: Scene, token: Token, place: Role, owner: str | None, kind: str) -> None:
    """"The revolver vanishes into her pocket", "the map is gone", "her knife spins away"."""
    verb = place.verb
    assert verb is not None
    base, people = lemma(verb), scene.people
    about = {child.lower_ for child in verb.children}
    center = owner or people.center or SOMEBODY
    if base in {"be", "get"} and about & {"gone", "lost", "stolen", "missing", "empty", "broken"}:
        scene.add(token, center, "lose", "props", kind=kind)
        return
    where = _put_where(scene, place, center)
    if base in {"go", "vanish", "disappear", "slide", "slip", "drop"} and where:
        scene.add(token, center, "stow" if where == "own" else "drop", "props", kind=kind)
        return
    if base in {"go", "belong", "pass"} and any(
        prep == "to" and people.who(below) for prep, below in prepositions(verb)
    ):
        scene.add(token, center, "give", "props", kind=kind)
        return
    lost = about & {"away", "overboard", "off", "out", "down"} or any(
        prep in {"into", "over", "across", "out", "of", "onto"} for prep, _ in prepositions(verb)
    )
    if base in LOST and lost:
        scene.add(token, center, "lose", "props", kind=kind)
        return
    if base in {"snap", "shatter", "break"}:
        scene.add(token, center, "lose", "props", kind=kind)
        return
    if base == "be" and any(one.lower_ in {"hand", "fist", "grip"} for one in verb.subtree):
        scene.add(token, center, "hold", "props", kind=kind, more=["in hand"])
        return
    if base in {"hang", "swing", "dangle", "bounce", "bump", "dig", "press", "rest", "lie", "be"}:
        body = [below for _, below in prepositions(verb) if lemma(below) in words.REGION | {"belt": ""}]
        if body:
            who = people.owner(body[0], None)
            scene.add(token, who or center, "hold", "props", kind=kind)
            return
    if owner:
        scene.add(token, owner, "mention", "props", kind=kind)
    elif scene.noun(token).definite:
        scene.add(token, SOMEBODY, "mention", "props", kind=kind)


def read_unarmed(scene: Scene, token: Token) -> None:
    if token.lower_ in {"unarmed", "empty-handed", "weaponless"}:
        head = token.head
        verb = head if head.pos_ in {"VERB", "AUX"} else None
        who = scene.people.doer(verb) or scene.people.who(head) or scene.people.center
        scene.add(token, who or SOMEBODY, "lack", "props", noun="weapon", kind="weapon")
