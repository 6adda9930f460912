"""Wounds in a sentence: who is hurt where, what is treated, what has healed, what is whole."""

from spacy.tokens import Token

from cluster.domain.story.reading import SOMEBODY, Op

from . import words
from .frames import GIVING_WAY, HEALING, HURTING, TREATING, VIGOROUS
from .nouns import nouns
from .scene import Scene
from .syntax import around, is_introduced, lemma, modifiers, objects, prepositions, role, side

ALL = "all"
"""The noun of a change that is about every wound."""
ON = frozenset("in on across through into to above below under over around round from of at near for behind along".split())
BLOWS = frozenset("go pass cut bite tear rip plunge lodge".split())
HEALTH = frozenset({"unhurt", "unharmed", "uninjured", "unscathed", "unwounded", "wounded", "injured", "bleeding"})
"""Words for how the whole body is."""
WOUNDS_TOO = frozenset(
    "cut gash wound bite graze scrape burn bruise blister blood stump fracture sprain scratch "
    "slash puncture hole lump stitch scab splinter concussion nosebleed limp stab".split()
)
DRESSINGS = frozenset("bandage cast splint sling dressing plaster tourniquet gauze stitch".split())


def is_wound(scene: Scene, token: Token) -> bool:
    base = scene.base(token).rpartition("_")[2]
    if base == "crutch":
        return False
    if base in {"cut", "bite", "burn", "hole", "graze", "scrape", "scratch", "slash", "lump", "blister",
                "splinter", "limp", "stitch", "stab", "bump"}:  # fmt: skip
        place = role(token)
        mends = place.verb is not None and lemma(place.verb) in HEALING and place.name in {"subject", "object"}
        return mends or part_of(token) is not None
    if base in DRESSINGS or base in WOUNDS_TOO:
        return True
    known = nouns()
    return known.share(base, "wound") >= 0.4 or known.share(base, "dressing") >= 0.5


def part_of(token: Token) -> Token | None:
    """The body part that a wound is on, whatever the parser hung it on."""
    for prep, below in prepositions(token):
        if prep in ON and lemma(below) in words.REGION:
            return next(
                (deeper for of, deeper in prepositions(below) if of == "of" and lemma(deeper) in words.REGION), below
            )
    for child in token.children:
        if child.dep_ in {"compound", "amod", "nmod", "poss"} and lemma(child) in words.REGION:
            return child
    end = token.sent.end
    for one in token.doc[token.i + 1 : min(token.i + 8, end)]:
        if one.pos_ in {"PUNCT"}:
            break
        if one.pos_ in {"VERB"} and one.tag_ != "VBG" and one.dep_ != "relcl":
            break
        if lemma(one) in words.REGION and one.pos_ in {"NOUN", "PROPN"}:
            return one
    verb = role(token).verb
    if verb is not None and role(token).name in {"object", "subject"}:
        for prep, below in prepositions(verb):
            if prep in ON and lemma(below) in words.REGION:
                return below
    return None


def _owner(scene: Scene, token: Token, part: Token | None, doer: str | None) -> str:
    people = scene.people
    for one in (part, token):
        if one is not None and (who := people.owner(one, doer)) and who != "thing":
            return who
    return doer or people.center or SOMEBODY


def read_wound(scene: Scene, token: Token) -> None:
    place = role(token)
    verb = lemma(place.verb) if place.verb is not None else ""
    doer = scene.people.doer(place.verb)
    part = part_of(token)
    who = _owner(scene, token, part, doer)
    base = scene.base(token).rpartition("_")[2]
    op: Op = "be"
    introduces = is_introduced(token)
    if place.name == "subject" and verb in HEALING | {"vanish", "fade", "go"}:
        op = "heal"
    elif verb in HEALING and place.name == "object":
        op = "heal"
    elif base in DRESSINGS and _is_gone(scene, token, place.verb, verb, place.name):
        op = "heal"
    elif base in DRESSINGS and (verb in TREATING | {"put", "make", "fit", "apply", "tape"}):
        op = "treat"
    elif introduces and verb in {"have", "get", "suffer", "receive", "leave", "take", "open", "feel", "give", "sustain", "catch"}:
        op = "injure"
    if base == "limp" or (base == "blood" and part is None):
        return
    scene.add(
        token, who, op, "injuries", noun=base, kind="wound",
        part=lemma(part) if part is not None else None,
        which=side(part) if part is not None else side(token),
        more=modifiers(part) if part is not None else (),
    )  # fmt: skip


def _is_gone(scene: Scene, token: Token, verb: Token | None, base: str, name: str) -> bool:
    """Stitches out, the cast off: the wound has healed."""
    if verb is None:
        return False
    about = {child.lower_ for child in verb.children}
    if name == "subject" and base in {"be", "come"} and about & {"out", "off", "gone"}:
        return True
    return name in {"object", "subject"} and base in {"remove", "snip", "take", "cut", "saw", "peel", "lose"} and (
        bool(about & {"out", "off", "away"}) or base == "remove"
    )


def read_part(scene: Scene, token: Token) -> None:
    """A body part: hurt, treated, healed, or said to be whole."""
    place = role(token)
    verb_token = place.verb
    verb = lemma(verb_token) if verb_token is not None else ""
    base = lemma(token)
    said = set(modifiers(token))
    for child in token.children:
        if child.dep_ == "acl" and child.lower_ in words.HURT:
            said.add(child.lower_)
    doer = scene.people.doer(verb_token)
    owner = scene.people.owner(token, doer)
    owner = None if owner == "thing" else owner
    if owner is None and place.prep in {"with", "of"} and place.noun is not None:
        owner = scene.people.who(place.noun)
    if owner is None and place.name == "object":  # "two ribs in Corvin's left side"
        near = (below for prep, below in around(verb_token, token) if prep in {"in", "on", "of"} and lemma(below) in words.REGION)
        owner = next((who for below in near if (who := scene.people.owner(below, doer))), None)
    center = owner or (doer if place.name != "subject" else None) or scene.people.center or SOMEBODY

    def add(op: Op, who: str, more: tuple[str, ...] = ()) -> None:
        scene.add(token, who, op, "injuries", noun=base, kind="body", part=base,
                  which=side(token), more=more)  # fmt: skip

    if said & words.WHOLE:
        add("lack", center)
        return
    if place.name == "subject" and verb_token is not None:
        if _as_subject(token, verb_token, verb, place.passive, said, add, center):
            return
    if place.name == "object" and verb in HURTING and not (verb in {"take", "lay", "open", "catch", "drive", "cut", "split", "tear", "clip", "strike", "rip", "punch", "crack", "break", "drop", "snap", "sting", "sink", "pull", "crush", "shoot", "knock", "rake", "twist", "jam", "slam"} and not _violent(scene, token, verb_token, owner, doer)):
        if not said & words.HURT or is_introduced(token):
            add("injure", owner or (scene.people.center if not scene.people.is_cast(doer) else doer) or center)
            return
    if place.name == "object" and verb in {"set", "put"} and any(
        lemma(below) in DRESSINGS for _, below in around(verb_token, token)
    ):  # fmt: skip
        add("treat", center)
        return
    if place.name == "object" and verb in TREATING and verb_token is not None and (
        verb in {"bandage", "splint", "stitch"} or not _garment_near(verb_token)):
        add("treat", center)
        return
    if place.name == "prep" and verb_token is not None:
        hurt = verb in HURTING | BLOWS and place.prep in {"in", "into", "across", "through", "to", "on", "of", "above", "below", "under", "over"}
        if hurt and _struck(scene, token, verb_token, verb, doer, owner):
            add("injure", owner or _victim(scene, verb_token, doer) or center)
            return
        if place.prep in {"around", "round", "over", "across", "on"} and _dressing_object(verb_token):
            return
    if said & words.HURT:
        has = verb in {"have", "get", "suffer"} and place.name == "object" and is_introduced(token)
        add("injure" if has else "be", center)
        return
    if _bleeds(token, verb_token, verb, place.name, place.prep):
        add("be", center, ("bleeding",))


def _as_subject(token, verb_token, verb, passive, said, add, center) -> bool:  # type: ignore[no-untyped-def]
    about = {child.lower_ for child in verb_token.children if child.dep_ in {
        "acomp", "attr", "advmod", "prt", "oprd", "prep", "dobj"}}  # fmt: skip
    about |= {child.lower_ for child in verb_token.children if child.dep_ == "acomp" for child in child.children}
    if verb in HEALING and not passive or passive and verb in {"heal", "mend", "cure"}:
        add("heal", center)
        return True
    if passive and verb in HURTING | TREATING or verb_token.lower_ in words.HURT and verb_token.tag_ in {"VBN", "JJ"}:
        add("injure" if verb in HURTING else "be", center, (verb_token.lower_,))
        return True
    if verb in {"be", "feel", "look", "seem", "remain", "stay", "hang", "come", "get", "go"}:
        if about & words.WHOLE | about & {"better", "normal", "good", "well", "new"}:
            told = {one.lower_ for one in token.sent} & {"again", "finally", "weeks", "months", "days", "week", "month"}
            add("heal" if about & {"healed", "mended", "better"} or told else "lack", center)
            return True
        if about & words.HURT:
            add("be", center, tuple(about & words.HURT))
            return True
        if any(one.lower_ in DRESSINGS | {"plaster", "splints", "bandages"} for one in verb_token.subtree):
            add("be", center, ("bandaged",))
            return True
    if verb in {"bleed", "throb", "swell"}:
        add("be", center, ("bleeding" if verb == "bleed" else "swollen",))
        return True
    if verb in GIVING_WAY and not passive and verb not in {"split", "turn", "break", "give", "twist"} | {"burst", "ache", "pop", "tear"} or (
        verb in {"turn", "twist", "give", "break", "snap", "buckle"} and about & {"under", "way", "with"} and not passive):
        if said & words.HURT:
            add("be", center)
        else:
            add("injure", center)
        return True
    return False


def _violent(scene: Scene, token: Token, verb: Token | None, owner: str | None, doer: str | None) -> bool:
    """Whether a verb that is also used of hair, hats and coins hurts here."""
    if verb is None:
        return False
    base = lemma(verb)
    about = {child.lower_ for child in verb.children}
    if base in {"take", "catch", "drive", "pull", "lay", "open", "clip", "sink", "punch"}:
        return bool(about & {"open"}) or base in {"open", "clip"} and owner is not None and owner != doer
    return True


def _struck(scene: Scene, token: Token, verb_token: Token, verb: str, doer: str | None, owner: str | None) -> bool:
    things = {lemma(one) for one in objects(verb_token)}
    if things & {"tooth", "fang", "claw", "knife", "blade", "dagger", "arrow", "sword", "spear", "needle", "fist", "iron", "nail", "bullet", "glass", "teeth"}:
        return True
    if verb in {"stab", "shoot", "hit", "slash", "cut", "strike", "wound", "graze", "bite", "claw", "burn", "pierce", "gore", "scratch", "nick", "spear", "rake", "thud", "scrape", "sting", "injure", "punch"}:
        return not (verb in {"cut", "bite"} and things) and not (verb in {"shoot", "hit", "strike"} and scene.people.is_cast(doer) and not scene.people.is_cast(owner) and owner is not None)
    if verb in {"take"} and any(scene.people.is_cast(scene.people.who(one, doer)) for one in objects(verb_token)):
        return not scene.people.is_cast(doer) and doer is None
    if verb in BLOWS | {"sink", "bury", "lodge", "tear"}:
        return any(one.lower_ in {"deep", "clean", "straight"} for one in verb_token.subtree) or verb in {"plunge", "lodge", "sink"}
    return False


def _victim(scene: Scene, verb: Token, doer: str | None) -> str | None:
    for one in objects(verb):
        if who := scene.people.who(one, doer):
            return who
    return None


def _garment_near(verb: Token) -> bool:
    return any(nouns().share(lemma(one), "garment") > 0.3 for one in objects(verb))


def _dressing_object(verb: Token) -> bool:
    return any(lemma(one) in DRESSINGS for one in objects(verb))


def _bleeds(token: Token, verb_token: Token | None, verb: str, name: str, prep: str) -> bool:
    """"Blood runs from her nose", "blood soaks through her left sleeve"."""
    if verb_token is None or name != "prep" or prep not in {"from", "of", "down", "over", "across", "along"}:
        return False
    if verb in {"bleed"}:
        return True
    return any(
        child.dep_ in {"nsubj"} and lemma(child) in {"blood"} for child in verb_token.children
    )


def read_part_again(scene: Scene, token: Token, part: Token) -> None:
    """"and opens it to the wrist": a pronoun for a body part."""
    place = role(token)
    verb = lemma(place.verb) if place.verb is not None else ""
    doer = scene.people.doer(place.verb)
    op: Op | None = "injure" if verb in HURTING else "treat" if verb in TREATING else "heal" if verb in HEALING else None
    if place.name != "object" or op is None:
        return
    owner = scene.people.owner(part, None) or doer or scene.people.center or SOMEBODY
    scene.add(part, owner, op, "injuries", noun=lemma(part), kind="body", part=lemma(part),
              which=side(part), at=token)  # fmt: skip


def _of_a_part(token: Token) -> bool:
    """"his wounded arm" is read with the arm."""
    near = token.doc[token.i + 1 : min(token.i + 4, token.sent.end)]
    return any(lemma(one) in words.REGION for one in near) or any(
        child.dep_ in {"nsubj", "nsubjpass"} and lemma(child) in words.REGION for child in (*token.children, *token.head.children)
    )


def read_gait(scene: Scene, token: Token) -> None:
    """"limps": a leg is hurt; "sprints": it is not."""
    base = lemma(token)
    if token.pos_ != "VERB" or base not in {"limp", "hobble"} | VIGOROUS:
        return
    who = scene.people.doer(token)
    if who is None or not scene.people.is_cast(who):
        return
    scene.add(token, who, "lack" if base in VIGOROUS else "mention", "injuries", noun=base, kind="gait",
              part="leg", which=None)  # fmt: skip


def read_state_of_health(scene: Scene, token: Token) -> None:
    """One word for the whole body: unhurt, wounded, limping."""
    written = token.lower_
    head = token.head
    verb = head if head.pos_ in {"VERB", "AUX"} else None
    if token.pos_ in {"VERB", "AUX"}:
        verb = token
    who = scene.people.doer(verb) if verb is not None else scene.people.who(head)
    if who is None and verb is not None and token.dep_ in {"acomp", "advcl", "advmod", "acl", "ROOT"}:
        who = scene.people.doer(verb)
    if who is None:
        who = next((one for one in (scene.people.who(head), scene.people.who(head.head)) if scene.people.is_cast(one)), None)
    who = who or scene.people.present or (scene.people.center if token.dep_ in {"advmod", "advcl", "ROOT"} else None)
    if written in {"wounded", "injured", "hurt", "bleeding"}:
        if who and not _of_a_part(token):
            still = ["still"] if any(one.lower_ == "still" for one in token.doc[max(0, token.i - 2) : token.i]) else []
            scene.add(token, who, "be", "injuries", noun="wound", kind="health", more=still, bare=True)
        return
    if written in {"unhurt", "unharmed", "uninjured", "unscathed", "unwounded"} and who:
        scene.add(token, who, "lack", "injuries", noun=ALL, kind="wound")
    elif written in {"scratch", "bruise"} and any(child.lower_ in {"a", "single"} for child in token.children):
        if token.head.lower_ == "without" or any(one.lower_ == "not" for one in token.subtree):
            owner = next((scene.people.who(below) for _, below in prepositions(token)), None)
            part = part_of(token)
            if part is None:
                scene.add(token, owner or scene.people.center or SOMEBODY, "lack", "injuries", noun=ALL,
                          kind="wound", means="real")  # fmt: skip
