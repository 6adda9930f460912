"""How the whole body is: hurt, unhurt, limping, running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.domain.story.reading import SOMEBODY, Op
from cluster.domain.vocabulary import word_set

from .frames import VIGOROUS
from .injuries import ALL, is_body, part_of
from .scene import Scene
from .syntax import VERBAL, lemma, prepositions

if TYPE_CHECKING:
    from spacy.tokens import Token


HEALTH = word_set("unhurt unharmed uninjured unscathed unwounded wounded injured bleeding")
"""Words for how the whole body is."""
UNHURT = word_set("unhurt unharmed uninjured unscathed unwounded")


def read_gait(scene: Scene, token: Token) -> None:
    """ "limps": a leg is hurt; "sprints": it is not."""
    base = lemma(token)
    if token.pos_ != "VERB" or base not in {"limp", "hobble"} | VIGOROUS:
        return
    who = scene.people.doer(token)
    if who is not None and scene.people.is_cast(who):
        op: Op = "lack" if base in VIGOROUS else "mention"
        scene.add(token, who, op, "injuries", noun=base, kind="gait", part="leg")


def read_state_of_health(scene: Scene, token: Token) -> None:
    """One word for the whole body: unhurt, wounded, "not a scratch"."""
    who, written = _whose_health(scene, token), token.lower_
    if written in UNHURT and who:
        scene.add(token, who, "lack", "injuries", noun=ALL, kind="wound")
    elif written in HEALTH - UNHURT:
        if who and not _is_of_a_part(token):
            before = token.doc[max(0, token.i - 2) : token.i]
            still = ["still"] if any(one.lower_ == "still" for one in before) else []
            scene.add(
                token,
                who,
                "be",
                "injuries",
                noun="wound",
                kind="health",
                more=still,
                bare=True,
            )
    elif written in {"scratch", "bruise"} and _is_not_a_single_one(token):
        _read_not_a_scratch(scene, token)


def _whose_health(scene: Scene, token: Token) -> str | None:
    people, head = scene.people, token.head
    verb = next((one for one in (token, head) if one.pos_ in VERBAL), None)
    who = people.doer(verb) if verb is not None else people.who(head)
    if who is None:
        above = [people.who(head), people.who(head.head)]
        who = next(filter(people.is_cast, above), None)
    is_beside = token.dep_ in {"advmod", "advcl", "ROOT"}
    return who or people.present or (people.center if is_beside else None)


def _is_of_a_part(token: Token) -> bool:
    """ "his wounded arm" is read with the arm."""
    near = token.doc[token.i + 1 : min(token.i + 4, token.sent.end)]
    kids = (*token.children, *token.head.children)
    subjects = (child for child in kids if child.dep_ in {"nsubj", "nsubjpass"})
    return any(map(is_body, (*near, *subjects)))


def _is_not_a_single_one(token: Token) -> bool:
    """ "without a scratch", "not a single bruise"."""
    if not any(child.lower_ in {"a", "single"} for child in token.children):
        return False
    is_denied = any(one.lower_ == "not" for one in token.subtree)
    return token.head.lower_ == "without" or is_denied


def _read_not_a_scratch(scene: Scene, token: Token) -> None:
    people = scene.people
    owner = next((people.who(below) for _, below in prepositions(token)), None)
    if part_of(token) is None:
        who = owner or people.center or SOMEBODY
        scene.add(token, who, "lack", "injuries", noun=ALL, kind="wound", means="real")
