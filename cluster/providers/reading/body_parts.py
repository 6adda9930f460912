"""Body parts in a sentence: hurt, dressed, healed, or said to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cluster.domain.story.reading import SOMEBODY, Op
from cluster.domain.vocabulary import word_set

from . import words
from .frames import GIVING_WAY, HEALING, HURTING, TREATING
from .injuries import DRESSINGS, is_body, verb_of
from .nouns import nouns
from .scene import Scene
from .syntax import (
    NounRole,
    around,
    is_introduced,
    lemma,
    modifiers,
    objects,
    role,
    side,
)

if TYPE_CHECKING:
    from spacy.tokens import Token

STRUCK_AT = word_set("in into across through to on of above below under over")
"""Prepositions between a blow and the body part that it meets."""
LIVE = word_set("bleeding throbbing") & words.HURT
"""Words before a body part that the parser takes for its verb: "her bleeding right arm"."""
WRAPPED_AROUND = word_set("around round over across on")
BLEEDS_FROM = word_set("from of down over across along")
BLOWS = word_set("go pass cut bite tear rip plunge lodge")
"""Verbs that hurt if they go deep."""
HITS = word_set(
    "stab shoot hit slash cut strike wound graze bite claw burn pierce gore scratch nick spear "
    "rake thud scrape sting injure punch"
)
"""Verbs that hurt a body part that they have a preposition to."""
HITS_BY_ANYBODY = word_set("shoot hit strike")
WEAPONS = word_set(
    "tooth fang claw knife blade dagger arrow sword spear needle fist iron nail bullet glass teeth"
)
"""What hurts whom it is done into."""
HARMLESS_TO_ONES_OWN = word_set("take catch drive pull lay open clip sink punch")
"""Verbs of blows that are also used of hair, hats and coins."""
DRESSED_FORMS = DRESSINGS | {"splints", "bandages"}
COPULAS = word_set("be feel look seem remain stay hang come get go")
BETTER = word_set("better normal good well new")
AT_LAST = word_set("again finally weeks months days week month")
"""Words by which what is whole was not so before."""
PREDICATES = word_set("acomp attr advmod prt oprd prep dobj")
GIVES_WAY_BY_ITSELF = GIVING_WAY - word_set("split turn break give twist burst ache pop tear")
"""What a body part does only when it is hurt."""
GIVES_WAY_UNDER = word_set("turn twist give break snap buckle")
"""What it does when it is hurt, if "under" somebody, or "with" a sound."""


class Said(NamedTuple):
    """A body part as it is spoken of.

    Args:
        verb: The dictionary form of its verb; empty in a fragment.
        words: What is said of the part.
        doer: Who does the verb.
        owner: Whose the part is said to be.
        center: Whose it is, as far as the text goes.
    """

    token: Token
    place: NounRole
    verb: str
    words: frozenset[str]
    doer: str | None
    owner: str | None
    center: str


def read_part(scene: Scene, token: Token) -> None:
    """A body part: hurt, treated, healed, or said to be whole."""
    said = _as_said(scene, token)
    if said.words & words.WHOLE:
        _add(scene, said, "lack")
    elif not (
        _read_as_subject(scene, said)
        or _read_as_object(scene, said)
        or _read_as_struck(scene, said)
        or _is_dressed(said.place)
    ):
        _read_state(scene, said)


def _as_said(scene: Scene, token: Token) -> Said:
    place, people = role(token), scene.people
    hurt = {one.lower_ for one in token.children if one.dep_ == "acl"} & words.HURT
    doer = people.doer(place.verb)
    owner = people.owner(token, doer)
    owner = None if owner == "thing" else owner
    if owner is None and place.prep in {"with", "of"} and place.noun is not None:
        owner = people.who(place.noun)
    if owner is None and place.name == "object":
        owner = _owner_of_body_near(scene, token, place, doer)
    center = owner or (doer if place.name != "subject" else None) or people.center or SOMEBODY
    hurt |= {one.lower_ for one in token.doc[max(token.sent.start, token.i - 3) : token.i]} & LIVE
    said = frozenset(modifiers(token)) | hurt
    return Said(token, place, verb_of(place), said, doer, owner, center)


def _owner_of_body_near(
    scene: Scene, token: Token, place: NounRole, doer: str | None
) -> str | None:
    """ "two ribs in Corvin's left side"."""
    near = around(place.verb, token)
    parts = (below for prep, below in near if prep in {"in", "on", "of"} and is_body(below))
    return next((who for part in parts if (who := scene.people.owner(part, doer))), None)


def _add(
    scene: Scene, said: Said, op: Op, who: str | None = None, more: tuple[str, ...] = ()
) -> bool:
    """Write down what happens to a body part; always true: it has been read."""
    base = lemma(said.token)
    scene.add(
        said.token,
        who or said.center,
        op,
        "injuries",
        noun=base,
        kind="body",
        part=base,
        which=side(said.token),
        more=more,
    )
    return True


def _read_as_subject(scene: Scene, said: Said) -> bool:
    verb, passive = said.place.verb, said.place.passive
    if verb is None or said.place.name != "subject":
        return False
    if said.verb in ({"heal", "mend", "cure"} if passive else HEALING):
        return _add(scene, said, "heal")
    is_participle = verb.lower_ in words.HURT and verb.tag_ in {"VBN", "JJ"}
    if is_participle or (passive and said.verb in HURTING | TREATING):
        op: Op = "injure" if said.verb in HURTING else "be"
        return _add(scene, said, op, more=(verb.lower_,))
    if said.verb in COPULAS and _read_predicate(scene, said, verb):
        return True
    if said.verb in {"bleed", "throb", "swell"}:
        return _add(scene, said, "be", more=("bleeding" if said.verb == "bleed" else "swollen",))
    if not passive and _gives_way(said.verb, _about(verb)):
        return _add(scene, said, "be" if said.words & words.HURT else "injure")
    return False


def _about(verb: Token) -> set[str]:
    """What a verb's predicate and particles say."""
    told = {child.lower_ for child in verb.children if child.dep_ in PREDICATES}
    adjectives = (child for child in verb.children if child.dep_ == "acomp")
    return told | {below.lower_ for one in adjectives for below in one.children}


def _read_predicate(scene: Scene, said: Said, verb: Token) -> bool:
    """ "Her knee is fine again", "his arm is in a cast"."""
    about = _about(verb)
    if about & (words.WHOLE | BETTER):
        was_hurt = about & {"healed", "mended", "better"} or not AT_LAST.isdisjoint(
            one.lower_ for one in said.token.sent
        )
        return _add(scene, said, "heal" if was_hurt else "lack")
    if hurt := about & words.HURT:
        return _add(scene, said, "be", more=tuple(sorted(hurt)))
    if not DRESSED_FORMS.isdisjoint(one.lower_ for one in verb.subtree):
        return _add(scene, said, "be", more=("bandaged",))
    return False


def _gives_way(verb: str, about: set[str]) -> bool:
    """ "His rib cracks", "the ankle turns under her"."""
    is_under = verb in GIVES_WAY_UNDER and bool(about & {"under", "way", "with"})
    return verb in GIVES_WAY_BY_ITSELF or is_under


def _read_as_object(scene: Scene, said: Said) -> bool:
    verb, people = said.place.verb, scene.people
    if verb is None or said.place.name != "object":
        return False
    is_known_hurt = said.words & words.HURT and not is_introduced(said.token)
    if said.verb in HURTING and _is_violent(said, verb) and not is_known_hurt:
        hurt_by = people.center if not people.is_cast(said.doer) else said.doer
        return _add(scene, said, "injure", said.owner or hurt_by)
    near = (below for _, below in around(verb, said.token))
    if said.verb in {"set", "put"} and any(lemma(below) in DRESSINGS for below in near):
        return _add(scene, said, "treat")
    if said.verb in {"bandage", "splint", "stitch"}:
        return _add(scene, said, "treat")
    if said.verb in TREATING and not any(map(_is_a_garment, objects(verb))):
        return _add(scene, said, "treat")
    return False


def _is_violent(said: Said, verb: Token) -> bool:
    """Whether a verb that is also used of hair, hats and coins hurts here."""
    if said.verb not in HARMLESS_TO_ONES_OWN or any(one.lower_ == "open" for one in verb.children):
        return True
    is_anothers = said.owner is not None and said.owner != said.doer
    return said.verb in {"open", "clip"} and is_anothers


def _is_a_garment(token: Token) -> bool:
    return nouns().share(lemma(token), "garment") > 0.3


def _read_as_struck(scene: Scene, said: Said) -> bool:
    """ "A bullet hits her in the arm"."""
    verb, place = said.place.verb, said.place
    if verb is None or place.name != "prep" or place.prep not in STRUCK_AT:
        return False
    if said.verb not in HURTING | BLOWS or not _is_struck(scene, said, verb):
        return False
    return _add(scene, said, "injure", said.owner or _victim(scene, verb, said.doer))


def _is_struck(scene: Scene, said: Said, verb: Token) -> bool:
    people, things = scene.people, {lemma(one) for one in objects(verb)}
    if things & WEAPONS:
        return True
    if said.verb in HITS:
        is_of_a_thing = said.verb in {"cut", "bite"} and bool(things)
        return not is_of_a_thing and not _hits_somebody_else(scene, said)
    hit = (people.who(one, said.doer) for one in objects(verb))
    if said.verb == "take" and any(people.is_cast(one) for one in hit):
        return said.doer is None
    if said.verb in {"plunge", "lodge", "sink"}:
        return True
    is_deep = any(one.lower_ in {"deep", "clean", "straight"} for one in verb.subtree)
    return is_deep and said.verb in BLOWS | {"bury"}


def _hits_somebody_else(scene: Scene, said: Said) -> bool:
    """One of the cast hits somebody who is not of it."""
    is_cast = scene.people.is_cast
    is_a_strangers = said.owner is not None and not is_cast(said.owner)
    return said.verb in HITS_BY_ANYBODY and is_cast(said.doer) and is_a_strangers


def _victim(scene: Scene, verb: Token, doer: str | None) -> str | None:
    people = (scene.people.who(one, doer) for one in objects(verb))
    return next(filter(None, people), None)


def _is_dressed(place: NounRole) -> bool:
    """ "a bandage around his knee" is read with the bandage."""
    if place.verb is None or place.name != "prep" or place.prep not in WRAPPED_AROUND:
        return False
    return any(lemma(one) in DRESSINGS for one in objects(place.verb))


def _read_state(scene: Scene, said: Said) -> None:
    """How a body part is, where nothing happens to it."""
    if said.words & words.HURT:
        has = said.verb in {"have", "get", "suffer"} and said.place.name == "object"
        _add(scene, said, "injure" if has and is_introduced(said.token) else "be")
    elif _bleeds(said.place):
        _add(scene, said, "be", more=("bleeding",))


def _bleeds(place: NounRole) -> bool:
    """ "Blood runs from her nose", "blood soaks through her left sleeve"."""
    if place.verb is None or place.name != "prep" or place.prep not in BLEEDS_FROM:
        return False
    subjects = (child for child in place.verb.children if child.dep_ == "nsubj")
    return verb_of(place) == "bleed" or any(lemma(one) == "blood" for one in subjects)


def read_part_again(scene: Scene, token: Token, part: Token) -> None:
    """ "and opens it to the wrist": a pronoun for a body part."""
    place = role(token)
    doer = scene.people.doer(place.verb)
    op = _done_to_a_part(verb_of(place))
    if place.name != "object" or op is None:
        return
    owner = scene.people.owner(part, None) or doer or scene.people.center or SOMEBODY
    base = lemma(part)
    scene.add(
        part,
        owner,
        op,
        "injuries",
        noun=base,
        kind="body",
        part=base,
        which=side(part),
        at=token,
    )


def _done_to_a_part(verb: str) -> Op | None:
    if verb in HURTING:
        return "injure"
    if verb in TREATING:
        return "treat"
    return "heal" if verb in HEALING else None
