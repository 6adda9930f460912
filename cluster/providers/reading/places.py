"""Where a scene is: journeys, slug lines, and where somebody is said to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cluster.domain.story.reading import SOMEBODY, Op
from cluster.domain.vocabulary import word_set

from . import words
from .frames import ENTERING, LEAVING, MOTION, STAYING
from .nouns import nouns
from .people import People
from .placenames import REACHED, THERE, chain, is_place
from .scene import Scene
from .syntax import NOMINAL, NounRole, lemma, objects, prepositions, role, subject

if TYPE_CHECKING:
    from spacy.tokens import Token


ARRIVING = word_set(
    "to into onto inside through across along up down over in on at aboard around beneath under "
    "past from out of off behind above among between outside toward towards for"
)
"""Prepositions of a journey: where it goes, by what, or from where."""
AMBIGUOUS = word_set("from behind off across by")
"""Those of them that after a verb of no staying say where something else is."""
ENDS = word_set("to into onto inside aboard")
"""Prepositions of where a journey ends, whatever its verb."""
BESIDE = word_set("around under beneath above behind beside over at past before about round")
"""Prepositions of somebody beside whom it happens."""
NOT_GOING = word_set("look point aim nod wave gaze stare shout call")
"""Verbs that reach a place and take nobody there."""
ROAMING = word_set("pace wander roam patrol sweep mop stalk haunt")
"""Verbs whose object one is in."""
ARRIVALS = word_set(
    "arrive land get burst step put climb jump fall board move set check return reach hop"
)
"""Verbs that come to a place that they are "in", "on" or "at"."""
PASSING = word_set("swing float jog row drift pace slide shoulder elbow push")
"""Verbs that stay in the place that they go "through" or "along"."""
TAKING_ALONG = word_set(
    "drag carry bring lead take drive fly push pull escort put haul wheel usher spit throw bundle "
    "march row walk help land set drop invite move steer ferry wash find"
)
"""Verbs whose object goes along, if it is somebody."""
MOVING_THINGS = word_set(
    "put throw push pull get take carry drag set bring drop slide slip roll make move lead fly "
    "sail swing stick row lay send toss pick check shoulder steer"
)
"""Verbs by which it is the object that goes there, and not who does it."""
WAYS = word_set("way bus cab step tram")
"""Objects with which one goes along: "takes the bus to the harbour"."""
FIXTURES = word_set(
    "door window chair table bed wall floor bench desk bars bar step steps stair stairs rail gate "
    "roof ceiling counter stool sofa clock lamp corner railing wheel mast shelf stove drawer "
    "locker cot tiles board boards planks floorboards stage light lights floodlight bell sink"
)
"""What stands in places, and tells where somebody is by the place's name: "the cell door"."""


class Goal(NamedTuple):
    """A place as an argument of its verb.

    Args:
        at: The verb; `verb` is its dictionary form.
        doer: Who does the verb; null for a thing, or where nobody is said.
        mover: Who of the cast goes where it goes.
    """

    scene: Scene
    token: Token
    place: NounRole
    at: Token
    verb: str
    doer: str | None
    mover: str | None

    @property
    def people(self) -> People:
        """Who was spoken of so far."""
        return self.scene.people

    @property
    def cast_doer(self) -> str | None:
        """The doer, where it is one of the cast."""
        return self.doer if self.people.is_cast(self.doer) else None

    @property
    def is_after_verb(self) -> bool:
        """Whether it stands after its verb."""
        return self.token.i > self.at.i

    def say(self, who: str | None, op: Op, *more: str) -> None:
        """Write down who is or goes there."""
        _say(self.scene, self.token, who, op, more)


def read_place(scene: Scene, token: Token) -> None:
    """A place in its clause: who goes there, is there, or leaves it."""
    place = role(token)
    if _lies_in_another(scene, place):
        return  # chain() has it
    verb = lemma(place.verb) if place.verb is not None else ""
    doer = scene.people.doer(place.verb)
    mover = _mover(scene, place.verb, verb, doer) if place.verb is not None else None
    if place.verb is None:
        _read_fragment(scene, token, place)
        return
    goal = Goal(scene, token, place, place.verb, verb, doer, mover)
    match place.name:
        case "none":
            return
        case "object":
            _read_object(goal)
        case "subject":
            _read_subject(goal)
        case _:
            _read_prepositional(goal)


def _lies_in_another(scene: Scene, place: NounRole) -> bool:
    """Whether a place is only what another one lies in: "the bar of the tavern"."""
    return (
        place.noun is not None
        and place.name in {"of", "prep"}
        and is_place(scene, place.noun)
        and place.prep not in {"to", "into", "onto"}
    )


def _read_fragment(scene: Scene, token: Token, place: NounRole) -> None:
    """As in "A hospital ward.": a place without a verb is where the cast is."""
    if token.dep_ == "poss" or token.tag_ in {"NNS", "NNPS"}:
        return
    told = any(one.tag_ in {"VBZ", "VBD", "VBP"} for one in token.sent)
    more = [] if told and place.name == "prep" else ["fragment"]
    _say(scene, token, scene.people.first, "be", more)


def _read_object(goal: Goal) -> None:
    """As in "enters the tavern", "leaves the ship", "paces the cell"."""
    if goal.verb in LEAVING and goal.cast_doer:
        goal.say(goal.doer, "leave")
    elif goal.verb in ENTERING and goal.cast_doer:
        goal.say(goal.doer, "go", *(["path"] if goal.verb == "cross" else []))
    elif goal.verb in ROAMING and goal.cast_doer:
        goal.say(goal.doer, "be")
    elif not any(
        goal.verb in some
        for some in (words.PERCEIVES, words.DREAMS, words.REMEMBERS, LEAVING, ENTERING)
    ):
        goal.say(goal.people.first, "be", "ambient")


def _read_prepositional(goal: Goal) -> None:
    """As in "walks into the hall", "waits on the steps of the mill"."""
    outer, prep = _vantage(goal)
    if goal.place.name != "prep" and outer is None:
        return
    if _is_journey(goal, prep) and _reads_journey(goal, prep):
        return
    is_there = prep in THERE or (prep == "against" and outer is not None)
    elsewhere = prep in AMBIGUOUS and goal.is_after_verb and goal.verb not in STAYING
    if is_there and not elsewhere:
        _read_whereabouts(goal, outer)


def _is_journey(goal: Goal, prep: str) -> bool:
    goes = goal.verb in MOTION - NOT_GOING and prep in ARRIVING and goal.mover is not None
    return goes and not _carries(goal)


def _reads_journey(goal: Goal, prep: str) -> bool:
    """A journey to, through or from a place; False where the preposition says neither."""
    if prep in {"from", "of", "off"} and goal.is_after_verb:
        if goal.people.is_cast(goal.mover):
            goal.say(goal.mover, "leave", "from")
    elif prep in {"toward", "towards", "for", "past"}:
        goal.say(goal.mover, "mention")
    elif prep in REACHED or not goal.is_after_verb:
        along = prep in {"through", "across", "along", "around", "over"}
        goal.say(
            goal.mover, "go" if _gets_there(goal, prep) else "be", *(["path"] if along else [])
        )
    else:
        return False
    return True


def _gets_there(goal: Goal, prep: str) -> bool:
    """Whether a journey comes to its place: "runs into the hall", not "paces in the hall"."""
    if prep in ENDS:
        return True
    if prep in {"in", "on", "at"}:
        return goal.verb in ARRIVALS
    if prep in {"through", "across", "along", "up", "down", "over"}:
        return goal.verb not in PASSING and goal.is_after_verb
    return False


def _read_whereabouts(goal: Goal, outer: Token | None) -> None:
    """As in "waits in the hall"; what others do there tells of the cast only if it is near."""
    people = goal.people
    who = goal.mover or _near(goal.scene, goal.at)
    of_noun = goal.place.noun is not None and goal.place.noun.pos_ in NOMINAL and outer is None
    if of_noun:
        if goal.cast_doer and goal.verb not in words.PERCEIVES:
            goal.say(goal.doer, "be", "near")
    elif goal.doer and not goal.cast_doer and goal.verb != "be" and goal.mover is None:
        if not goal.is_after_verb or _acts_on_cast(goal):
            goal.say(people.first, "be", "ambient")
        else:
            goal.say(goal.doer, "be", "elsewhere")
    elif who is None and goal.doer is None:
        goal.say(people.center, "be", "ambient")
    elif who:
        goal.say(who, "be")


def _acts_on_cast(goal: Goal) -> bool:
    """Whether what somebody else does there is done to one of the cast."""
    people, doer = goal.people, goal.doer
    near = [
        *(one for one in goal.at.children if one.dep_ in {"dobj", "dative"}),
        *(below for _, below in prepositions(goal.at)),
    ]
    return any(
        people.is_cast(people.who(one, doer)) or people.is_cast(people.owner(one, doer))
        for one in near
    )


def read_fixture(scene: Scene, token: Token) -> None:
    """A place by its fixture: "the cell door", "the ship's wheel"."""
    if lemma(token.head) in FIXTURES and is_place(scene, token):
        more = [*chain(scene, token), "ambient", "fixture"]
        scene.add(token, scene.people.first, "be", "place", kind="place", more=more, definite=True)


def _vantage(goal: Goal) -> tuple[Token | None, str]:
    """The place beneath what is not one, and its preposition: "on the steps of the old mill"."""
    place = goal.place
    if place.noun is not None and (
        place.name == "of" or (place.name == "prep" and not goal.people.who(place.noun))
    ):
        above = role(place.noun)
        if above.name == "prep":
            return place.noun, above.prep if place.name == "of" else place.prep
    return None, place.prep


def _mover(scene: Scene, at: Token, verb: str, doer: str | None) -> str | None:
    """Who of the cast goes: the object that is taken along, the doer, or who rides."""
    people = scene.people
    if verb in TAKING_ALONG:
        for one in objects(at):
            who = people.who(one, doer)
            if people.is_cast(who):
                return who
    if doer is not None:
        return doer if people.is_cast(doer) else _aboard(scene, at)
    if verb in MOTION and (aboard := _aboard(scene, at)):
        return aboard
    there = (people.who(below) for _, below in prepositions(at))
    return next((who for who in there if people.is_cast(who)), None)


def _aboard(scene: Scene, verb: Token) -> str | None:
    """The cast, where a vehicle goes somewhere: "The ferry lands at the pier"."""
    found, _ = subject(verb)
    if found is None or lemma(verb) not in MOTION:
        return None
    rides = nouns().share(lemma(found), "vehicle") > 0.3 or (
        found.pos_ == "PROPN" and any(child.lower_ == "the" for child in found.children)
    )
    return scene.people.first if rides else None


def _carries(goal: Goal) -> bool:
    """Whether it is a thing that goes there: "throws the key into the river"."""
    if goal.verb not in MOVING_THINGS:
        return False
    found = list(objects(goal.at))
    people = goal.people
    if not found or any(people.is_cast(people.who(one, goal.doer)) for one in found):
        return False
    return not any(_takes_one_along(lemma(one)) for one in found)


def _takes_one_along(noun: str) -> bool:
    """Whether who moves a thing moves with it: a vehicle, a horse, one's way."""
    known = nouns()
    return (
        known.share(noun, "vehicle") >= 0.3
        or known.share(noun, "place") >= 0.4
        or known.share(noun, "animal") >= 0.4
        or noun in WAYS
    )


def _near(scene: Scene, verb: Token) -> str | None:
    """The cast member beside or around whom it happens: "the boat pitches under her"."""
    for prep, below in prepositions(verb):
        if prep in BESIDE:
            who = scene.people.who(below) or scene.people.owner(below, None)
            if scene.people.is_cast(who):
                return who
    return None


def _read_subject(goal: Goal) -> None:
    """As in "The boat pitches under her", "the hall echoes", "the cold kitchen wakes him"."""
    people = goal.people
    if who := _near(goal.scene, goal.at):
        goal.say(who, "be", "around")
        return
    if goal.verb == "be" and any(
        one.lower_ in {"behind", "far", "away"} for one in goal.at.subtree
    ):
        return
    met = [people.who(one) for one in goal.at.children if one.dep_ == "dobj"]
    cast = next((one for one in met if people.is_cast(one)), None)
    if cast:
        goal.say(cast, "be", "ambient")
    else:
        goal.say(people.center, "mention", "ambient")


def _say(scene: Scene, token: Token, who: str | None, op: Op, more: Sequence[str]) -> None:
    more = [*chain(scene, token), *more]
    scene.add(token, who or SOMEBODY, op, "place", kind="place", more=more)


def read_going_home(scene: Scene, token: Token) -> None:
    """The adverb of a journey home: "goes home"."""
    if token.lower_ != "home" or token.pos_ not in {"ADV", "NOUN", "ADP"}:
        return
    head = token.head
    if head.pos_ in {"VERB", "AUX"} and token.dep_ in {"advmod", "dobj", "npadvmod", "prt", "prep"}:
        who = scene.people.doer(head)
        if who and lemma(head) in MOTION:
            scene.add(token, who, "go", "place", noun="home", kind="place", more=["home"])
