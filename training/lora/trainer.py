"""A LoRA in training on one worker's copy of the model: steps, averages, state.

Low-rank factors (Hu et al. 2021) on the denoiser and nowhere else. Workers sum the gradients of
their parts of a batch in one exchange; with factors of a few MB that is all the data parallelism
there is to do, and unlike a DDP wrapper it minds neither unused layers nor checkpointing.
"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed
from diffusers import ModelMixin
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from cluster.settings import Recipe
from training.lora.batch_sampler import BatchSampler
from training.lora.families import Denoiser
from training.lora.identity_loss import IdentityLoss

ADAPTER = "default"
FLOOR = 0.03
"""Share of the peak rate that the cosine ends at."""
ATTENTION = frozenset(
    {"to_q", "to_k", "to_v", "to_out", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"}
)
FEED_FORWARD = frozenset(
    {"ff", "ff_context", "feed_forward", "img_mlp", "txt_mlp", "proj_mlp", "proj_in"}
)

State = dict[str, Any]


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
    """`total` is how many steps the rate's schedule is laid out for. `identity`, where the recipe
    weighs it, is added to the loss."""

    def __init__(
        self,
        denoiser: Denoiser,
        sampler: BatchSampler,
        recipe: Recipe,
        *,
        identity: IdentityLoss | None = None,
        rank: int = 0,
        workers: int = 1,
    ) -> None:
        self._denoiser, self._sampler, self._recipe = denoiser, sampler, recipe
        self._identity = identity
        self._rank, self._workers = rank, workers
        self.total = recipe.steps
        self.targets = target_layers(denoiser.model, recipe.layers)
        self.model.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)  # the same first factors on every worker
            self.model.add_adapter(self._config(), adapter_name=ADAPTER)
        self.model.eval()  # LoRA's own dropout is none; what the base model has would blur it
        self._weights = [one for one in self.model.parameters() if one.requires_grad]
        for weight in self._weights:
            weight.data = weight.data.float()
        if recipe.gradient_checkpointing:
            self.model.enable_gradient_checkpointing()
        self._optimiser = torch.optim.AdamW(
            self._weights, recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
        )
        self._average = [weight.detach().clone() for weight in self._weights]

    @property
    def model(self) -> ModelMixin:
        return self._denoiser.model

    def _config(self) -> LoraConfig:
        return LoraConfig(
            r=self._recipe.rank, lora_alpha=self._recipe.alpha, target_modules=self.targets
        )

    def step(self, number: int, flag: float = 0.0) -> tuple[float, bool]:
        """Learn from step `number`: the mean loss, and whether any worker raised its flag."""
        batch = self._sampler.batch(number, self._rank, self._workers)
        device = self._weights[0].device
        noisy, target = batch.noisy.to(device), batch.target.to(device)
        with _fast(device):
            guess = self._denoiser.predict(noisy, batch.timesteps.to(device), batch.prompts).float()
            strange = self._identity(batch, guess) if self._identity else torch.zeros(())
        error = ((guess - target).square() * batch.detail_weights.to(device)).mean((1, 2, 3))
        wrong = (error * batch.loss_weights.to(device)).sum()
        loss = (wrong + self._recipe.identity_weight * strange) / self._recipe.batch_size
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        loss_sum, flags = self._exchange(loss.detach(), flag)
        torch.nn.utils.clip_grad_norm_(self._weights, self._recipe.max_grad_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.learning_rate * self._share(number)
        self._optimiser.step()
        decay = min(self._recipe.ema_decay, (1 + number) / (10 + number))
        torch._foreach_lerp_(self._average, [one.data for one in self._weights], 1 - decay)
        return loss_sum, flags > 0

    def _exchange(self, loss: torch.Tensor, flag: float) -> tuple[float, float]:
        """Sum gradients, loss and flags over the workers."""
        if self._workers == 1:
            return float(loss), flag
        for weight in self._weights:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        grads = [weight.grad for weight in self._weights if weight.grad is not None]
        extra = torch.stack([loss.float(), torch.tensor(flag, device=loss.device)])
        flat = torch.cat([*(grad.flatten() for grad in grads), extra])
        torch.distributed.all_reduce(flat)
        sizes = [grad.numel() for grad in grads]
        for grad, summed in zip(grads, torch.split(flat[:-2], sizes), strict=True):
            grad.copy_(summed.view_as(grad))
        return float(flat[-2]), float(flat[-1])

    def _share(self, number: int) -> float:
        """Of the peak rate: a straight rise, then half a cosine."""
        rise = min(1.0, (number + 1) / max(self._recipe.warmup_steps, 1))
        fall = 0.5 + 0.5 * math.cos(math.pi * min(1.0, number / self.total))
        return rise * max(FLOOR, fall)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model paints with the averaged weights inside the block."""
        held = [weight.data for weight in self._weights]
        for weight, mean in zip(self._weights, self._average, strict=True):
            weight.data = mean
        try:
            yield
        finally:
            for weight, kept in zip(self._weights, held, strict=True):
                weight.data = kept

    def settle(self) -> None:
        """Leave the averaged weights in the model for good."""
        for weight, mean in zip(self._weights, self._average, strict=True):
            weight.data.copy_(mean)

    def factors(self) -> dict[str, torch.Tensor]:
        """The averaged adapter in PEFT's own keys, on the CPU, a copy."""
        with self.averaged():
            found = get_peft_model_state_dict(self.model, adapter_name=ADAPTER)
            return {key: value.detach().clone().cpu() for key, value in found.items()}

    def state(self) -> State:
        """All that a later `restore` needs to go on as if nothing had happened."""
        return {
            "weights": [weight.detach().cpu() for weight in self._weights],
            "average": [mean.cpu() for mean in self._average],
            "optimiser": self._optimiser.state_dict(),
            "total": self.total,
        }

    def restore(self, state: State) -> None:
        for weight, kept in zip(self._weights, state["weights"], strict=True):
            weight.data.copy_(kept)
        for mean, kept in zip(self._average, state["average"], strict=True):
            mean.copy_(kept)
        self._optimiser.load_state_dict(state["optimiser"])
        self.total = state["total"]


def _fast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 arithmetic on CPUs that have it; a GPU's base weights are bfloat16 already."""
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
