"""Clothes in a sentence: who puts what on, takes it off, or is said to wear it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster.domain.vocabulary import word_set

from . import words
from .arguments import (
    TRADING,
    Argument,
    argument,
    given_to,
    goes_to_somebody,
    is_taken_away,
    put_where,
)
from .frames import DONNING, GIVERS, PRESUPPOSES, PUTTING, operation
from .nouns import nouns
from .scene import Scene
from .syntax import around, frames, is_introduced, lemma, modifiers, objects, prepositions, role
from .wearers import LEAST_SHARE, dressed, has_on, is_lying, on_body, put_on, undressed

if TYPE_CHECKING:
    from spacy.tokens import Token


GARMENT = frozenset({"garment"})
ALWAYS = word_set(
    "ring mail armour armor tie badge overalls hood cap boot cape vest jumper jersey wellington "
    "heels trainers scrubs mac oilskin shades specs patch plate shift top tee"
)
"""Nouns that WordNet has in other senses first, and that a scene wears."""
CLOTHES = word_set("clothes clothing outfit garb attire costume gear")
"""All that is worn, in one word."""
HIGH_HEELED = word_set("high stiletto spike kitten platform")
"""Words that make a shoe of a heel."""
REFLEXIVE = word_set("herself himself themselves him her them me")
"""Pronouns that a verb dresses: "wraps herself in a shawl"."""
FASTENING = word_set("lace buckle button zip tie fasten do strap")
"""What one does to clothes that are on, or that one puts on by it."""
HANDLING = word_set("hold find tuck put hide wipe wrap carry pull slide slip roll keep")
"""Verbs of things that are in clothes: "finds a note in her coat"."""
CHANGING = word_set("change dress clothe clad transform attire")
"""Verbs of dressing that leave nothing on of what was worn."""
STATIVE = frozenset({"wear", "have+on", "sport"})
"""Frames that say what is worn and not that it was put on."""
BECOMING_GONE = word_set("gone lost stolen missing burned ruined off")
"""What clothes are said to be that are no longer there."""


def is_garment(scene: Scene, token: Token) -> bool:
    """Whether a noun is something worn."""
    base = scene.base(token)
    last = base.rpartition("_")[2]
    if last in words.REGION:
        return is_heel_of_a_shoe(token)
    if last in words.GARMENT_PARTS and _is_part_of_a_garment(token):
        return False
    is_name = token.text[:1].isupper() and not token.is_upper and token.i > token.sent.start
    if is_name:  # "Isla's old Mini"
        return False
    if last in ALWAYS:
        return True
    known = nouns()
    share = max(known.share(base, "garment"), known.share(last, "garment"))
    return share >= LEAST_SHARE and known.share(last, "person") < 0.6


def is_heel_of_a_shoe(token: Token) -> bool:
    """Whether heels are shoes: "stiletto heels"."""
    return lemma(token) == "heel" and not HIGH_HEELED.isdisjoint(modifiers(token))


def _is_part_of_a_garment(token: Token) -> bool:
    """The collar of "the collar of his coat"."""
    return any(
        prep == "of" and nouns().share(lemma(below), "garment") >= 0.05
        for prep, below in prepositions(token)
    )


def read_clothes(scene: Scene, token: Token) -> None:
    """All that is worn, in one word: "strips off the wet clothes"."""
    place = role(token)
    verb = lemma(place.verb) if place.verb is not None else ""
    op, _ = operation(frames(place), GARMENT) or (None, "")
    doer = scene.people.doer(place.verb)
    off = op in {"take_off", "drop", "give"} or verb in TRADING | {"change"}
    if off and (doer is None or scene.people.is_cast(doer)):
        who = doer or scene.people.sufferer
        scene.add(token, who, "take_off", "outfit", noun="clothes", kind="garment")


def read_garment(scene: Scene, token: Token) -> None:
    """A garment in its clause: what the first rule that knows the clause makes of it."""
    noun = argument(scene, token, "outfit", "garment", GARMENT)
    if _holds_a_thing(noun):
        noun = noun._replace(op=None, frame="")
    for rule in RULES:
        if rule(noun):
            return
    _read_presupposed(noun)


def _holds_a_thing(noun: Argument) -> bool:
    """As in "slips the note into her jacket": the frame is not one of dressing."""
    return (
        "@in" in noun.frame
        and noun.place.verb is not None
        and any(
            noun.people.who(one) is None and one.lower_ not in REFLEXIVE
            for one in objects(noun.place.verb)
        )
    )


def _is_put_onto_a_body(noun: Argument) -> bool:
    """As in "throws a cloak around Ostrevin's shoulders"."""
    may_dress = noun.op is None and noun.verb in DONNING | GIVERS
    if noun.place.name != "object" or not (may_dress or noun.op in {"drop", "use", "give"}):
        return False
    on = put_on(noun)
    if on is None:
        return False
    over = any(
        prep == "over" and lemma(below) == "head"
        for prep, below in around(noun.place.verb, noun.token)
    )
    noun.add(on, "wear", more=["over"] if over else [])
    return True


def _is_put_away(noun: Argument) -> bool:
    """As in "stuffs her gloves into her bag", "lays his cap on the table"."""
    puts = noun.place.name == "object" and noun.op in {None, "use", "drop"} and noun.verb in PUTTING
    if not puts or noun.cast_doer is None:
        return False
    where, _ = put_where(noun, noun.cast_doer)
    if where:
        noun.add(noun.doer, "stow" if where == "own" else "drop")
    return where is not None


def _is_taken_off_a_body(noun: Argument) -> bool:
    """As in "cuts the suit off her"."""
    if noun.place.name != "object" or noun.op is not None:
        return False
    off = undressed(noun)
    if off:
        noun.add(off, "take_off")
    return off is not None


def _has_a_frame(noun: Argument) -> bool:
    """A verb whose frame says what it does to clothes."""
    if noun.place.verb is None or noun.place.name not in {"object", "prep", "subject"}:
        return False
    match noun.op:
        case None:
            return False
        case "wear":
            _dress(noun)
        case "take_off":
            noun.add(
                noun.owner or undressed(noun) or noun.cast_doer or noun.people.sufferer,
                "take_off",
            )
        case "drop" | "give" | "stow":
            _part_with(noun)
        case "take":
            _take(noun)
        case _:
            _handle(noun)
    return True


def _is_traded_for(noun: Argument) -> bool:
    """As in "trades his coat for a cloak"."""
    if not noun.has_prep("for") or noun.verb not in TRADING or not noun.may_be_cast:
        return False
    noun.add(noun.doer or noun.people.sufferer, "wear")
    return True


def _is_got_into(noun: Argument) -> bool:
    """As in "Into the mail", "Out of the wet boots": a fragment without its verb."""
    if not noun.has_prep("into", "of") or noun.verb not in {"", "curse", "be"}:
        return False
    token = noun.token
    if noun.place.prep == "into":
        noun.add(noun.people.sufferer, "wear")
    elif any(one.lower_ == "out" for one in token.doc[max(0, token.i - 6) : token.i]):
        noun.add(noun.people.sufferer, "take_off")
    else:
        return False
    return True


def _is_what_one_stands_in(noun: Argument) -> bool:
    """As in "Ostrevin in mail", "stands in a black dress", "with his belt back on"."""
    if not noun.has_prep("in", "with", "wearing", "under", "beneath"):
        return False
    place = noun.place
    who = noun.people.who(place.noun) if place.noun is not None else None
    if who is None and place.noun is not None and not _is_fragmentary(noun, place.noun):
        return False
    if who is None and place.verb is not None:
        who = noun.doer
        if _is_kept_in_clothes(noun):
            return False
    if who is None or place.prep in {"under", "beneath"}:
        return False
    said = noun.scene.noun(noun.token)
    has_put_on = has_on(noun.token) or said.introduced or not said.definite
    noun.add(who, "wear" if has_put_on else "be")
    return True


def _is_fragmentary(noun: Argument, head: Token) -> bool:
    return head.dep_ == "ROOT" or noun.place.verb is None


def _is_kept_in_clothes(noun: Argument) -> bool:
    """Whether clothes are only where something is: "hides it under her cloak"."""
    if noun.place.prep == "with":
        return not has_on(noun.token)
    return noun.place.prep in {"in", "under", "beneath"} and noun.verb in HANDLING


def _is_on_a_body(noun: Argument) -> bool:
    """As in "a fur coat over everything", "mittens on his hands"."""
    if noun.place.name not in {"none", "prep", "beside", "attribute"}:
        return False
    on = on_body(noun.scene, noun.token)
    if on:
        noun.add(on, "mention" if noun.is_definite() else "wear", more=["worn"])
    return bool(on)


def _is_all_that_is_said(noun: Argument) -> bool:
    """A garment that is named and no more: "Grey coat, black boots" as a whole sentence."""
    listed = noun.place.name == "none" and noun.place.verb is None and _is_fragment(noun.token)
    if not listed and not _is_pulled_on(noun):
        return False
    noun.add(noun.owner or noun.people.center, "wear")
    return True


def _is_a_subject(noun: Argument) -> bool:
    """What clothes do: "her hat drifts off", "the shirt is gone", "his mail clinks"."""
    verb = noun.place.verb
    if noun.place.name != "subject" or verb is None:
        return False
    about = {child.lower_ for child in verb.children}
    if noun.verb in {"stay", "remain"} and "behind" in about:
        noun.add(noun.owner or noun.people.center, "drop")
    elif noun.verb in {"go", "belong", "pass"} and goes_to_somebody(noun, verb):
        noun.add(noun.owner or noun.people.sufferer, "give")
    elif is_taken_away(verb):
        noun.add(noun.owner or noun.people.sufferer, "lose")
    elif noun.verb == "be" and about & BECOMING_GONE:
        noun.add(noun.owner or noun.people.center, "lose")
    else:
        return False
    return True


def _is_held_by_its_part(noun: Argument) -> bool:
    """As in "tugs at the collar of the coat": who does that wears it."""
    part = noun.place.noun
    if noun.owner is not None or noun.place.name != "of" or part is None:
        return False
    if lemma(part) not in words.GARMENT_PARTS or noun.cast_doer is None:
        return False
    noun.add(noun.doer, "mention", more=["worn"])
    return True


RULES: tuple[Callable[[Argument], bool], ...] = (
    _is_put_onto_a_body,
    _is_put_away,
    _is_taken_off_a_body,
    _has_a_frame,
    _is_traded_for,
    _is_got_into,
    _is_what_one_stands_in,
    _is_on_a_body,
    _is_all_that_is_said,
    _is_a_subject,
    _is_held_by_its_part,
)
"""What a clause may say of a garment, the surest first: each writes it down and says whether."""


def _read_presupposed(noun: Argument) -> None:
    """Clothes that are only spoken of: "a guard swaggers past in Ostrevin's kaftan"."""
    wearer = noun.owner or _wearer(noun)
    if wearer is None and not noun.is_definite():
        return
    if noun.doer and noun.cast_doer is None and noun.place.name == "prep":
        wearer = None
    has = noun.verb in {"have", "be"} and noun.place.name in {"object", "attribute"}
    noun.add(
        wearer,
        "be" if has and is_introduced(noun.token) else "mention",
        more=["lying"] if is_lying(noun.token) else [],
    )


def _wearer(noun: Argument) -> str | None:
    """Who wears what is nobody's by its own words: who does it, or owns what it hangs on."""
    place = noun.place
    if noun.doer and place.name in {"object", "prep"}:
        return noun.doer
    if place.noun is None or place.name in {"object", "dative"}:
        return None
    return noun.people.owner(place.noun, noun.doer)


def _dress(noun: Argument) -> None:
    """As in "puts the coat on", "buttons him into a shirt"."""
    who = dressed(noun) or noun.doer or noun.people.present or noun.people.center
    noun.add(who, "wear", more=_manner(noun.frame))


def _manner(frame: str) -> list[str]:
    """How a frame of dressing means it: as a state, over the rest, or instead of it."""
    if frame in STATIVE:
        return ["stative"]
    if frame == "pull@over":
        return ["over"]
    return ["whole outfit"] if frame.partition("@")[0] in CHANGING else []


def _part_with(noun: Argument) -> None:
    """Clothes that are dropped, given away or put away, or traded for others."""
    if noun.place.name == "subject" and not noun.place.passive:
        noun.add(noun.owner, "mention")
        return
    traded = noun.op == "give" and noun.verb in TRADING and _is_for_another(noun)
    receiver = given_to(noun)
    if receiver and noun.people.is_cast(receiver) and receiver != noun.doer:
        if noun.cast_doer:
            noun.add(noun.doer, "give")
        noun.add(receiver, "take", slot="props")
        return
    unsaid = noun.people.sufferer if noun.place.passive and noun.doer is None else None
    op = noun.op if noun.op is not None and not traded else "take_off"
    noun.add(noun.cast_doer or noun.owner or unsaid, op)


def _is_for_another(noun: Argument) -> bool:
    return any(prep == "for" for prep, _ in around(noun.place.verb, noun.token))


def _take(noun: Argument) -> None:
    """As in "takes the hat": it is carried now. "A gust takes her hat": it is lost."""
    by_nobody = noun.doer is None and noun.place.name == "object"
    if noun.people.is_cast(noun.owner) and (by_nobody or not noun.may_be_cast):
        noun.add(noun.owner, "lose")
    else:
        noun.add(noun.doer or noun.people.present or noun.people.center, "take", slot="props")


def _handle(noun: Argument) -> None:
    """As in "straightens her jacket": what is done to clothes that are on."""
    verb = noun.frame.partition("+")[0]
    worn = ["fastened"] if verb in FASTENING else ["worn"] if verb in PRESUPPOSES else []
    noun.add(noun.owner or noun.doer, "mention", more=worn)


def _is_fragment(token: Token) -> bool:
    """A list of clothes and no sentence: "grey coat, black boots"."""
    root = token
    while root.head != root:
        root = root.head
    if root.pos_ in {"VERB", "AUX"}:
        return False
    return root == token or nouns().share(lemma(root), "garment") > 0.1 or root.pos_ == "PROPN"


def _is_pulled_on(noun: Argument) -> bool:
    """As in "A green beanie, pulled down to the eyebrows"."""
    verb = noun.place.verb
    if verb is None or verb.head != verb or verb.tag_ != "VBN" or noun.token.i > verb.i:
        return False
    helped = any(
        child.dep_ in {"aux", "auxpass", "nsubj", "nsubjpass"} and child != noun.token
        for child in verb.children
    )
    roles = {"subject", "none", "beside", "object"}
    return not helped and noun.verb in DONNING and noun.place.name in roles
