"""IP-Adapter: image prompts, tokens made of a face embedding that cross-attention reads as well.

Ye et al. 2023, "IP-Adapter", in the FaceID form and file format of diffusers' `load_ip_adapter`.
Unlike that loader's, these tokens do not pass through the pipeline's call: each picture of a batch
has an embedding and a strength of its own, and a picture without one is painted as if the
adapter were not there. Knows nothing of faces, files on disk or orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor2_0,
    IPAdapterAttnProcessor2_0,
)
from diffusers.models.embeddings import IPAdapterFaceIDImageProjection
from torch import Tensor, nn

from cluster.errors import ProviderMissing

CROSS_ATTENTION = "attn2.processor"
FILE_NAMES = {"ff.net.0.proj": "proj.0", "ff.net.2": "proj.2", "norm": "norm"}
"""The projection's layers in diffusers, and in the file."""


@dataclass(frozen=True)
class PromptShape:
    """Numbers in an embedding, how much wider the hidden layer is, and tokens made of it."""

    embedding: int
    widening: int
    tokens: int


class ShownTokens:
    """What the attention layers read: the tokens of the batch that is being painted, if any."""

    def __init__(self) -> None:
        self._batch: tuple[Tensor, Tensor, Tensor] | None = None

    def show(self, tokens: Tensor, nothing: Tensor, strengths: Tensor) -> None:
        """One batch: tokens (n, t, w), those of no embedding (1, t, w), strengths (n,)."""
        self._batch = tokens, nothing, strengths

    def hide(self) -> None:
        self._batch = None

    def rows(self, count: int) -> tuple[Tensor, Tensor] | None:
        """Tokens (count, t, w) and strengths (count, 1, 1, 1) of the UNet's rows, or None.

        Classifier-free guidance doubles the batch: the first half is painted from nothing.
        """
        if self._batch is None:
            return None
        tokens, nothing, strengths = self._batch
        if count == 2 * len(tokens):
            tokens = torch.cat([nothing.expand_as(tokens), tokens])
            strengths = torch.cat([strengths, strengths])
        if count != len(tokens):
            raise ValueError(f"{len(tokens)} image prompts for a batch of {count}")
        return tokens[:, None], strengths.view(-1, 1, 1, 1)


class Values(nn.Linear):
    """The value projection. Attention is linear in values: weighing them weighs each picture."""

    def __init__(self, width: int, hidden: int, shown: ShownTokens) -> None:
        super().__init__(width, hidden, bias=False)
        self._shown = shown

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (rows, t, width) -> values (rows, t, hidden), times each row's strength."""
        rows = self._shown.rows(len(tokens))
        values = super().forward(tokens)
        return values if rows is None else values * rows[1]


class PromptedAttention(IPAdapterAttnProcessor2_0):  # type: ignore[misc]
    """Cross-attention to the words and, while a batch is shown, to its image prompts."""

    def __init__(self, hidden: int, width: int, tokens: int, shown: ShownTokens) -> None:
        super().__init__(hidden, width, num_tokens=[tokens])
        self.to_v_ip = nn.ModuleList([Values(width, hidden, shown)])
        self._shown, self._plain = shown, AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        rows = self._shown.rows(len(hidden_states))
        if rows is None:
            plain: Tensor = self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, temb
            )
            return plain
        prompted: Tensor = super().__call__(
            attn, hidden_states, (encoder_hidden_states, [rows[0]]), attention_mask, temb
        )
        return prompted


class ImagePrompt(nn.Module):
    """The adapter's weights, installed in a UNet's cross-attention; silent until `show`."""

    def __init__(self, unet: UNet2DConditionModel, shape: PromptShape) -> None:
        super().__init__()
        self.shape, self._shown = shape, ShownTokens()
        width = unet.config.cross_attention_dim
        self.projection = IPAdapterFaceIDImageProjection(
            shape.embedding, width, shape.widening, shape.tokens
        )
        processors = dict(unet.attn_processors)
        names = [name for name in processors if name.endswith(CROSS_ATTENTION)]
        attentions = [unet.get_submodule(name.removesuffix(".processor")) for name in names]
        self.layers = nn.ModuleList(
            PromptedAttention(attn.inner_kv_dim, width, shape.tokens, self._shown)
            for attn in attentions
        )
        unet.set_attn_processor(processors | dict(zip(names, self.layers, strict=True)))
        self.to(unet.device, unet.dtype)

    def show(self, embeddings: Tensor, strengths: Tensor) -> None:
        """Paint the next batch after embeddings (n, dim), each with its strength (n,)."""
        weight = self.projection.norm.weight
        rows = embeddings.to(weight.device, weight.dtype)
        made = self.projection(torch.cat([torch.zeros_like(rows[:1]), rows]))
        self._shown.show(made[1:], made[:1], strengths.to(made.device, made.dtype))

    def hide(self) -> None:
        """Paint from words alone again."""
        self._shown.hide()

    def tensors(self) -> dict[str, Tensor]:
        """The weights under the file's keys, of diffusers' shapes: projection (out, in) and (out,),
        `to_k_ip` and `to_v_ip` (hidden, width)."""
        state = self.projection.state_dict()
        found = {
            f"image_proj.{theirs}.{kind}": state[f"{ours}.{kind}"]
            for ours, theirs in FILE_NAMES.items()
            for kind in ("weight", "bias")
        }
        for number, layer in enumerate(self.layers):
            for part in ("to_k_ip", "to_v_ip"):
                weight = getattr(layer, part)[0].weight
                found[f"ip_adapter.{2 * number + 1}.{part}.weight"] = weight
        return found

    @torch.no_grad()
    def fill(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights of a file, by key and shape as `tensors` has them.

        Raises ProviderMissing for one that does not fit this UNet, or holds NaN or infinity.
        """
        own = self.tensors()
        wrong = sorted(own.keys() ^ tensors.keys()) or sorted(
            key for key, weight in own.items() if weight.shape != tensors[key].shape
        )
        if wrong:
            raise _misfit(f"{len(wrong)} weights do not fit the model, such as {wrong[0]}")
        if not all(bool(weight.isfinite().all()) for weight in tensors.values()):
            raise _misfit("it holds values that are not finite")
        for key, weight in own.items():
            weight.copy_(tensors[key])


def shape_of(tensors: Mapping[str, Tensor]) -> PromptShape:
    """The shape of a file's projection. ProviderMissing where it is not of the FaceID form."""
    try:
        first, last = tensors["image_proj.proj.0.weight"], tensors["image_proj.proj.2.weight"]
        width = len(tensors["image_proj.norm.weight"])
        return PromptShape(first.shape[1], first.shape[0] // first.shape[1], len(last) // width)
    except (KeyError, IndexError) as error:
        raise _misfit(f"it is not an IP-Adapter of the FaceID form: {error} is missing") from error


def _misfit(reason: str) -> ProviderMissing:
    return ProviderMissing(
        f"the image-prompt adapter cannot be used: {reason}",
        advice="Train one on this base model with `python -m training.studio train`, correct "
        "generator.ip_adapter, or take the file away.",
    )
