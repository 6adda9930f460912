"""Stage two: the text encoder learns what captions mean before it ever sees a latent.

From its last token it must name every attribute of the actor and the shot. That takes minutes,
and spares the UNet the slow part of learning which word goes with which part of the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cluster.domain.vocabulary import FACE_PLACES, INJURY_KINDS, MARK_KINDS, PROPS
from training.loop import Budget, TrainingLoop, TrainingStep
from training.schedule import Schedule
from training.studio.attributes import ATTRIBUTES, attributes_of
from training.studio.base.captions import caption, named_caption
from training.studio.device import autocast, device_of
from training.studio.renderer.actor import Actor, random_actor
from training.studio.renderer.shot import Shot, random_shot
from training.studio.stage_run import run_stage

NAMES = ("kairo", "mira", "toren", "vexa", "juno", "sable", "orin", "lyra")
"""Names that captions use now and then: an adapter may claim any of them as its trigger."""

ON_SKIN = (*MARK_KINDS, *INJURY_KINDS)

QUESTIONS: dict[str, int] = {
    **{name: len(labels) for name, labels in ATTRIBUTES.items()},
    "left cyber": 2,
    "right cyber": 2,
    "prop": len(PROPS) + 1,
    "name": len(NAMES) + 1,
    **{place: len(ON_SKIN) + 1 for place in FACE_PLACES},
}
"""How many answers each question about a caption has; where there is one more, 0 is for none."""


@dataclass(frozen=True)
class TextRecipe:
    """Pre-training of the text encoder; ``named``: share of captions with a name."""

    batch_size: int = 48
    learning_rate: float = 7e-4
    named: float = 0.1


def build_text_encoder(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextModel:
    """An untrained CLIP text encoder of ``width`` x ``layers``."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width * 4,
            num_hidden_layers=layers,
            num_attention_heads=6,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=width,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids of texts, (n, tokens) int64, all of the tokenizer's full length."""
    ids: Tensor = tokenizer(
        texts, padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def answers(actor: Actor, shot: Shot, name: int) -> list[int]:
    """The right answer to each of `QUESTIONS`, in their order."""
    on = {mark.place: ON_SKIN.index(mark.kind) + 1 for mark in (*actor.marks, *shot.injuries)}
    said = attributes_of(actor, shot)
    return [
        *(labels.index(said[attribute]) for attribute, labels in ATTRIBUTES.items()),
        int(actor.left_cyber),
        int(actor.right_cyber),
        PROPS.index(shot.prop) + 1 if shot.prop else 0,
        name,
        *(on.get(place, 0) for place in FACE_PLACES),
    ]


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
) -> None:
    """Train in place for ``seconds`` of wall clock; a second call on the same folder goes on."""
    device = device_of()
    heads = torch.nn.Linear(text.config.hidden_size, sum(QUESTIONS.values()))
    model = torch.nn.ModuleDict({"text": text, "heads": heads}).to(device).train()

    def loss(step: TrainingStep) -> Tensor:
        asked = (quiz(step.rng, recipe.named) for _ in range(recipe.batch_size))
        said, right = zip(*asked, strict=True)
        ids, wanted = token_ids(tokenizer, list(said)).to(device), torch.tensor(right).to(device)
        with autocast(device):
            guess = heads(text(ids).pooler_output).float()
        split = guess.split(list(QUESTIONS.values()), dim=1)
        losses = [functional.cross_entropy(part, wanted[:, at]) for at, part in enumerate(split)]
        return torch.stack(losses).mean()

    optimizer = torch.optim.AdamW(
        model.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    loop = TrainingLoop(loss, model, optimizer, Budget(seconds=seconds), Schedule(), seed=3)
    run_stage("text", folder, loop)
