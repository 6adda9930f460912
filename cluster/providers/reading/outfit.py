"""Clothes in a sentence: who puts what on, takes it off, or is said to wear it."""

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Op

from . import words
from .frames import DONNING, GIVERS, PRESUPPOSES, operation
from .nouns import nouns
from .scene import Scene
from .syntax import Role, frames, is_introduced, lemma, modifiers, objects, prepositions, role

GARMENT = frozenset({"garment"})
ALWAYS = frozenset(
    "ring mail armour armor tie badge overalls hood cap boot cape vest jumper jersey wellington "
    "heels trainers scrubs mac oilskin shades specs patch plate shift top tee".split()
)
COVERED = {
    "gloved": "glove", "mittened": "mitten", "booted": "boot", "hooded": "hood", "masked": "mask",
    "helmeted": "helmet", "veiled": "veil", "cloaked": "cloak", "hatted": "hat", "shod": "shoe",
    "sleeved": "shirt", "stockinged": "stocking", "sandalled": "sandal", "ringed": "ring",
    "slippered": "slipper", "armoured": "armour", "armored": "armor", "turbaned": "turban",
    "bespectacled": "spectacles", "goggled": "goggles",
}  # fmt: skip
BARE_PARTS = {
    "hand": "glove", "finger": "glove", "fingertip": "glove", "knuckle": "glove", "palm": "glove",
    "head": "hat", "foot": "shoe", "toe": "shoe", "sole": "shoe", "heel": "shoe",
    "shoulder": "coat", "arm": "coat", "back": "shirt", "chest": "shirt", "leg": "trousers",
    "knee": "trousers", "forearm": "coat", "torso": "shirt", "neck": "scarf", "throat": "scarf",
    "thigh": "trousers", "calf": "trousers", "elbow": "coat",
}  # fmt: skip
"""Body parts that are said to be bare -> what is not worn then."""
WITHOUT = {
    "barefoot": "shoe", "barefooted": "shoe", "shoeless": "shoe", "bareheaded": "hat",
    "hatless": "hat", "shirtless": "shirt", "topless": "shirt", "gloveless": "glove",
    "bare-chested": "shirt", "coatless": "coat", "naked": "clothes", "nude": "clothes",
    "bare-headed": "hat", "bare-handed": "glove", "barehanded": "glove",
}  # fmt: skip


def is_garment(scene: Scene, token: Token) -> bool:
    base = scene.base(token)
    last = base.rpartition("_")[2]
    if last in words.REGION and last not in {"heel"} and last in {one for one in words.REGION}:
        return False
    known = nouns()
    share = max(known.share(base, "garment"), known.share(last, "garment") if base != last else 0)
    if last in words.GARMENT_PARTS and _part_of(token) is not None:
        return False
    if last in ALWAYS:
        return True
    return share >= 0.15 and known.share(last, "person") < 0.6


def _part_of(token: Token) -> Token | None:
    """The garment of "the collar of his coat"."""
    for prep, below in prepositions(token):
        if prep == "of" and nouns().share(lemma(below), "garment") >= 0.05:
            return below
    return None


def read_garment(scene: Scene, token: Token) -> None:
    place = role(token)
    doer = scene.people.doer(place.verb)
    owner = scene.people.owner(token, doer)
    known = frozenset({"garment"})
    found = operation(frames(place), known)
    op, frame = found or (None, "")
    verb = lemma(place.verb) if place.verb is not None else ""
    wearer = owner if owner not in {None, "thing"} else None

    if place.name == "object" and op is None and verb in DONNING | GIVERS or op in {"drop", "use", "give"}:
        if place.name == "object" and (on := _put_on(scene, place, token, doer)):
            scene.add(token, on, "wear", "outfit", kind="garment")
            return
    if place.verb is not None and place.name in {"object", "prep", "subject"} and op:
        _by_verb(scene, token, place, op, frame, doer, wearer)
        return
    if place.name == "prep" and place.prep in {"in", "with", "wearing", "under", "beneath"}:
        if _in_clothes(scene, token, place, doer, wearer):
            return
    if place.name == "none" and place.verb is None and _is_fragment(token):
        scene.add(token, wearer or scene.people.center or SOMEBODY, "wear", "outfit", kind="garment")
        return
    if place.name == "subject" and place.verb is not None:
        if _of_subject(scene, token, place, wearer):
            return
    if wearer is None:
        wearer = doer if place.name in {"object", "prep"} and doer else None
    if wearer is None and place.name in {"subject", "of", "prep", "attribute", "beside", "none"}:
        wearer = scene.people.owner(place.noun, doer) if place.noun is not None else None
    definite = scene.noun(token).definite
    if wearer is None and not definite:
        return
    op_ = "mention"
    if verb in {"have", "be"} and place.name in {"object", "attribute"} and is_introduced(token):
        op_ = "be"
    scene.add(token, wearer or SOMEBODY, op_, "outfit", kind="garment")  # type: ignore[arg-type]


def _by_verb(
    scene: Scene, token: Token, place: Role, op: Op, frame: str, doer: str | None, owner: str | None
) -> None:
    verb = place.verb
    assert verb is not None
    if op == "wear":
        who = _dressed(scene, place, doer) or doer or scene.people.center
        scene.add(token, who or SOMEBODY, "wear", "outfit", kind="garment", more=_whole(frame),
                  definite=_is_presupposed(frame, token))  # fmt: skip
        return
    if op == "take_off":
        who = owner or _undressed(scene, place) or doer or scene.people.center
        scene.add(token, who or SOMEBODY, "take_off", "outfit", kind="garment")
        return
    if op in {"drop", "give", "stow"}:
        if place.name == "subject" and not place.passive:
            scene.add(token, owner or SOMEBODY, "mention", "outfit", kind="garment")
            return
        receiver = given_to(scene, place, doer)
        if receiver and scene.people.is_cast(receiver) and not scene.people.is_cast(doer):
            scene.add(token, receiver, "take", "props", kind="garment")
            return
        scene.add(token, (owner if not scene.people.is_cast(doer) else doer) or SOMEBODY,
                  op, "outfit", kind="garment")  # fmt: skip
        return
    if op == "take":
        if doer and not scene.people.is_cast(doer) and scene.people.is_cast(owner):
            scene.add(token, owner or SOMEBODY, "lose", "outfit", kind="garment")
            return
        scene.add(token, doer or scene.people.center or SOMEBODY, "take", "props", kind="garment")
        return
    scene.add(token, owner or doer or SOMEBODY, "mention", "outfit", kind="garment",
              more=["worn"] if frame.partition("+")[0] in PRESUPPOSES else [])  # fmt: skip


def _is_presupposed(frame: str, token: Token) -> bool | None:
    """"she wears the red dress" may introduce it; "puts the coat on" does not deny it."""
    return None


def _whole(frame: str) -> list[str]:
    return ["whole outfit"] if frame.partition("@")[0] in {
        "change", "dress", "clothe", "clad", "transform", "attire"} else []


def _dressed(scene: Scene, place: Role, doer: str | None) -> str | None:
    """Whom a verb dresses: "buttons him into a shirt", "dressed her guest in a jersey"."""
    verb = place.verb
    assert verb is not None
    if place.name == "prep":
        for one in objects(verb):
            if who := scene.people.who(one, doer):
                return who
    return _onto(scene, verb, doer)


def _onto(scene: Scene, verb: Token, doer: str | None) -> str | None:
    """On whose body: "throws a cloak around Ostrevin's shoulders", "puts it on her"."""
    for prep, below in prepositions(verb):
        if prep not in {"on", "over", "around", "round", "about", "across", "to", "onto", "upon"}:
            continue
        if lemma(below) in words.REGION:
            return scene.people.owner(below, doer) or doer
        if who := scene.people.who(below, doer):
            return who
        if nouns().share(lemma(below), "garment") >= 0.15 and prep in {"over", "on"}:
            return scene.people.owner(below, doer) or doer
    return None


def _put_on(scene: Scene, place: Role, token: Token, doer: str | None) -> str | None:
    verb = place.verb
    if verb is None or lemma(verb) not in DONNING:
        return None
    particles = {child.lower_ for child in verb.children if child.dep_ in {"prt", "advmod"}}
    if particles & {"on", "back"} and lemma(verb) not in {"hang", "lay"}:
        return _onto(scene, verb, doer) or doer
    return _onto(scene, verb, doer)


def _undressed(scene: Scene, place: Role) -> str | None:
    verb = place.verb
    assert verb is not None
    for prep, below in prepositions(verb):
        if prep in {"from", "off"} and (who := scene.people.owner(below, None) or scene.people.who(below)):
            return who
    return None


def given_to(scene: Scene, place: Role, doer: str | None) -> str | None:
    """Who gets a thing: the indirect object, "to Beck", "into his hand"."""
    verb = place.verb
    if verb is None:
        return None
    if place.passive and lemma(verb) in GIVERS:
        return None
    for child in verb.children:
        if child.dep_ == "dative":
            below = next((one for one in child.children if one.dep_ == "pobj"), child)
            if who := scene.people.who(below, doer):
                return who
    for prep, below in prepositions(verb):
        if prep in {"to", "into", "in", "onto", "at"}:
            if (who := scene.people.who(below, doer)) and prep == "to":
                return who
            if lemma(below) in {"hand", "palm", "arm", "fist", "finger", "lap"}:
                return scene.people.owner(below, doer)
    return None


def _in_clothes(
    scene: Scene, token: Token, place: Role, doer: str | None, owner: str | None
) -> bool:
    """"Ostrevin in mail", "stands in a black dress", "with his belt back on"."""
    who = scene.people.who(place.noun) if place.noun is not None else None
    if place.noun is not None and who is None:
        if place.noun.dep_ == "ROOT" or place.verb is None:
            who = None
        else:
            return False
    if who is None and place.verb is not None:
        who = doer
        if place.prep == "with" and not _has_on(token):
            return False
        if place.prep in {"in", "under", "beneath"} and lemma(place.verb) in {"hold", "find", "tuck", "put", "hide", "wipe", "wrap", "carry", "pull", "slide", "slip", "roll", "keep"}:
            return False
    if who is None or place.prep in {"under", "beneath"}:
        return False
    if owner and owner != who:
        who = owner
    scene.add(token, who, "wear" if scene.noun(token).introduced or not scene.noun(token).definite else "be",
              "outfit", kind="garment")  # fmt: skip
    return True


def _has_on(token: Token) -> bool:
    return any(one.lower_ in {"on", "back"} for one in token.rights) or any(
        one.lower_ == "on" for one in token.doc[token.i + 1 : token.i + 4]
    )


def _is_fragment(token: Token) -> bool:
    root = token
    while root.head != root:
        root = root.head
    return root.pos_ not in {"VERB", "AUX"}


def _of_subject(scene: Scene, token: Token, place: Role, owner: str | None) -> bool:
    """What clothes do: "her hat drifts off", "the shirt is gone", "his mail clinks"."""
    verb = place.verb
    assert verb is not None
    base = lemma(verb)
    about = {child.lower_ for child in verb.children}
    if base == "be" and about & {"gone", "lost", "stolen", "missing", "burned", "ruined", "off"}:
        scene.add(token, owner or scene.people.center or SOMEBODY, "lose", "outfit", kind="garment")
        return True
    return False


def read_cover(scene: Scene, token: Token) -> None:
    """Clothes that a body part implies: gloved hands, bare feet."""
    base = lemma(token)
    said = modifiers(token)
    place = role(token)
    doer = scene.people.doer(place.verb)
    for word in said:
        last = word.rpartition("-")[2]
        if last in COVERED:
            scene.add(token, _whose(scene, token, doer), "mention", "outfit", noun=COVERED[last],
                      kind="garment", definite=True, more=["implied"])  # fmt: skip
    if words.BARE & set(said) and base in BARE_PARTS:
        scene.add(token, _whose(scene, token, doer), "lack", "outfit", noun=BARE_PARTS[base],
                  kind="garment", part=base)  # fmt: skip


def _whose(scene: Scene, token: Token, doer: str | None) -> str:
    return scene.people.owner(token, doer) or doer or scene.people.center or SOMEBODY


def read_without(scene: Scene, token: Token) -> None:
    """One word that says what is not worn: barefoot, hatless."""
    written = token.lower_
    if written not in WITHOUT:
        return
    head = token.head
    who = scene.people.who(head) if head.pos_ in {"NOUN", "PROPN", "PRON"} else None
    if who is None:
        verb = head if head.pos_ in {"VERB", "AUX"} else None
        who = scene.people.doer(verb) if verb is not None else scene.people.center
    scene.add(token, who or SOMEBODY, "lack", "outfit", noun=WITHOUT[written], kind="garment")
