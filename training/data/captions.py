"""Captions of training pictures: a rare trigger word, and everything in the picture but the person.

What a caption says is learned as the caption's words; what it leaves out sticks to the trigger
(Ruiz et al. 2023). So face, hair, eyes, skin and marks are left out, and framing, outfit,
wounds, props, expression, action, pose, place and weather are said, in the prompts' own grammar.
"""

import hashlib
from collections.abc import Iterator

from cluster.domain.character import Outfit, Profile
from cluster.domain.identity.tags import Tags
from cluster.domain.prompting.facts import HELD, looks, opening, prop_phrase, worn, wounds
from cluster.domain.story.scene import SceneState

CONSONANTS, RARE, VOWELS = "bdfgkmnprvz", "jqxz", "aeiou"
"""Letters of a trigger word; the rare ones in its middle keep it from being a word already."""
SURE = 0.8
"""From this probability on, the tagger's word is said of a picture that nobody described. Its
probabilities are calibrated: at most one such word in five is wrong."""
CLOSE_UP = "close-up"


def trigger_for(character_id: str) -> str:
    """A pronounceable word that no language uses, the same for a character for ever: `moqik`."""
    digest = hashlib.sha256(character_id.encode()).digest()
    sounds = (CONSONANTS, VOWELS, RARE, VOWELS, CONSONANTS)
    return "".join(some[byte % len(some)] for some, byte in zip(sounds, digest, strict=False))


def looks_of(profile: Profile) -> str:
    """The traits that captions leave out, as prompts say them: `tan skin, short black hair`."""
    return ", ".join(fact.phrase for fact in looks(profile))


def scene_caption(trigger: str, profile: Profile, state: SceneState) -> str:
    """`portrait of moqik a man, dark cloak, holding a sword, angry, looking left, castle, rain`."""
    return ", ".join([opening(profile, state.framing, trigger).phrase, *_scene(state)])


def class_caption(profile: Profile, state: SceneState) -> str:
    """The same of somebody without a trigger (DreamBooth's class prompt): all looks are said, as
    the base model learned them."""
    traits = [fact.phrase for fact in looks(profile)]
    return ", ".join([opening(profile, state.framing, None).phrase, *traits, *_scene(state)])


def with_looks(caption: str, traits: str) -> str:
    """A scene's caption that says the traits as well, as the product's prompts do."""
    first, _, rest = caption.partition(", ")
    return ", ".join(part for part in (first, traits, rest) if part)


def close_up(state: SceneState) -> SceneState:
    """What is left of a scene when only the head is in the frame: nothing in the hands."""
    props = None if state.props is None else tuple(p for p in state.props if p not in HELD)
    return state.model_copy(update={"framing": CLOSE_UP, "props": props})


def read_state(tags: Tags) -> SceneState:
    """What the tagger is sure of in a picture that came without a description."""

    def sure(head: str) -> str | None:
        label, probability = tags.best(head)
        return label if label and probability >= SURE else None

    garment = sure("outfit")
    props = [name for name, p in tags.heads.get("props", {}).items() if p >= SURE]
    return SceneState(
        outfit=Outfit(garment=garment, colour=sure("outfit_colour")) if garment else None,
        props=tuple(props) or None,
        pose=sure("head_pose"),
        framing=sure("framing"),
        expression=sure("expression"),
        action=sure("action"),
        place=sure("place"),
        weather=sure("weather"),
    )


def _scene(state: SceneState) -> Iterator[str]:
    if state.outfit:
        yield worn(state.outfit).phrase
    yield from (fact.phrase for fact in wounds(state))
    yield from (prop_phrase(prop) for prop in state.props or ())
    said = (state.expression, state.action, state.pose, state.place, state.weather)
    yield from (word for word in said if word)
