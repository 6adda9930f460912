"""Clothes in a sentence: who puts what on, takes it off, or is said to wear it."""

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Op

from . import words
from .frames import DONNING, GIVERS, PRESUPPOSES, PUTTING, operation
from .nouns import nouns
from .scene import Scene
from .syntax import Role, around, frames, is_introduced, lemma, modifiers, objects, prepositions, role

GARMENT = frozenset({"garment"})
ALWAYS = frozenset(
    "ring mail armour armor tie badge overalls hood cap boot cape vest jumper jersey wellington "
    "heels trainers scrubs mac oilskin shades specs patch plate shift top tee".split()
)
REFLEXIVE = frozenset({"herself", "himself", "themselves", "him", "her", "them", "me"})
FASTENING = frozenset({"lace", "buckle", "button", "zip", "tie", "fasten", "do", "strap"})
"""What one does to clothes that are on, or that one puts on by it."""
TRADING = frozenset({"trade", "swap", "exchange", "barter"})
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
    if last in words.REGION:
        return is_heel_of_a_shoe(token)
    known = nouns()
    share = max(known.share(base, "garment"), known.share(last, "garment") if base != last else 0)
    if last in words.GARMENT_PARTS and _part_of(token) is not None:
        return False
    if token.pos_ == "PROPN" and token.text[:1].isupper() and token.i > token.sent.start:
        return False
    if last in ALWAYS:
        return True
    return share >= 0.15 and known.share(last, "person") < 0.6


def is_heel_of_a_shoe(token: Token) -> bool:
    return lemma(token) == "heel" and bool({"high", "stiletto", "spike", "kitten", "platform"} & set(modifiers(token)))


def _part_of(token: Token) -> Token | None:
    """The garment of "the collar of his coat"."""
    for prep, below in prepositions(token):
        if prep == "of" and nouns().share(lemma(below), "garment") >= 0.05:
            return below
    return None


CLOTHES = frozenset({"clothes", "clothing", "outfit", "garb", "attire", "costume", "gear"})


def read_clothes(scene: Scene, token: Token) -> None:
    """All that is worn, in one word: "strips off the wet clothes"."""
    place = role(token)
    verb = lemma(place.verb) if place.verb is not None else ""
    found = operation(frames(place), frozenset({"garment"}))
    off = found is not None and found[0] in {"take_off", "drop", "give"} or verb in TRADING | {"change"}
    doer = scene.people.doer(place.verb)
    if off and (doer is None or scene.people.is_cast(doer)):
        scene.add(token, doer or scene.people.sufferer, "take_off", "outfit", noun="clothes", kind="garment")


def read_garment(scene: Scene, token: Token) -> None:
    place = role(token)
    doer = scene.people.doer(place.verb)
    owner = scene.people.owner(token, doer)
    known = frozenset({"garment"})
    found = operation(frames(place), known)
    if found and "@in" in found[1] and place.verb is not None and any(
        scene.people.who(one) is None and one.lower_ not in REFLEXIVE for one in objects(place.verb)
    ):  # fmt: skip
        found = None  # "slips the note into her jacket"
    op, frame = found or (None, "")
    verb = lemma(place.verb) if place.verb is not None else ""
    wearer = owner if owner not in {None, "thing"} else None

    if place.name == "object" and op is None and verb in DONNING | GIVERS or op in {"drop", "use", "give"}:
        if place.name == "object" and (on := _put_on(scene, place, token, doer)):
            over = any(lemma(below) == "head" for prep, below in around(place.verb, token) if prep == "over")
            scene.add(token, on, "wear", "outfit", kind="garment", more=["over"] if over else [])
            return
    if place.name == "object" and op in {None, "use", "drop"} and verb in PUTTING and scene.people.is_cast(doer):
        where, _ = put_where(scene, place, token, doer or SOMEBODY)
        if where:
            scene.add(token, doer or SOMEBODY, "stow" if where == "own" else "drop", "outfit", kind="garment")
            return
    if place.name == "object" and op is None and (off := _undressed(scene, place, token)):
        scene.add(token, off, "take_off", "outfit", kind="garment")
        return
    if place.verb is not None and place.name in {"object", "prep", "subject"} and op:
        _by_verb(scene, token, place, op, frame, doer, wearer)
        return
    if place.name == "prep" and place.prep == "for" and verb in TRADING and (doer is None or scene.people.is_cast(doer)):
        scene.add(token, doer or scene.people.sufferer, "wear", "outfit", kind="garment")
        return
    if place.name == "prep" and place.prep in {"into", "of"} and verb in {"", "curse", "be"}:
        out = place.prep == "of" and any(one.lower_ == "out" for one in token.doc[max(0, token.i - 6) : token.i])
        if out or place.prep == "into":
            scene.add(token, scene.people.sufferer, "take_off" if out else "wear", "outfit", kind="garment")
            return
    if place.name == "prep" and place.prep in {"in", "with", "wearing", "under", "beneath"}:
        if _in_clothes(scene, token, place, doer, wearer):
            return
    if place.name in {"none", "prep", "beside", "attribute"} and (on := _on_body(scene, token)):
        on_it = "mention" if scene.noun(token).definite else "wear"
        scene.add(token, on, on_it, "outfit", kind="garment", more=["worn"])  # type: ignore[arg-type]
        return
    if place.name == "none" and place.verb is None and _is_fragment(token) or _is_put_on(token, place):
        scene.add(token, wearer or scene.people.center or SOMEBODY, "wear", "outfit", kind="garment")
        return
    if place.name == "subject" and place.verb is not None:
        if _of_subject(scene, token, place, wearer):
            return
    if wearer is None and place.name == "of" and place.noun is not None:
        if lemma(place.noun) in words.GARMENT_PARTS and scene.people.is_cast(doer):
            scene.add(token, doer or SOMEBODY, "mention", "outfit", kind="garment", more=["worn"])
            return
    if wearer is None:
        wearer = doer if place.name in {"object", "prep"} and doer else None
    if wearer is None and place.name in {"subject", "of", "prep", "attribute", "beside", "none"}:
        wearer = scene.people.owner(place.noun, doer) if place.noun is not None else None
    definite = scene.noun(token).definite
    if wearer is None and not definite:
        return
    if doer and not scene.people.is_cast(doer) and place.name == "prep":
        wearer = SOMEBODY  # "a guard swaggers past in Ostrevin's kaftan"
    op_ = "mention"
    if verb in {"have", "be"} and place.name in {"object", "attribute"} and is_introduced(token):
        op_ = "be"
    scene.add(token, wearer or SOMEBODY, op_, "outfit", kind="garment",  # type: ignore[arg-type]
              more=["lying"] if _lies(token) else [])  # fmt: skip


def _lies(token: Token) -> bool:
    """"his jacket on the nail": not on anybody."""
    return any(
        prep in {"on", "in", "under", "over"} and lemma(below) not in words.REGION
        and nouns().share(lemma(below), "garment") < 0.15
        for prep, below in prepositions(token)
    )  # fmt: skip


def _by_verb(
    scene: Scene, token: Token, place: Role, op: Op, frame: str, doer: str | None, owner: str | None
) -> None:
    verb = place.verb
    assert verb is not None
    if op == "wear":
        who = _dressed(scene, place, token, doer) or doer or scene.people.center
        scene.add(token, who or SOMEBODY, "wear", "outfit", kind="garment", more=_whole(frame),
                  definite=_is_presupposed(frame, token))  # fmt: skip
        return
    if op == "take_off":
        who = owner or _undressed(scene, place, token) or (doer if scene.people.is_cast(doer) else scene.people.sufferer if doer is None or not owner else doer) or scene.people.center
        scene.add(token, who or SOMEBODY, "take_off", "outfit", kind="garment")
        return
    if op == "give" and lemma(verb) in TRADING and any(prep == "for" for prep, _ in around(verb, token)):
        op = "take_off"
    if op in {"drop", "give", "stow", "take_off"}:
        if place.name == "subject" and not place.passive:
            scene.add(token, owner or SOMEBODY, "mention", "outfit", kind="garment")
            return
        receiver = given_to(scene, place, token, doer)
        if receiver and scene.people.is_cast(receiver) and receiver != doer:
            if scene.people.is_cast(doer):
                scene.add(token, doer or SOMEBODY, "give", "outfit", kind="garment")
            scene.add(token, receiver, "take", "props", kind="garment")
            return
        unsaid = scene.people.sufferer if place.passive and doer is None else None
        scene.add(token, (owner if not scene.people.is_cast(doer) else doer) or unsaid or SOMEBODY,
                  op, "outfit", kind="garment")  # fmt: skip
        return
    if op == "take":
        if doer is None and scene.people.is_cast(owner) and place.name == "object":
            scene.add(token, owner or SOMEBODY, "lose", "outfit", kind="garment")  # "a gust takes her hat"
            return
        if doer and not scene.people.is_cast(doer) and scene.people.is_cast(owner):
            scene.add(token, owner or SOMEBODY, "lose", "outfit", kind="garment")
            return
        scene.add(token, doer or scene.people.center or SOMEBODY, "take", "props", kind="garment")
        return
    scene.add(token, owner or doer or SOMEBODY, "mention", "outfit", kind="garment",
              more=["fastened"] if frame.partition("+")[0] in FASTENING
              else ["worn"] if frame.partition("+")[0] in PRESUPPOSES else [])  # fmt: skip


def _is_presupposed(frame: str, token: Token) -> bool | None:
    """"she wears the red dress" may introduce it; "puts the coat on" does not deny it."""
    return None


def _whole(frame: str) -> list[str]:
    if frame in {"wear", "have+on", "sport"}:
        return ["stative"]
    if frame == "pull@over":
        return ["over"]
    return ["whole outfit"] if frame.partition("@")[0] in {
        "change", "dress", "clothe", "clad", "transform", "attire"} else []


def _dressed(scene: Scene, place: Role, token: Token, doer: str | None) -> str | None:
    """Whom a verb dresses: "buttons him into a shirt", "dressed her guest in a jersey"."""
    verb = place.verb
    assert verb is not None
    if place.name == "prep":
        for one in objects(verb):
            if who := scene.people.who(one, doer):
                strange = not scene.people.is_cast(who) and not scene.people.is_cast(doer)
                return scene.people.first if strange and one.pos_ == "NOUN" else who
    return _onto(scene, verb, token, doer)


def _onto(scene: Scene, verb: Token | None, token: Token, doer: str | None) -> str | None:
    """On whose body: "throws a cloak around Ostrevin's shoulders", "puts it on her"."""
    doer = doer or scene.people.present or scene.people.center
    for prep, below in (*around(verb, token), *_next_to(token)):
        if prep not in {"on", "over", "around", "round", "about", "across", "upon"}:
            continue
        if lemma(below) in words.REGION or lemma(below) in words.HAIR:
            return scene.people.owner(below, doer) or doer
        if who := scene.people.who(below, doer):
            return who
        if below.lower_ in {"everything", "it", "all"} and prep == "over":
            return doer
        if nouns().share(lemma(below), "garment") >= 0.15 and prep in {"over", "on"}:
            return scene.people.owner(below, doer) or doer
    return None


def _next_to(token: Token) -> list[tuple[str, Token]]:
    """"round his bare shoulders", where the parser took "round" for no preposition."""
    found = []
    for one in token.doc[token.i + 1 : min(token.i + 5, token.sent.end)]:
        if one.lower_ in {"round", "around", "over", "about"} and one.dep_ not in {"prep"}:
            for below in token.doc[one.i + 1 : min(one.i + 5, token.sent.end)]:
                if lemma(below) in words.REGION or below.tag_ == "PRP":
                    found.append((one.lower_, below))
                    break
    return found


def _on_body(scene: Scene, token: Token) -> str | None:
    """"a fur coat over everything", "mittens on his hands"."""
    for prep, below in prepositions(token):
        if prep in {"on", "over", "around", "round", "about"}:
            if lemma(below) in words.REGION:
                return scene.people.owner(below, None) or scene.people.center
            if below.lower_ in {"everything", "all"}:
                return scene.people.center
    return None


def _put_on(scene: Scene, place: Role, token: Token, doer: str | None) -> str | None:
    verb = place.verb
    if verb is None or lemma(verb) not in DONNING:
        return None
    particles = {child.lower_ for child in verb.children if child.dep_ in {"prt", "advmod"}}
    if particles & {"on", "back"} and lemma(verb) not in {"hang", "lay"}:
        return _onto(scene, verb, token, doer) or doer
    return _onto(scene, verb, token, doer)


def _undressed(scene: Scene, place: Role, token: Token) -> str | None:
    """Off whose body: "cuts the suit off her"."""
    for prep, below in around(place.verb, token):
        if prep == "off" and (who := scene.people.owner(below, None) or scene.people.who(below)):
            return who
    return None


def given_to(scene: Scene, place: Role, token: Token, doer: str | None) -> str | None:
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
    for prep, below in around(verb, token):
        if prep in {"to", "into", "in", "onto", "at"}:
            if (who := scene.people.who(below, doer)) and prep == "to":
                return who
            if lemma(below) in {"hand", "palm", "arm", "fist", "finger", "lap"}:
                return scene.people.owner(below, doer)
    return None


def put_where(scene: Scene, place: Role, token: Token, who: str) -> tuple[str | None, str]:
    """`own`: in something of one's own; `other`: anywhere else; None: nothing is said."""
    if place.verb is None:
        return None, who
    for prep, below in sorted(around(place.verb, token), key=lambda pair: pair[1].i):
        if below.i < token.i or prep not in {"in", "into", "inside", "on", "onto", "under", "behind", "down", "through",
                        "at", "to", "over", "against", "around", "round", "back", "between", "among",
                        "from", "beneath", "across"}:  # fmt: skip
            continue
        if lemma(below) in {"side", "back", "inside", "bottom", "top", "front", "lining", "pocket"}:
            below = next((one for of, one in prepositions(below) if of == "of"), below)
        owner = scene.people.owner(below, who)
        base = lemma(below)
        mine = owner in {None, who, "thing"} or scene.people.is_cast(owner)
        whose = owner if owner is not None and scene.people.is_cast(owner) else who
        if base in words.STORAGES and mine and prep in {"in", "into", "inside", "under", "behind", "on",
                                                        "down", "through", "around", "over", "to",
                                                        "beneath", "onto", "across", "at"}:  # fmt: skip
            return "own", whose
        if base in words.REGION and mine:
            return ("own" if prep in {"over", "around", "round", "on", "across"} else None), whose
        if prep not in {"from", "over", "to", "across"} or lemma(place.verb) in {"throw", "toss", "push"}:
            return "other", who
    return None, who


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
    put_on = _has_on(token) or scene.noun(token).introduced or not scene.noun(token).definite
    scene.add(token, who, "wear" if put_on else "be",
              "outfit", kind="garment")  # fmt: skip
    return True


def _has_on(token: Token) -> bool:
    if any(one.lower_ in {"on", "back"} for one in token.rights):
        return True
    for one in token.doc[token.i + 1 : min(token.i + 7, token.sent.end)]:
        if one.pos_ in {"PUNCT", "VERB"}:
            return False
        if one.lower_ == "on" and (one.i + 1 >= token.sent.end or one.nbor(1).pos_ in {"PUNCT", "CCONJ"}):
            return True
    return False


def _is_fragment(token: Token) -> bool:
    """A list of clothes and no sentence: "grey coat, black boots"."""
    root = token
    while root.head != root:
        root = root.head
    if root.pos_ in {"VERB", "AUX"}:
        return False
    return root == token or nouns().share(lemma(root), "garment") > 0.1 or root.pos_ == "PROPN"


def _is_put_on(token: Token, place: Role) -> bool:
    """"A green beanie, pulled down to the eyebrows"."""
    verb = place.verb
    if verb is None or verb.head != verb or verb.tag_ != "VBN" or token.i > verb.i:
        return False
    helped = any(child.dep_ in {"aux", "auxpass", "nsubj", "nsubjpass"} and child != token for child in verb.children)
    return not helped and lemma(verb) in DONNING and place.name in {"subject", "none", "beside", "object"}


def _of_subject(scene: Scene, token: Token, place: Role, owner: str | None) -> bool:
    """What clothes do: "her hat drifts off", "the shirt is gone", "his mail clinks"."""
    verb = place.verb
    assert verb is not None
    base = lemma(verb)
    about = {child.lower_ for child in verb.children}
    if base in {"stay", "remain"} and "behind" in about:
        scene.add(token, owner or scene.people.center or SOMEBODY, "drop", "outfit", kind="garment")
        return True
    if base in {"go", "belong", "pass"} and any(
        prep == "to" and scene.people.who(below) for prep, below in prepositions(verb)
    ):  # fmt: skip
        scene.add(token, owner or scene.people.sufferer, "give", "outfit", kind="garment")
        return True
    if base in {"go", "steal"} and verb.tag_ == "VBN" and about & {"is", "was", "are", "were", "'s", "been"}:
        scene.add(token, owner or scene.people.sufferer, "lose", "outfit", kind="garment")
        return True
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
    if written not in WITHOUT or any(lemma(one) in words.REGION for one in token.doc[token.i + 1 : token.i + 3]):
        return  # "his naked chin" is another matter
    head = token.head
    who = scene.people.who(head) if head.pos_ in {"NOUN", "PROPN", "PRON"} else None
    if who is None:
        verb = head if head.pos_ in {"VERB", "AUX"} else None
        who = scene.people.doer(verb) if verb is not None else scene.people.center
    scene.add(token, who or SOMEBODY, "lack", "outfit", noun=WITHOUT[written], kind="garment")
