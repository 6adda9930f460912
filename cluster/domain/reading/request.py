"""What a request in free text asks for, field by field. Knows nothing of the story so far.

A scene is read with the vocabulary, its synonyms and inflections; whatever they do not cover
stays, in the request's own words, in `Reading.rest`, so that nothing asked for is lost.
"""

from cluster.domain.character import Outfit, Word
from cluster.domain.reading import lexicon
from cluster.domain.reading.scan import Scan
from cluster.domain.reading.sentence import ARTICLES, TextSpan, clause_after
from cluster.domain.reading.traits import Trait, said_of
from cluster.domain.value import Value

PLACE_WORDS = frozenset({"in", "inside", "at", "into", "across", "through"})
NO_PLACES = frozenset(
    {"hurry", "time", "end", "middle", "moment", "mood", "way", "style", "background",
     "distance", "scene", "picture", "sky", "camera", "ground", "moon", "stars", "rage",
     "pain", "fear", "silence", "love", "light", "dark", "darkness", "night", "day",
     "morning", "evening", "front"}
)  # fmt: skip
INJURY_ADJECTIVES = frozenset({"bleeding", "bruised", "bandaged", "bleeds", "slashed", "bloodied"})


class Wound(Value):
    """An injury that is asked for; `place` is null when it was not said."""

    kind: Word
    place: Word | None = None


class Reading(Value):
    """A request, understood. None and empty mean that nothing was said."""

    text: str
    rest: tuple[str, ...] = ()
    action: Word | None = None
    expression: Word | None = None
    pose: Word | None = None
    framing: Word | None = None
    place: Word | None = None
    weather: Word | None = None
    outfit: Outfit | None = None
    cloth: Word | None = None
    undressed: bool = False
    props: tuple[Word, ...] = ()
    dropped: tuple[Word, ...] = ()
    unarmed: bool = False
    wounds: tuple[Wound, ...] = ()
    mended: tuple[Word, ...] = ()
    wounded: bool = False
    unhurt: bool = False
    healed: bool = False
    traits: tuple[Trait, ...] = ()


def read(text: str, name: str = "") -> Reading:
    """Read a request about a character called `name`."""
    return _Reader(text, name).reading()


class _Reader(Scan):
    """One pass a field over the spans."""

    def reading(self) -> Reading:
        traits = said_of(self)
        wounds, mended = self.wounds()
        wounded = self.wounded()
        outfit, undressed = self.outfit()
        cloth = None if outfit else self.cloth()
        props, dropped = self.props()
        return Reading(
            traits=traits, wounds=wounds, mended=mended, wounded=wounded, outfit=outfit,
            cloth=cloth, undressed=undressed, props=props, dropped=dropped, place=self.place(),
            unhurt=self.flag("unhurt"), healed=self.flag("healed"), unarmed=self.flag("unarmed"),
            action=self.first("action"), expression=self.first("expression"),
            pose=self.first("pose"), framing=self.first("framing"), weather=self.first("weather"),
            rest=tuple(self.rest()), text=self.text(),
        )  # fmt: skip

    # Passing wounds.

    def wounds(self) -> tuple[tuple[Wound, ...], tuple[str, ...]]:
        found: list[Wound] = []
        mended: list[str] = []
        for at, span in self.of("injury"):
            body = self.body_near(at)
            if body is None and not self.is_injury(at, span):
                continue
            self.used |= {at} if body is None else {at, body}
            if self.denied(at) or self.mends(at):
                mended.append(span.value)
                continue
            place = (self.sentence[body].value or self.sentence[body].text) if body else None
            found.append(Wound(kind=span.value, place=place))
        return tuple(found), tuple(dict.fromkeys(mended))

    def is_injury(self, at: int, span: TextSpan) -> bool:
        """Whether a word that can mean other things ("cuts the rope") means an injury."""
        before = self.sentence[at - 1] if at else None
        after = self.sentence[at + 1] if at + 1 < len(self.sentence) else None
        if span.text.lower() in INJURY_ADJECTIVES:
            return after is None or after.kind not in {"word", "prop", "place", "garment"}
        return before is not None and (
            before.value in ARTICLES | {"with"} or before.kind in {"without", "word", "still"}
        )

    def mends(self, at: int) -> bool:
        return any(span.kind == "healed" for span in clause_after(self.sentence, at))

    def wounded(self) -> bool:
        wounded = False
        for at, _ in self.of("wounded"):
            self.used.add(at)
            wounded = wounded or not (self.denied(at) or self.mends(at))
        return wounded

    # Clothes and things.

    def outfit(self) -> tuple[Outfit | None, bool]:
        outfit, undressed = None, False
        for at, span in self.of("garment"):
            colour = self.colour_of(at, lexicon.CLOTH)
            self.used.add(at)
            if self.denied(at):
                undressed = True
                continue
            outfit = Outfit(garment=span.value, colour=colour)
        outfit = outfit or self.unknown_garment()
        return outfit, undressed and outfit is None

    def unknown_garment(self) -> Outfit | None:
        """A garment no table knows: after `wearing`, or after `in` and a colour."""
        for at, span in enumerate(self.sentence):
            wears = span.kind == "wear"
            if not wears and span.value != "in":
                continue
            colour, noun = self.noun_after(at, "colour")
            if noun and (wears or colour is not None):
                self.used.update(noun if colour is None else (*noun, colour))
                cloth = self.sentence[colour].value if colour is not None else None
                return Outfit(
                    garment=self.written(noun), colour=lexicon.CLOTH.get(cloth or "", cloth)
                )
        return None

    def cloth(self) -> str | None:
        """A colour that is worn by itself: "all in white"."""
        for at, span in self.of("colour"):
            after = self.sentence[at + 1] if at + 1 < len(self.sentence) else None
            worn = at and (self.sentence[at - 1].value == "in" or self.is_kind(at - 1, "wear"))
            if worn and (after is None or after.kind in {"stop", "little"}):
                self.used.add(at)
                return lexicon.CLOTH.get(span.value, span.value)
        return None

    def props(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        held: list[str] = []
        dropped: list[str] = []
        for at, span in self.of("prop"):
            self.used.add(at)
            (dropped if self.denied(at) else held).append(span.value)
        for at, _ in self.of("hold"):
            _, noun = self.noun_after(at)
            if noun:
                self.used.update(noun)
                held.append(self.written(noun))
        return tuple(dict.fromkeys(held)), tuple(dict.fromkeys(dropped))

    # Where it happens.

    def place(self) -> str | None:
        if known := self.first("place"):
            return known
        for at, span in enumerate(self.sentence):
            followed = at + 1 < len(self.sentence) and self.sentence[at + 1].value in ARTICLES
            if span.value in PLACE_WORDS and followed:
                _, noun = self.noun_after(at)
                if noun and self.sentence[noun[-1]].value not in NO_PLACES:
                    self.used.update(noun)
                    return self.written(noun)
        return None
