"""Prompts from facts: the scene's own, the strict one of a repair, and what to keep out."""

from cluster.domain.model_profile import Dialect
from cluster.domain.prompting.facts import (
    Fact,
    clauses_of,
    facts,
    looks,
    opening,
    plain,
    worn,
    wounds,
)
from cluster.domain.prompting.guard import Clause, TokenCounter, fit
from cluster.domain.prompting.plan import PromptContext
from cluster.domain.reading.sentence import LITTLE, tokens

OPEN_STYLE = "cinematic film still, detailed face, natural light"
ON_FACE = frozenset({"glasses", "headset", "hat", "scarf"})
STYLE_RANK = 9


def scene_prompt(context: PromptContext, count: TokenCounter, dialect: Dialect) -> str:
    """A scene's prompt within the budget, in the caption grammar's order.

    Args:
        dialect: Of the model. Prose has the request in its own words; the grammar has its own words
            alone, and of the request what they do not cover.
    """
    narrate = dialect == "prose"
    told = [fact for fact in facts(context) if narrate or fact.kind != "notes"]
    clauses: list[Clause] = []
    for fact in told:
        said = clauses_of(", ".join(clause.text for clause in clauses))
        if fact.kind == "place" and any(_names(one, fact) for one in told if one.kind == "asked"):
            continue
        if fact.kind == "action" and narrate:
            clauses += [Clause(text, fact.rank) for text in _narration(context)]
        elif not fact.said_in(said) or fact.kind == "opening":
            clauses.append(Clause(fact.phrase, fact.rank))
    if narrate:
        clauses += [Clause(text, STYLE_RANK) for text in OPEN_STYLE.split(", ")]
    return fit(clauses, context.token_budget, count)


def _names(asked: Fact, place: Fact) -> bool:
    return place.said_in(clauses_of(asked.phrase))


def _narration(context: PromptContext) -> list[str]:
    """The request clause by clause; small talk alone ("it is") is no clause."""
    clauses = [plain(text) for text in context.text.replace(";", ",").replace(". ", ",").split(",")]
    return [text for text in clauses if any(word.lower() not in LITTLE for word in tokens(text))]


def identity_prompt(context: PromptContext, count: TokenCounter) -> str:
    """What a repaired face must show: the traits, the wounds, and the scene's expression.

    Place and weather stay out: the picture round the face has them already, and rain painted over
    a face hides who it is (mean IDR after two repairs of the rain scene .36 with, .60 without).
    """
    scene, profile = context.scene, context.character.profile
    told = [opening(profile, "close-up", context.trigger), *looks(profile)]
    if scene.outfit:
        told.append(worn(scene.outfit))
    told += wounds(scene)
    told += [fact for fact in facts(context) if _shows(fact)]
    return fit([Clause(fact.phrase, fact.rank) for fact in told], context.token_budget, count)


def _shows(fact: Fact) -> bool:
    if fact.kind == "prop":
        return any(prop in fact.phrase for prop in ON_FACE)
    return fact.kind in {"expression", "pose"}


def negative_prompt(flaws: str, budget: int, count: TokenCounter) -> str:
    """The model's negative prompt, `flaws` by commas, as far as `budget` tokens hold it."""
    if not flaws:
        return ""
    return fit([Clause(flaw.strip(), 0) for flaw in flaws.split(",")], budget, count)
