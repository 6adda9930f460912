"""Stage two: the text encoder learns what captions mean before it ever sees a latent.

From its last token it must name every attribute of the actor and the shot. That takes minutes,
and spares the UNet the slow part of learning which word goes with which part of the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from cluster.domain.vocabulary import (
    ACTIONS,
    EXPRESSIONS,
    EYE_COLOURS,
    FACE_PLACES,
    FRAMINGS,
    HAIR_COLOURS,
    HAIR_STYLES,
    HEAD_POSES,
    INJURY_KINDS,
    MARK_KINDS,
    OUTFIT_COLOURS,
    OUTFITS,
    PLACES,
    PROPS,
    SKIN_TONES,
    WEATHERS,
)
from training.studio.base.captions import caption, named_caption
from training.studio.base.loop import Loop, autocast, device_of
from training.studio.renderer.actor import Actor, random_actor
from training.studio.renderer.shot import Shot, random_shot

NAMES = ("kairo", "mira", "toren", "vexa", "juno", "sable", "orin", "lyra")
"""Names that captions use now and then: an adapter may claim any of them as its trigger."""

SIZES: dict[str, int] = {
    "framing": len(FRAMINGS), "person": 2, "skin": len(SKIN_TONES),
    "hair style": len(HAIR_STYLES), "hair colour": len(HAIR_COLOURS),
    "left eye": len(EYE_COLOURS), "right eye": len(EYE_COLOURS), "left cyber": 2,
    "right cyber": 2, "beard": 2, "outfit": len(OUTFITS), "outfit colour": len(OUTFIT_COLOURS),
    "prop": len(PROPS) + 1, "expression": len(EXPRESSIONS), "action": len(ACTIONS),
    "pose": len(HEAD_POSES), "place": len(PLACES), "weather": len(WEATHERS),
    "name": len(NAMES) + 1,
    **{place: len(MARK_KINDS) + len(INJURY_KINDS) + 1 for place in FACE_PLACES},
}  # fmt: skip
"""How many answers each question about a caption has."""


@dataclass(frozen=True)
class TextRecipe:
    """Pre-training of the text encoder."""

    batch_size: int = 48
    learning_rate: float = 7e-4
    named: float = 0.1


def answers(actor: Actor, shot: Shot, name: int) -> list[int]:
    """The right answer to each question of `SIZES`, in its order."""
    kinds = (*MARK_KINDS, *INJURY_KINDS)
    on = {mark.place: kinds.index(mark.kind) + 1 for mark in (*actor.marks, *shot.injuries)}
    return [
        FRAMINGS.index(shot.framing), int(actor.person == "man"), SKIN_TONES.index(actor.skin),
        HAIR_STYLES.index(actor.hair_style), HAIR_COLOURS.index(actor.hair_colour),
        EYE_COLOURS.index(actor.left_eye), EYE_COLOURS.index(actor.right_eye),
        int(actor.left_cyber), int(actor.right_cyber), int(actor.beard),
        OUTFITS.index(shot.outfit), OUTFIT_COLOURS.index(shot.outfit_colour),
        PROPS.index(shot.prop) + 1 if shot.prop else 0, EXPRESSIONS.index(shot.expression),
        ACTIONS.index(shot.action), HEAD_POSES.index(shot.head_pose), PLACES.index(shot.place),
        WEATHERS.index(shot.weather), name, *(on.get(place, 0) for place in FACE_PLACES),
    ]  # fmt: skip


def quiz(rng: np.random.Generator, named: float) -> tuple[str, list[int]]:
    """A caption and what it says."""
    actor, shot = random_actor(rng), random_shot(rng)
    if rng.random() >= named:
        return caption(actor, shot, rng), answers(actor, shot, 0)
    name = int(rng.integers(len(NAMES)))
    return named_caption(NAMES[name], actor, shot, rng), answers(actor, shot, name + 1)


def corpus(rng: np.random.Generator, count: int) -> Iterator[str]:
    """Captions from which a tokenizer can learn every word of the grammar."""
    for _ in range(count):
        yield quiz(rng, 0.2)[0]


def pretrain(
    text: CLIPTextModel, tokenizer: CLIPTokenizer, folder: Path, seconds: float, recipe: TextRecipe
) -> float:
    """Train in place for ``seconds`` of wall clock; returns the share of right answers."""
    device = device_of()
    text.to(device).train()
    width = text.config.hidden_size
    heads = torch.nn.Linear(width, sum(SIZES.values())).to(device)
    weights = [*text.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(
        weights, recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    loop = Loop(
        "text", folder, seconds, {"text": text, "heads": heads}, optimiser, recipe.learning_rate
    )
    rng = np.random.default_rng(loop.step + 3)
    right = 0.0
    for _ in loop:
        said, truth = zip(*(quiz(rng, recipe.named) for _ in range(recipe.batch_size)), strict=True)
        ids = tokenizer(list(said), padding="max_length", truncation=True, return_tensors="pt")
        wanted = torch.tensor(truth, device=device)
        with autocast(device):
            guess = heads(text(ids.input_ids.to(device)).pooler_output).float()
        split = guess.split(list(SIZES.values()), dim=1)
        losses = [functional.cross_entropy(part, wanted[:, k]) for k, part in enumerate(split)]
        with torch.no_grad():
            hits = [(part.argmax(1) == wanted[:, k]).float().mean() for k, part in enumerate(split)]
        right += 0.05 * (float(torch.stack(hits).mean()) - right)
        loop.learn(torch.stack(losses).mean())
    return right
