"""What a prompt has to say, clause by clause: each in the caption grammar's words and order."""

import re
from collections.abc import Iterator
from typing import Literal

from cluster.domain.character import Character, Eye, Outfit, Profile
from cluster.domain.prompting.plan import PromptContext
from cluster.domain.reading.sentence import CLAUSE_WORDS, LITTLE, canonical
from cluster.domain.story.scene import SceneState
from cluster.domain.value import Value
from cluster.domain.vocabulary import PROPS

FactKind = Literal[
    "opening", "skin", "face", "build", "hair", "eyes", "mark", "beard", "outfit", "injury",
    "prop", "expression", "action", "asked", "pose", "place", "weather", "style", "rule", "notes",
]  # fmt: skip

RANK: dict[FactKind, int] = {
    "opening": 0, "hair": 1, "eyes": 1, "mark": 1, "skin": 2, "beard": 2, "face": 2, "outfit": 3,
    "injury": 3, "action": 4, "build": 5, "rule": 5, "asked": 6, "place": 6, "prop": 6,
    "weather": 7, "style": 7, "expression": 8, "pose": 8, "notes": 9,
}  # fmt: skip
"""How well each kind tells who and what it is; 0 goes last when the budget is short."""

REQUIRED: frozenset[FactKind] = frozenset(
    {"opening", "skin", "face", "build", "hair", "eyes", "mark", "beard", "outfit", "injury",
     "action", "rule"}
)  # fmt: skip
"""What no prompt may lack: locked traits, outfit, injuries, the action and the style rules."""

HELD = frozenset(PROPS[:6])
DENIALS = frozenset({"no", "not", "without", "never", "lacking", "minus"})
BRIDGES = LITTLE - CLAUSE_WORDS - {"or"}
DEFAULT_FRAMING = "portrait"


class Fact(Value):
    """One clause. `others` are wordings that say the same."""

    kind: FactKind
    phrase: str
    others: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        return RANK[self.kind]

    def said_in(self, prompt: list[list[str]]) -> bool:
        """Whether a prompt, as `clauses_of` gives it, says this."""
        return any(_says(clause, one) for one in (self.phrase, *self.others) for clause in prompt)


def clauses_of(prompt: str) -> list[list[str]]:
    """A prompt's clauses, each as canonical words."""
    clauses: list[list[str]] = [[]]
    for word in canonical(prompt):
        if word == "|":
            clauses.append([])
        else:
            clauses[-1].append(word)
    return clauses


def _says(clause: list[str], phrase: str) -> bool:
    """Whether all words of a phrase stand together in a clause, in any order, not denied."""
    wanted = [word for word in canonical(phrase) if word not in BRIDGES | {"|"}]
    if not wanted:
        return True
    for start, first in enumerate(clause):
        if first not in wanted or (start and clause[start - 1] in DENIALS):
            continue
        missing = list(wanted)
        for word in clause[start:]:
            if word in missing:
                missing.remove(word)
            elif word not in BRIDGES:
                break
            if not missing:
                return True
    return False


def plain(text: str) -> str:
    """Text as one clause: clause marks and line breaks become spaces."""
    return re.sub(r"\s+", " ", re.sub(r"[,.;:!?|]+(?=\s|$)|[,;|]", " ", text)).strip()


def facts(context: PromptContext) -> list[Fact]:
    """Everything the prompt of a scene should say, in the caption grammar's order."""
    return [fact for fact in _all(context) if fact.phrase]


def _all(context: PromptContext) -> Iterator[Fact]:
    yield opening(context.character.profile, context.scene.framing, context.trigger)
    yield from looks(context.character.profile)
    yield from _scene(context)
    if context.request.style:
        yield Fact(kind="style", phrase=plain(context.request.style))
    yield from (Fact(kind="rule", phrase=plain(rule)) for rule in context.character.profile.style)
    yield Fact(kind="notes", phrase=plain(context.character.profile.notes))


def opening(profile: Profile, framing: str | None, trigger: str | None) -> Fact:
    """`portrait of a man`, or `portrait of kairo a man` for an adapter that knows the name."""
    who = f"{plain(trigger)} a {profile.gender}" if trigger else f"a {profile.gender}"
    phrase = f"{plain(framing or DEFAULT_FRAMING)} of {who}"
    return Fact(kind="opening", phrase=phrase, others=() if trigger else (profile.gender,))


def looks(profile: Profile) -> Iterator[Fact]:
    """The locked traits, without gender, which the opening says."""
    if profile.skin:
        yield Fact(kind="skin", phrase=plain(f"{profile.skin} skin"))
    if profile.face:
        yield Fact(kind="face", phrase=_named(profile.face, "face"))
    if profile.build:
        yield Fact(kind="build", phrase=_named(profile.build, "build"))
    if hair := profile.hair.phrase:
        yield Fact(kind="hair", phrase=plain(hair))
    yield from _eyes(profile.left_eye, profile.right_eye)
    yield from (Fact(kind="mark", phrase=plain(mark.phrase)) for mark in profile.marks)
    if profile.beard:
        yield Fact(kind="beard", phrase="beard")


def _named(words: str, noun: str) -> str:
    return plain(words if noun in words.lower() else f"{words} {noun}")


def _eyes(left: Eye | None, right: Eye | None) -> Iterator[Fact]:
    if left and left == right:
        yield Fact(kind="eyes", phrase=plain(f"{left.phrase} eyes"))
        return
    halves = [
        plain(f"{eye.phrase} {side} eye") for eye, side in ((left, "left"), (right, "right")) if eye
    ]
    if halves:
        yield Fact(kind="eyes", phrase=" and ".join(halves))


def worn(outfit: Outfit) -> Fact:
    """An outfit; cloth that is `dark` may be called black."""
    phrase = plain(outfit.phrase)
    twins = {"dark": "black", "black": "dark"}
    twin = twins.get((outfit.colour or "").lower())
    return Fact(
        kind="outfit", phrase=phrase, others=(plain(f"{twin} {outfit.garment}"),) if twin else ()
    )


def _scene(context: PromptContext) -> Iterator[Fact]:
    scene = context.scene
    if scene.outfit:
        yield worn(scene.outfit)
    yield from wounds(scene)
    yield from (Fact(kind="prop", phrase=prop_phrase(prop)) for prop in scene.props or ())
    if scene.expression:
        yield Fact(kind="expression", phrase=plain(scene.expression))
    yield from _deeds(context)
    if scene.pose:
        yield Fact(kind="pose", phrase=plain(scene.pose))
    if scene.place:
        yield Fact(kind="place", phrase=plain(scene.place))
    if scene.weather:
        yield Fact(kind="weather", phrase=plain(scene.weather))


def _deeds(context: PromptContext) -> Iterator[Fact]:
    """The action and what else was asked; a longer wording of the action takes its place."""
    asked = [plain(clause) for clause in context.asked]
    action = plain(context.scene.action or "")
    deed = next((one for one in asked if action and _says(clauses_of(one)[0], action)), action)
    yield Fact(kind="action", phrase=deed, others=(action,) if action != deed else ())
    yield from (Fact(kind="asked", phrase=one) for one in asked if one != deed)


def wounds(scene: SceneState) -> Iterator[Fact]:
    """The active injuries."""
    return (Fact(kind="injury", phrase=plain(one.phrase)) for one in scene.injuries or ())


def prop_phrase(prop: str) -> str:
    """`holding a sword`, `wearing glasses`."""
    noun = plain(prop)
    article = "" if noun.endswith("s") else "an " if noun[:1].lower() in "aeiou" else "a "
    return f"{'wearing' if prop in set(PROPS) - HELD else 'holding'} {article}{noun}"


def locked(character: Character) -> list[str]:
    """The phrases of a character's locked traits."""
    return [character.profile.gender, *(fact.phrase for fact in looks(character.profile))]
