"""Where a scene is: journeys, slug lines, and where somebody is said to be."""

import re

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Change, Evidence, Op

from . import words
from .frames import ENTERING, LEAVING, MOTION, STAYING
from .nouns import nouns
from .scene import Scene
from .syntax import NOMINAL, Role, lemma, modality, prepositions, role
from .text import Slug

ARRIVING = frozenset(
    "to into onto inside through across along up down over in on at aboard around beneath under past "
    "from out of off behind above among between outside toward towards for".split()
)
REACHED = frozenset("to into onto inside through across along up down over in on at aboard ashore".split())
THERE = frozenset(
    "in at on inside aboard outside under beneath among between near by beside off above across "
    "around along amid within through from behind".split()
)
NOT_GOING = frozenset({"look", "point", "aim", "nod", "wave", "gaze", "stare", "shout", "call"})


def is_place(scene: Scene, token: Token) -> bool:
    base = scene.base(token)
    last = base.rpartition("_")[2]
    known = nouns()
    if last in words.NO_PLACES or last in words.REGION or last in words.GARMENT_PARTS - {"crest"}:
        return False
    if scene.people.who(token):
        return False
    share = max(known.share(base, "place") + 0 * known.share(base, "building"), known.share(base, "building"))
    if share >= 0.3:
        return not known.share(base, "person") > 0.6 or known.share(base, "place") > 0.4
    if known.share(base, "vehicle") >= 0.5:
        return True
    if share >= 0.15 and not known.classes(base, 0.4) & {"garment", "body", "animal", "weapon", "thing"}:
        return True
    return token.pos_ == "PROPN" and not known.classes(base, 0.3) and _is_named_place(token)


def _is_named_place(token: Token) -> bool:
    return token.dep_ == "pobj" and token.head.lower_ in {
        "in", "to", "into", "at", "from", "through", "across", "near", "of", "outside", "toward"}  # fmt: skip


def chain(scene: Scene, token: Token) -> list[str]:
    """A place with what it lies in: "a ward at the hospital" -> ward, hospital."""
    found = [scene.base(token)]
    for child in token.children:
        if child.dep_ in {"compound", "nmod", "appos", "amod"} and child.pos_ in NOMINAL:
            found.append(lemma(child))
    for prep, below in prepositions(token):
        if prep in {"of", "in", "at", "on", "under", "over", "above", "by", "near", "aboard"} and (
            is_place(scene, below) or below.pos_ == "PROPN"
        ):
            found += chain(scene, below)
    return list(dict.fromkeys(found))


def is_inner(token: Token) -> bool:
    """Named only as where another place lies: "the bar of the tavern"."""
    place = role(token)
    return place.name in {"of", "prep"} and place.noun is not None and place.noun.pos_ in NOMINAL


def read_place(scene: Scene, token: Token) -> None:
    place = role(token)
    people = scene.people
    if place.noun is not None and place.name in {"of", "prep"} and is_place(scene, place.noun):
        return  # chain() has it
    verb_token = place.verb
    verb = lemma(verb_token) if verb_token is not None else ""
    doer = people.doer(verb_token)
    mover = _mover(scene, place, verb, doer)
    if verb_token is None or place.name == "none":
        if place.verb is None and not _possessive(token):
            _say(scene, token, people.center or SOMEBODY, "be", ["fragment"])
        return
    if place.name == "object":
        if verb in LEAVING and people.is_cast(doer):
            _say(scene, token, doer or SOMEBODY, "leave")
        elif verb in ENTERING and people.is_cast(doer):
            _say(scene, token, doer or SOMEBODY, "go")
        return
    if place.name == "subject":
        _as_subject(scene, token, place, verb)
        return
    outer, prep = _vantage(scene, token, place)
    if place.name != "prep" and outer is None:
        return
    if verb in MOTION - NOT_GOING and prep in ARRIVING and mover and not _carries(scene, place, verb, doer):
        if prep in {"from", "of", "off"} and token.i > verb_token.i:
            if verb_token.i < token.i and people.is_cast(mover):
                _say(scene, token, mover, "leave", ["from"])
            return
        if prep in {"toward", "towards", "for", "past"}:
            _say(scene, token, mover, "mention")
            return
        if prep in REACHED or token.i < verb_token.i:
            _say(scene, token, mover, "go" if _goes(verb, prep, token, verb_token) else "be")
            return
    if prep in THERE and not (prep in {"from", "behind", "off", "across", "by"} and token.i > verb_token.i and verb not in STAYING):
        who = mover or _around(scene, verb_token)
        if place.noun is not None and place.noun.pos_ in NOMINAL and outer is None:
            return
        if doer and not people.is_cast(doer) and verb not in {"be"} and mover is None:
            _say(scene, token, doer, "be", ["elsewhere"])
            return
        if who is None and doer is None:
            _say(scene, token, people.center or SOMEBODY, "be", ["ambient"])
            return
        if who:
            _say(scene, token, who, "be")


def _goes(verb: str, prep: str, token: Token, verb_token: Token) -> bool:
    """Whether it gets there by it: "runs into the hall", not "paces in the hall"."""
    if prep in {"to", "into", "onto", "inside", "aboard"}:
        return True
    if prep in {"in", "on", "at"}:
        return verb in {"arrive", "land", "get", "burst", "step", "put", "climb", "jump", "fall", "board", "move", "set", "check", "return", "reach", "hop"}
    if prep in {"through", "across", "along", "up", "down", "over"}:
        return verb not in {"swing", "float", "jog", "row", "drift", "pace", "slide", "shoulder", "elbow", "push"} and token.i > verb_token.i
    return False


def _vantage(scene: Scene, token: Token, place: Role) -> tuple[Token | None, str]:
    """"on the steps of the old mill": the place beneath what is not one."""
    if place.name == "of" and place.noun is not None:
        above = role(place.noun)
        if above.name == "prep":
            return place.noun, above.prep
    if place.name == "prep" and place.noun is not None and not scene.people.who(place.noun):
        above = role(place.noun)
        if above.name == "prep":
            return place.noun, place.prep
    return None, place.prep


def _mover(scene: Scene, place: Role, verb: str, doer: str | None) -> str | None:
    people = scene.people
    if place.verb is None:
        return None
    if verb in {"drag", "carry", "bring", "lead", "take", "drive", "fly", "push", "pull", "escort", "put",
                "haul", "wheel", "usher", "spit", "throw", "bundle", "march", "row", "walk", "help",
                "land", "set", "drop", "invite", "move", "steer", "ferry", "wash", "find"}:  # fmt: skip
        from .syntax import objects

        for one in objects(place.verb):
            who = people.who(one, doer)
            if people.is_cast(who):
                return who
    if doer is not None:
        return doer if people.is_cast(doer) else None
    found = next(
        (who for _, below in prepositions(place.verb) if people.is_cast(who := people.who(below))), None
    )
    return found


def _carries(scene: Scene, place: Role, verb: str, doer: str | None) -> bool:
    """Whether it is a thing that goes there: "throws the key into the river"."""
    from .syntax import objects

    if place.verb is None or verb not in {
        "put", "throw", "push", "pull", "get", "take", "carry", "drag", "set", "bring", "drop", "slide",
        "slip", "roll", "take", "make", "move", "lead", "fly", "sail", "swing", "stick", "row", "lay",
        "send", "toss", "pick", "check", "shoulder", "steer"}:  # fmt: skip
        return False
    found = list(objects(place.verb))
    if not found or any(scene.people.is_cast(scene.people.who(one, doer)) for one in found):
        return False
    return not any(
        nouns().share(lemma(one), "vehicle") >= 0.3 or nouns().share(lemma(one), "place") >= 0.4
        or nouns().share(lemma(one), "animal") >= 0.4 or lemma(one) in {"way", "bus", "cab", "step", "tram"}
        for one in found
    )  # fmt: skip


def _around(scene: Scene, verb: Token) -> str | None:
    """The cast member beside or around whom it happens: "the boat pitches under her"."""
    for prep, below in prepositions(verb):
        if prep in {"around", "under", "beneath", "above", "behind", "beside", "over", "at", "past", "before", "about", "round"}:
            who = scene.people.who(below) or scene.people.owner(below, None)
            if scene.people.is_cast(who):
                return who
    return None


def _possessive(token: Token) -> bool:
    return token.dep_ == "poss"


def _as_subject(scene: Scene, token: Token, place: Role, verb: str) -> None:
    verb_token = place.verb
    assert verb_token is not None
    if who := _around(scene, verb_token):
        _say(scene, token, who, "be", ["ambient"])
    elif verb == "be" and any(one.lower_ in {"behind", "far", "away"} for one in verb_token.subtree):
        return
    else:
        objects_ = [
            who for one in verb_token.children if one.dep_ == "dobj" and (who := scene.people.who(one))
        ]
        cast = next((one for one in objects_ if scene.people.is_cast(one)), None)
        if cast:
            _say(scene, token, cast, "be", ["ambient"])
        else:
            _say(scene, token, scene.people.center or SOMEBODY, "mention", ["ambient"])


def _say(scene: Scene, token: Token, who: str, op: Op, more: list[str] | None = None) -> None:
    scene.add(token, who, op, "place", kind="place", more=[*chain(scene, token), *(more or [])])


def read_going(scene: Scene, token: Token) -> None:
    """`home`, `ashore`, `outside`, `upstairs`: adverbs that name a place."""
    written = token.lower_
    if written not in words.GENERIC_PLACES or token.pos_ not in {"ADV", "NOUN", "ADP"}:
        return
    head = token.head
    if head.pos_ in {"VERB", "AUX"} and token.dep_ in {"advmod", "dobj", "npadvmod", "prt", "prep"}:
        who = scene.people.doer(head)
        if who and lemma(head) in MOTION and written in {"home", "ashore"}:
            scene.add(token, who, "go", "place", noun=written, kind="place", more=[written])


def of_slug(slug: Slug, subject: str, text: str) -> list[Change]:
    """The place of a slug line, with all its words: `INT. OFFICE, BACK ROOM - NIGHT`."""
    parts = re.split(r"\s*[,/–—]\s*|\s+-\s+", slug.place)
    said = [
        word.lower() for part in parts for word in re.findall(r"[\w'-]+", part)
        if word.lower() not in {"the", "of", "a", "an", "in", "on", "at", "above", "by", "and"}
    ]  # fmt: skip
    if not said:
        return []
    head = re.findall(r"[\w'-]+", re.split(r"\s+(?:of|above|at|in|on|by)\s+", parts[0], flags=re.I)[0])
    noun = head[-1].lower() if head else said[0]
    noun = noun.removesuffix("'s")
    return [
        Change(
            subject=subject, op="go", slot="place", noun=noun, phrase=slug.place, kind="place",
            words=tuple(dict.fromkeys([noun, *said, "slug"])), definite=True,
            evidence=Evidence(start=slug.start, end=slug.end, quote=text[slug.start : slug.end].strip()),
        )
    ]  # fmt: skip


def meant_here(token: Token) -> bool:
    return modality(token) == "real"
