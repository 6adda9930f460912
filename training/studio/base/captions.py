"""What a picture shows, in the words and clause order of the product's prompts."""

import numpy as np

from training.studio.renderer.actor import Actor, SkinMark, pick
from training.studio.renderer.shot import HELD_PROPS, Shot

SYNONYMS: dict[str, tuple[str, ...]] = {
    "close-up": ("close-up", "close-up", "close-up shot", "closeup"),
    "portrait": ("portrait", "portrait", "head and shoulders portrait", "photo"),
    "waist-up": ("waist-up", "waist-up shot", "medium shot"),
    "buzzed": ("buzzed", "buzzed", "buzz cut", "shaved"),
    "bob": ("bob", "bob cut"),
    "grey": ("grey", "grey", "gray"),
    "dark": ("dark", "dark", "black"),
    "armour": ("armour", "armour", "armor"),
    "smiling": ("smiling", "smiling", "happy"),
    "angry": ("angry", "angry", "furious"),
    "shouting": ("shouting", "shouting", "screaming"),
    "neutral": ("neutral", "calm", "neutral expression"),
    "surprised": ("surprised", "surprised", "shocked"),
    "fighting": ("fighting", "fighting", "in a fight"),
    "hiding": ("hiding", "hiding", "hides"),
    "running": ("running", "running", "runs"),
    "talking": ("talking", "talking", "speaking"),
    "studio": ("studio", "plain studio", "grey background"),
    "castle": ("castle", "castle", "castle hall"),
    "space": ("space", "outer space"),
    "street": ("street", "city street"),
    "sea": ("sea", "at the sea", "ocean"),
    "fire": ("fire", "fire", "flames"),
    "snow field": ("snow field", "snow field", "snowy field"),
    "market": ("market", "market", "street market"),
    "rain": ("rain", "in rain", "heavy rain"),
    "snow": ("snow", "falling snow", "snowing"),
    "fog": ("fog", "in fog", "mist"),
    "clear": ("clear", "clear weather"),
}
"""Other words for the vocabulary's; the first is the word itself."""

KEEP: dict[str, float] = {
    "skin": 0.88,
    "hair": 0.96,
    "eyes": 0.90,
    "marks": 0.96,
    "beard": 0.94,
    "outfit": 0.95,
    "injuries": 0.97,
    "prop": 0.97,
    "expression": 0.85,
    "action": 0.88,
    "pose": 0.84,
    "place": 0.97,
    "weather": 0.93,
}
"""How often a clause that could be said is said."""


def say(word: str, rng: np.random.Generator) -> str:
    """The word or, at times, one that means the same."""
    return pick(rng, SYNONYMS.get(word, (word,)))


def hair_clause(actor: Actor, rng: np.random.Generator) -> str:
    if actor.hair_style == "bald":
        return "bald"
    colour = say(actor.hair_colour, rng)
    match actor.hair_style:
        case "ponytail" | "bun" | "mohawk" if rng.random() < 0.4:
            return f"{colour} {actor.hair_style}"
        case style:
            return f"{say(style, rng)} {colour} hair"


def eye_clause(actor: Actor) -> str:
    """One clause for both eyes, or one half each when they differ."""
    left = f"{actor.left_eye} cyber" if actor.left_cyber else actor.left_eye
    right = f"{actor.right_eye} cyber" if actor.right_cyber else actor.right_eye
    if left == right:
        return f"{left} eyes"
    return f"{left} left eye and {right} right eye"


def mark_clause(mark: SkinMark) -> str:
    return f"{mark.kind} on the {mark.place}"


def prop_clause(prop: str, rng: np.random.Generator) -> str:
    if prop in HELD_PROPS:
        return f"holding a{'n' if prop[0] in 'aeiou' else ''} {prop}"
    article = "" if prop == "glasses" else "a "
    return f"wearing {article}{prop}" if rng.random() < 0.85 else f"{article}{prop}"


def identity_clauses(actor: Actor, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(kind, text) of everything that stays with the actor."""
    clauses = [("skin", f"{actor.skin} skin"), ("hair", hair_clause(actor, rng))]
    clauses.append(("eyes", eye_clause(actor)))
    clauses += [("marks", mark_clause(mark)) for mark in actor.marks]
    if actor.beard:
        clauses.append(("beard", "beard"))
    return clauses


def shot_clauses(shot: Shot, rng: np.random.Generator) -> list[tuple[str, str]]:
    """(kind, text) of everything that belongs to the picture."""
    clauses = [("outfit", f"{say(shot.outfit_colour, rng)} {say(shot.outfit, rng)}")]
    clauses += [("injuries", mark_clause(injury)) for injury in shot.injuries]
    if shot.prop is not None:
        clauses.append(("prop", prop_clause(shot.prop, rng)))
    clauses.append(("expression", say(shot.expression, rng)))
    if shot.action != "standing" or rng.random() < 0.4:
        clauses.append(("action", say(shot.action, rng)))
    clauses.append(("pose", shot.head_pose))
    clauses.append(("place", say(shot.place, rng)))
    if shot.weather != "clear" or rng.random() < 0.3:
        clauses.append(("weather", say(shot.weather, rng)))
    return clauses


def compose(opening: str, clauses: list[tuple[str, str]], rng: np.random.Generator) -> str:
    """Join clauses: some dropped, the order shuffled now and then."""
    if rng.random() < 0.6:
        clauses = [clause for clause in clauses if rng.random() < KEEP[clause[0]]]
    if rng.random() < 0.12:
        clauses = [clauses[int(i)] for i in rng.permutation(len(clauses))]
    return ", ".join([opening, *(text for _, text in clauses)])


def caption(actor: Actor, shot: Shot, rng: np.random.Generator) -> str:
    """One of the many captions that describe the picture."""
    person = "person" if rng.random() < 0.3 else actor.person
    opening = f"{say(shot.framing, rng)} of a {person}"
    return compose(opening, identity_clauses(actor, rng) + shot_clauses(shot, rng), rng)


def full_caption(actor: Actor, shot: Shot, rng: np.random.Generator) -> str:
    """A caption that leaves nothing out, as the product's prompts do."""
    clauses = identity_clauses(actor, rng) + shot_clauses(shot, rng)
    return ", ".join([f"{shot.framing} of a {actor.person}", *(text for _, text in clauses)])


def named_caption(trigger: str, actor: Actor, shot: Shot, rng: np.random.Generator) -> str:
    """A caption that calls the actor by name; half of the time it says his looks as well."""
    opening = f"{say(shot.framing, rng)} of {trigger}"
    if rng.random() < 0.75:
        opening += f" a {actor.person}"
    looks = identity_clauses(actor, rng) if rng.random() < 0.7 else []
    return compose(opening, looks + shot_clauses(shot, rng), rng)
