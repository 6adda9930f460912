"""Permanent traits in a request: what it says of them, and whether the profile allows it."""

from collections.abc import Iterator

from cluster.domain.character import Eye, Mark, Profile
from cluster.domain.reading import lexicon
from cluster.domain.reading.scan import Scan
from cluster.domain.story.job import Contradiction
from cluster.domain.story.starting import PROFILE
from cluster.domain.value import Value

ALONE = frozenset({"bald", "mohawk", "ponytail", "buzzed"})
"""Hair styles that need no "hair" beside them to be understood."""


class Trait(Value):
    """Something said about a permanent trait. `absent`: that it is not there."""

    field: str
    said: str
    value: str
    place: str | None = None
    absent: bool = False


def said_of(scan: Scan) -> tuple[Trait, ...]:
    """What a request says of traits; takes their spans aside."""
    found: list[Trait] = []
    for finder in (_hair, _eyes, _skin, _beard, _marks):
        before = set(scan.used)
        found += finder(scan)
        scan.aside |= scan.used - before
    return tuple(found)


def _hair(scan: Scan) -> Iterator[Trait]:
    for at, span in scan.of("hair"):
        colour = scan.colour_of(at, lexicon.HAIR)
        style = next((i for i in (at - 1, at - 2) if scan.is_kind(i, "hair_style")), None)
        if style is not None:
            scan.used |= {at, style}
            value = scan.sentence[style].value
            yield Trait(field="hair_style", said=f"{value} hair", value=value)
        if colour:
            scan.used.add(at)
            yield Trait(field="hair", said=f"{colour} {span.text}", value=colour)
    for at, span in scan.of("haired", "hair_style"):
        if span.kind == "hair_style" and span.value not in ALONE:
            continue
        scan.used.add(at)
        field = "hair" if span.kind == "haired" else "hair_style"
        yield Trait(field=field, said=span.text, value=span.value, absent=scan.denied(at))


def _eyes(scan: Scan) -> Iterator[Trait]:
    for at, span in scan.of("eye"):
        cyber = any(scan.is_kind(i, "cyber") for i in (at - 1, at - 2))
        colour = scan.colour_of(at, lexicon.IRIS)
        if colour is None and not cyber:
            continue
        scan.used |= {at, *(i for i in (at - 1, at - 2) if scan.is_kind(i, "cyber"))}
        eye = Eye(colour=colour, cyber=cyber).phrase if colour else "cyber"
        sides = [span.value] if span.value else ["left", "right"]
        for side in sides[:1] if cyber and not span.value else sides:
            name = f"{side}_eye" if span.value or not cyber else "eye"
            yield Trait(field=name, said=f"{eye} {span.text}", value=eye)


def _skin(scan: Scan) -> Iterator[Trait]:
    for at, _ in scan.of("skin"):
        if colour := scan.colour_of(at, lexicon.SKIN):
            scan.used.add(at)
            yield Trait(field="skin", said=f"{colour} skin", value=colour)


def _beard(scan: Scan) -> Iterator[Trait]:
    for at, span in scan.of("beard"):
        scan.used.add(at)
        absent = scan.denied(at) or span.value != "beard"
        said = "no beard" if absent else span.text
        yield Trait(field="beard", said=said, value="beard", absent=absent)


def _marks(scan: Scan) -> Iterator[Trait]:
    for at, span in scan.of("mark"):
        body = scan.body_near(at)
        if span.value == "burn" and body is None and not scan.denied(at):
            continue
        absent = scan.denied(at)
        scan.used |= {at} if body is None else {at, body}
        place = scan.sentence[body].value or scan.sentence[body].text if body else None
        said = " ".join(["no"] * absent + [span.value] + ([f"on the {place}"] if place else []))
        yield Trait(field="marks", said=said, value=span.value, place=place, absent=absent)


def weigh(
    said: tuple[Trait, ...], profile: Profile
) -> tuple[tuple[str, ...], tuple[Contradiction, ...]]:
    """What the request says of traits: free ones are asked for, locked ones stay as they are."""
    free: list[str] = []
    overruled: list[Contradiction] = []
    for trait in said:
        locked = _locked(trait, profile)
        if locked is None:
            free += [] if trait.absent else [trait.said]
        elif not _agrees(trait, profile):
            overruled.append(
                Contradiction(
                    field=f"profile.{trait.field}",
                    requested=trait.said,
                    state=locked,
                    evidence=PROFILE,
                )
            )
    return tuple(dict.fromkeys(free)), tuple(overruled)


def _locked(trait: Trait, profile: Profile) -> str | None:
    """What the profile says of this trait, or None when it leaves it open."""
    match trait.field:
        case "hair":
            return profile.hair.colour and profile.hair.phrase
        case "hair_style":
            return profile.hair.style and profile.hair.phrase
        case "left_eye":
            return f"{profile.left_eye.phrase} left eye" if profile.left_eye else None
        case "right_eye":
            return f"{profile.right_eye.phrase} right eye" if profile.right_eye else None
        case "eye":
            eyes = [eye.phrase for eye in (profile.left_eye, profile.right_eye) if eye]
            return ", ".join(eyes) or None
        case "skin":
            return profile.skin and f"{profile.skin} skin"
        case "beard":
            return "beard" if profile.beard else "no beard"
        case _:
            return ", ".join(mark.phrase for mark in profile.marks) or "no marks"


def _agrees(trait: Trait, profile: Profile) -> bool:
    if trait.field == "beard":
        return profile.beard is not trait.absent
    if trait.field == "marks":
        return trait.absent is not any(_is_mark(trait, mark) for mark in profile.marks)
    return trait.absent is not (trait.value in _names(trait.field, profile))


def _is_mark(trait: Trait, mark: Mark) -> bool:
    where = trait.place
    return trait.value == mark.kind.lower() and (where is None or where in mark.place.lower())


def _names(field: str, profile: Profile) -> set[str]:
    """The words under which a locked trait may be spoken of."""
    eyes = {"left_eye": [profile.left_eye], "right_eye": [profile.right_eye]}
    both = [profile.left_eye, profile.right_eye]
    given: set[str | None] = set()
    names: dict[str, str] = {}
    match field:
        case "hair":
            given, names = {profile.hair.colour}, lexicon.HAIR
        case "hair_style":
            given = {profile.hair.style}
        case "skin":
            given, names = {profile.skin}, lexicon.SKIN
        case _:
            worn = [eye for eye in eyes.get(field, both) if eye]
            given = {name for eye in worn for name in (eye.colour, eye.phrase)}
            given |= {"cyber"} if any(eye.cyber for eye in worn) else set()
            names = lexicon.IRIS
    plain = {lexicon.SPELLINGS.get(word.lower(), word.lower()) for word in given if word}
    plain |= {"blonde"} if "blond" in plain else set()
    return plain | {names[word] for word in plain if word in names}
