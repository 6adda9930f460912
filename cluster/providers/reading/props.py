"""Things in a sentence: who takes, carries, uses, puts away, gives away or loses what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY, Op
from cluster.domain.vocabulary import word_set

from . import words
from .arguments import TRADING, Argument, argument, given_to, held_by, put_where
from .frames import CARRIED_OFF, GIVERS, MOTION, PUTTING, VERBS, operation
from .nouns import nouns
from .scene import Scene
from .subjects import read_doing
from .syntax import NounRole, around, frames, lemma, modifiers, objects, prepositions

if TYPE_CHECKING:
    from spacy.tokens import Span, Token


PORTABLE = frozenset({"weapon", "container", "thing"})
NOT_PROPS = word_set(
    "lift elevator escalator tram cab chance turn seat picture shape bow rest nap bath shower shot "
    "knot button charge care part stage cover aim advantage deal vow oath oar steering rein pocket "
    "blotter baize radiator ladder stove tub hearth bollard buoy hook lock wick peg altar shelf "
    "cupboard drawer safe nail beam screen monitor lid blanket sheet pillow curtain chandelier "
    "trophy clothes clothing stuff load rope-end breath drink dash limp gaze way look step eye sun "
    "moon light fire blood tear smile voice word body hand room door window wall floor table bed "
    "world air rain snow water story name face head sound side music engine shadow track path song "
    "line column page minute hour point soup beer wine meal breakfast dinner lunch food coffee tea "
    "bite sip glass snowflake star cloud wave end edge piece thing kind set pair back front dust "
    "smoke sand mud ice grass hair foot finger plan idea lead job case"
)
"""Nouns that WordNet calls things and that a scene does not carry on."""
TOYS = word_set("wooden toy stuffed carved plush paper clay")
"""Adjectives that make a thing of an animal or a person: "a toy bear"."""
ROBBING = word_set("relieve rob deprive strip disarm")
"""Verbs whose thing follows "of": "relieves him of his sword"."""
PARTING = GIVERS | word_set("trade swap sell surrender return exchange")
"""Verbs by which somebody else has the thing then."""
HANGING = word_set("hang sling strap tie loop drape")
"""Verbs that hang a thing on somebody."""
GRIPS = word_set("hand hands fist grip arms fingers palm")
"""What holds a thing that is said to be "in" it."""


def kinds(scene: Scene, token: Token) -> frozenset[str]:
    """The classes of things that a noun may name; empty where it names none."""
    base = scene.base(token)
    known = nouns()
    found = known.classes(base, 0.08) | known.classes(base.rpartition("_")[2], 0.12)
    return found & PORTABLE


def is_thing(scene: Scene, token: Token) -> bool:
    """Whether a noun names what a scene carries on as a prop."""
    base = scene.base(token).rpartition("_")[2]
    known = nouns()
    if any(base in some for some in (NOT_PROPS, words.REGION, words.COLOURS, words.MATERIALS)):
        return False
    if known.share(base, "person") > 0.5 or known.share(base, "animal") > 0.5:
        return not TOYS.isdisjoint(modifiers(token))
    if known.share(base, "furniture") > 0.5 or known.share(base, "vehicle") > 0.4:
        return False
    if kinds(scene, token):
        return known.share(base, "place") < 0.6 and known.share(base, "building") < 0.4
    return not known.knows(base) and token.pos_ == "NOUN"


def stands_for(scene: Scene, token: Token) -> bool:
    """Whether a compound's first noun is the thing, its second being none: "paperback romance"."""
    head = scene.base(token.head)
    return token.dep_ == "compound" and nouns().is_abstract(head) and is_thing(scene, token)


def read_thing(scene: Scene, token: Token) -> None:
    """A thing in its clause: what the first rule that knows the clause makes of it."""
    found = kinds(scene, token)
    kind = "weapon" if "weapon" in found else "thing"
    noun = argument(scene, token, "props", kind, found)
    for rule in RULES:
        if rule(noun):
            return
    _read_presupposed(noun)


def _is_in_hand(noun: Argument) -> bool:
    """As in "a sword in her hand"."""
    first, *more = [one.lower_ for one in _after(noun.token)] or [""]
    if first != "held" and (first not in {"in", "high"} or GRIPS.isdisjoint(more)):
        return False
    who = _hand_owner(noun) or noun.owner or noun.doer or noun.people.center
    noun.add(who, "hold", more=["in hand"])
    return True


def _hand_owner(noun: Argument) -> str | None:
    hand = next((one for one in _after(noun.token) if one.lower_ in GRIPS), None)
    return noun.people.owner(hand, noun.doer) if hand is not None else None


def _after(token: Token) -> Span:
    return token.doc[token.i + 1 : token.i + 6]


def _is_dangling(noun: Argument) -> bool:
    """As in "a red toolbox banging against her knee"."""
    people = noun.people
    body = (
        below
        for child in noun.token.children
        if child.dep_ == "acl" and child.tag_ == "VBG"
        for _, below in prepositions(child)
        if lemma(below) in words.REGION
    )
    if not any(people.is_cast(people.owner(below, None)) for below in body):
        return False
    noun.add(people.sufferer, "hold")
    return True


def _is_robbed(noun: Argument) -> bool:
    """As in "relieves him of his sword"."""
    verb = noun.place.verb
    if verb is None or not noun.has_prep("of") or noun.verb not in ROBBING:
        return False
    people = noun.people
    victims = (who for one in objects(verb) if (who := people.who(one, noun.doer)))
    noun.add(next(victims, None), "lose")
    return True


def _is_without_a_verb(noun: Argument) -> bool:
    """As in "the man with the knife"."""
    place = noun.place
    if place.verb is not None:
        return False
    if noun.has_prep("with") and place.noun is not None:
        if who := noun.people.who(place.noun):
            noun.add(who, "hold")
    elif noun.owner:
        noun.add(noun.owner, "mention")
    return True


def _is_a_subject(noun: Argument) -> bool:
    """What a thing does, or what is done to it."""
    if noun.place.name != "subject" or noun.place.verb is None:
        return False
    if noun.place.passive:
        _read_undergoing(noun)
    else:
        read_doing(noun, noun.place.verb)
    return True


def _is_an_object(noun: Argument) -> bool:
    """The object of a verb that says what becomes of it; a recipient says nothing of itself."""
    if noun.place.name == "dative":
        return True
    if noun.place.name != "object" or not (noun.verb in PUTTING or noun.op):
        return False
    _read_undergoing(noun)
    return True


def _is_traded_for(noun: Argument) -> bool:
    """As in "trades his coat for a sword"."""
    if not noun.has_prep("for") or noun.verb not in TRADING or noun.cast_doer is None:
        return False
    noun.add(noun.doer, "take")
    return True


def _has_a_frame(noun: Argument) -> bool:
    """As in "lets go of the rope", "aims with the bow"."""
    if noun.place.name != "prep" or noun.op not in {"use", "drop", "take", "give"}:
        return False
    noun.add(noun.doer or noun.owner, noun.op)
    return True


def _is_packed(noun: Argument) -> bool:
    """As in "stuffs the letters into a bag": a bag that nobody spoke of is one's own."""
    if not noun.has_prep("into", "in") or not noun.may_be_cast or "container" not in noun.classes:
        return False
    introduced = noun.scene.noun(noun.token).introduced
    if not introduced or noun.verb not in PUTTING | {"empty"}:
        return False
    noun.add(noun.doer or noun.people.present or noun.people.center, "take")
    return True


def _is_gone_with(noun: Argument) -> bool:
    """As in "leaves her with a map", or "a thief runs off with her map"."""
    place, people = noun.place, noun.people
    if not noun.has_prep("with") or place.noun is not None or place.verb is None:
        return False
    told = (people.who(one, noun.doer) for one in objects(place.verb))
    left = next((who for who in told if people.is_cast(who)), None)
    if noun.verb == "leave" and left:
        noun.add(left, "hold")
    elif people.is_cast(noun.owner) and noun.cast_doer is None and noun.verb in MOTION:
        noun.add(noun.owner, "lose")
    else:
        return False
    return True


def _is_used_or_carried(noun: Argument) -> bool:
    """As in "waves with the lantern", or "she meets the man with the lantern"."""
    if not noun.has_prep("with"):
        return False
    bearer = noun.place.noun
    who = noun.doer if bearer is None else noun.people.who(bearer)
    if who:
        noun.add(noun.owner or who, "use" if bearer is None else "hold")
    return bool(who)


def _is_handled(noun: Argument) -> bool:
    """The object of a verb that no frame has: it is there, and somebody's."""
    handled = noun.place.name == "object" and noun.classes and noun.verb not in words.PERCEIVES
    if not handled or not noun.doer or not (noun.verb in VERBS or noun.is_definite()):
        return False
    own = not noun.owner or noun.owner == noun.doer
    noun.add(noun.owner or noun.doer, "use" if own else "mention")
    return True


RULES: tuple[Callable[[Argument], bool], ...] = (
    _is_in_hand,
    _is_dangling,
    _is_robbed,
    _is_without_a_verb,
    _is_a_subject,
    _is_an_object,
    _is_traded_for,
    _has_a_frame,
    _is_packed,
    _is_gone_with,
    _is_used_or_carried,
    _is_handled,
)
"""What a clause may say of a thing, the surest first: each writes it down and says whether."""


def _read_presupposed(noun: Argument) -> None:
    """A thing that is only spoken of: "the nephew hobbles on her old crutches"."""
    if not noun.is_definite():
        return
    who = noun.owner or (noun.doer if noun.place.name == "prep" else None)
    if not noun.may_be_cast:
        who = SOMEBODY
    if who and noun.verb not in words.PERCEIVES:
        noun.add(who, "mention")
    elif noun.owner is None:
        noun.add(SOMEBODY, "mention")


def _read_undergoing(noun: Argument) -> None:
    """A thing that something is done to."""
    op, _ = operation(_frames_as_object(noun.place), PORTABLE) or (None, "")
    if _changes_hands(noun):
        return
    if (bearer := _hung_on(noun)) is not None:
        noun.add(bearer, "take")
    elif op == "take" and _is_blown_away(noun):
        noun.add(noun.owner, "lose")
    elif noun.cast_doer or (noun.doer is None and noun.people.is_cast(noun.owner)):
        _read_done_by_cast(noun, op, noun.doer or noun.owner or SOMEBODY)
    else:
        _read_done_by_others(noun, op)


def _frames_as_object(place: NounRole) -> list[str]:
    return frames(NounRole("object", place.verb) if place.name == "subject" else place)


def _changes_hands(noun: Argument) -> bool:
    """As in "hands him the lantern"."""
    receiver = given_to(noun)
    if noun.verb not in PARTING or not receiver:
        return False
    received = noun.people.is_cast(receiver) and receiver != noun.doer
    if received:
        noun.add(receiver, "take")
    if noun.cast_doer:
        noun.add(noun.doer, "give")
    return received or noun.cast_doer is not None


def _hung_on(noun: Argument) -> str | None:
    """Who carries a thing that somebody else hangs there: "hangs a satchel on him"."""
    if noun.verb not in HANGING:
        return None
    for prep, below in around(noun.place.verb, noun.token):
        who = noun.people.who(below, noun.doer)
        on = prep in {"on", "over", "around", "round"}
        if on and noun.people.is_cast(who) and who != noun.doer:
            return who
    return None


def _is_blown_away(noun: Argument) -> bool:
    """As in "a gust takes her hat"."""
    taken = noun.doer is None and not noun.place.passive
    return taken and noun.people.is_cast(noun.owner)


def _read_done_by_cast(noun: Argument, op: Op | None, who: str) -> None:
    """What one of the cast does to a thing, or does to one's own."""
    if op in {"take", "use"} and _is_drawn_from_own(noun, who):
        noun.add(who, "hold", more=["in hand"])
        return
    where, _ = put_where(noun, who)
    puts = noun.verb in PUTTING or op in {"drop", "stow", "take_off"}
    if puts and where == "own":
        noun.add(who, "stow")
    elif puts and (where == "other" or op == "drop"):
        noun.add(who, "drop")
    elif noun.owner is not None and noun.owner != who and op in {None, "use"}:
        noun.add(noun.owner, "mention")
    else:
        noun.add(who, op or "use")


def _is_drawn_from_own(noun: Argument, who: str) -> bool:
    """As in "fishes the key out of her pocket": what is taken from there was hers before."""
    for prep, below in around(noun.place.verb, noun.token):
        if prep in {"of", "from"} and lemma(below) in words.STORAGES - {"hip", "shoulder"}:
            return noun.people.owner(below, who) in {who, None, "thing"}
    return False


def _read_done_by_others(noun: Argument, op: Op | None) -> None:
    """What somebody else, or the wind, does to a thing."""
    people = noun.people
    victim = noun.owner if people.is_cast(noun.owner) else held_by(noun)
    unsaid = noun.place.name == "subject" and noun.doer is None
    if victim and (noun.verb in CARRIED_OFF or op in {"take", "drop"}):
        noun.add(victim, "lose")
    elif unsaid and op in {"drop", "give", "take_off"}:
        noun.add(noun.owner or people.sufferer, "lose")
    else:
        noun.add(noun.doer or noun.owner, op or "use")


def read_unarmed(scene: Scene, token: Token) -> None:
    """One word that says that no weapon is there: unarmed, empty-handed."""
    if token.lower_ in {"unarmed", "empty-handed", "weaponless"}:
        head = token.head
        verb = head if head.pos_ in {"VERB", "AUX"} else None
        who = scene.people.doer(verb) or scene.people.who(head) or scene.people.center
        scene.add(token, who or SOMEBODY, "lack", "props", noun="weapon", kind="weapon")
