"""A LoRA in training on one worker's copy of the model: its layers, its loss, its factors.

Low-rank factors (Hu et al. 2021) on the denoiser and nowhere else. What a step does with the loss
is said in `training.loop`.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from diffusers import ModelMixin
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from cluster.settings import Recipe
from training.ema import Ema
from training.loop import Budget, TrainingLoop, TrainingStep
from training.lora.batch_sampler import BatchSampler
from training.lora.families import Denoiser
from training.lora.identity_loss import IdentityLoss
from training.schedule import Schedule

ADAPTER = "default"
ATTENTION = frozenset(
    {"to_q", "to_k", "to_v", "to_out", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"}
)
FEED_FORWARD = frozenset(
    {"ff", "ff_context", "feed_forward", "img_mlp", "txt_mlp", "proj_mlp", "proj_in"}
)


def target_layers(model: ModelMixin, layers: str) -> list[str]:
    """Names of the layers that get a pair of factors, by `Recipe.layers`."""
    wanted: list[str] = []
    for name, module in model.named_modules():
        parts = set(name.split("."))
        linear = isinstance(module, torch.nn.Linear)
        attends = linear and bool(parts & ATTENTION)
        feeds = linear and bool(parts & FEED_FORWARD)
        convolves = isinstance(module, torch.nn.Conv2d) and module.groups == 1
        chosen = {
            "attention": attends,
            "feed_forward": attends or feeds,
            "linear": linear,
            "all": linear or convolves,
        }
        if chosen[layers]:
            wanted.append(name)
    return wanted


class LoraTrainer:
    """Factors of one adapter in a denoiser, and the loop that trains them.

    identity: added to the denoiser's own loss where the recipe weighs it.
    rank, workers: this process takes every `workers`-th picture of a batch, from `rank` on.
    budget: as many steps as the recipe has, when it is not given.
    began: when the budget's time began, on `time.monotonic`.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        sampler: BatchSampler,
        recipe: Recipe,
        *,
        identity: IdentityLoss | None = None,
        rank: int = 0,
        workers: int = 1,
        budget: Budget | None = None,
        began: float | None = None,
    ) -> None:
        self._denoiser, self._sampler, self._recipe = denoiser, sampler, recipe
        self._identity, self._rank, self._workers = identity, rank, workers
        self.targets = target_layers(denoiser.model, recipe.layers)
        weights = self._add_factors()
        self.ema = Ema(weights, recipe.ema_decay)
        self.loop = TrainingLoop(
            self.loss,
            torch.nn.ParameterList(weights),
            torch.optim.AdamW(
                weights, recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
            ),
            budget or Budget(steps=recipe.steps),
            Schedule(warmup_steps=recipe.warmup_steps),
            max_grad_norm=recipe.max_grad_norm,
            ema=self.ema,
            seed=recipe.seed,
            workers=workers,
            began=began,
        )

    @property
    def model(self) -> ModelMixin:
        """The denoiser's network, with the adapter in it."""
        return self._denoiser.model

    def _add_factors(self) -> list[torch.nn.Parameter]:
        """Freeze the model and give its target layers factors, float32; returns these."""
        recipe = self._recipe
        self.model.requires_grad_(False)
        config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=self.targets)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)  # the same first factors on every worker
            self.model.add_adapter(config, adapter_name=ADAPTER)
        self.model.eval()  # LoRA's own dropout is none; what the base model has would blur it
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        for weight in weights:
            weight.data = weight.data.float()
        if recipe.gradient_checkpointing:
            self.model.enable_gradient_checkpointing()
        return weights

    def loss(self, step: TrainingStep) -> torch.Tensor:
        """This worker's part of a step's loss, a scalar: weighted squared error of
        what is predicted."""
        batch = self._sampler.batch(step.number, self._rank, self._workers)
        device = self.loop.weights[0].device
        noisy, target = batch.noisy.to(device), batch.target.to(device)
        with _fast(device):
            guess = self._denoiser.predict(noisy, batch.timesteps.to(device), batch.prompts).float()
            strange = self._identity(batch, guess) if self._identity else torch.zeros(())
        error = ((guess - target).square() * batch.detail_weights.to(device)).mean((1, 2, 3))
        wrong = (error * batch.loss_weights.to(device)).sum()
        return (wrong + self._recipe.identity_weight * strange) / self._recipe.batch_size

    def factors(self) -> dict[str, torch.Tensor]:
        """The averaged adapter in PEFT's own keys, copies (rank, in) and (out, rank), float32 on
        the CPU."""
        with self.ema.applied():
            found = get_peft_model_state_dict(self.model, adapter_name=ADAPTER)
            return {key: value.detach().clone().cpu() for key, value in found.items()}


def _fast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic on CPUs that have it; a GPU's base weights are bfloat16 already."""
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
