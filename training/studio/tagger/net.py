"""The tagger's network: one small convolutional trunk, and heads that know where to look.

Whole-picture heads pool the coarse map with their own attention. Eyes, marks and injuries are a
few pixels wide: eleven keypoints (both eyes, the five places of a face, mouth, brows, collar) are
found as heat maps, the finer maps are read there, and one classifier serves all places, one both
eyes. Heads of the whole picture read mouth, brows, eyes and collar as well.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cluster.domain.vocabulary import EYE_COLOURS, FACE_PLACES, INJURY_KINDS, MARK_KINDS, PROPS
from training.studio.tagger.heads import GLOBAL, SOFTMAX
from training.studio.tagger.keypoints import KEYPOINTS

FINE = 32
"""Side of the fine map, in cells, for a picture of 128 px."""


def conv(wide: int, out: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU."""
    return nn.Sequential(
        nn.Conv2d(wide, out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.SiLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(wide, wide), conv(wide, wide))

    def forward(self, x: Tensor) -> Tensor:
        """(n, wide, h, w) to the same."""
        return x + cast(Tensor, self.body(x))


def attend(features: Tensor, logits: Tensor) -> Tensor:
    """Weighted means: features (n, c, h, w), logits (n, q, h, w) -> (n, q, c)."""
    weights = logits.float().flatten(2).softmax(-1).to(features.dtype)
    return weights @ features.flatten(2).transpose(1, 2)


def read_at(maps: Tensor, fine: Tensor, middle: Tensor) -> Tensor:
    """What fine (n, 64, 32, 32) and middle (n, 96, 16, 16) maps hold at each keypoint, whose heat
    ``maps`` are (n, 11, 32, 32): (n, 11, 64 + 96)."""
    weights = maps.float().flatten(2).softmax(-1).to(fine.dtype)
    wider = 4 * functional.avg_pool2d(weights.view(maps.shape), 2)
    at_fine = weights @ fine.flatten(2).transpose(1, 2)
    at_middle = wider.flatten(2) @ middle.flatten(2).transpose(1, 2)
    return torch.cat([at_fine, at_middle], 2)


class Trunk(nn.Module):
    """(n, 3, 128, 128) in [-1, 1] -> fine (n, 64, 32, 32), middle (n, 96, 16, 16) and coarse
    (n, 160, 8, 8) maps; the finer ones know what the coarser ones saw."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 24, 5, 2), conv(24, 48, 3, 2), Residual(48))
        self.middle = nn.Sequential(conv(48, 96, 3, 2), Residual(96))
        self.coarse = nn.Sequential(conv(96, 160, 3, 2), Residual(160))
        self.down_middle = nn.Conv2d(160, 96, 1)
        self.down_fine = nn.Conv2d(96, 48, 1)
        self.mix_middle = conv(96, 96)
        self.mix_fine = conv(48, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The fine, middle and coarse maps of pictures (n, 3, 128, 128), as the class says."""
        fine = self.stem(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        up = functional.interpolate(self.down_middle(coarse), scale_factor=2.0, mode="nearest")
        middle = self.mix_middle(middle + up)
        up = functional.interpolate(self.down_fine(middle), scale_factor=2.0, mode="nearest")
        return self.mix_fine(fine + up), middle, coarse


LOCAL = 64 + 96
"""Width of what is read at a keypoint."""

PLACES = slice(2, 2 + len(FACE_PLACES))
ELSEWHERE = [0, 1, *range(2 + len(FACE_PLACES), len(KEYPOINTS))]
"""Of `KEYPOINTS`: places of marks, and what the whole picture's heads read."""


class TaggerNet(nn.Module):
    """Pictures -> (softmax logits, sigmoid logits, keypoint logits (n, 11, 32, 32)).

    The logits are concatenated in the order of `heads.SOFTMAX` and `SIGMOID`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.queries = nn.Conv2d(160, len(GLOBAL), 1)
        self.features = nn.Sequential(nn.Linear(len(ELSEWHERE) * LOCAL, 128), nn.SiLU())
        wide = 160 + 160 + 96 + 128
        self.global_heads = nn.ModuleList(
            nn.Sequential(nn.Dropout(0.1), nn.Linear(wide, len(SOFTMAX[head]))) for head in GLOBAL
        )
        self.prop_queries = nn.Conv2d(96, len(PROPS), 1)
        self.prop_weight = nn.Parameter(torch.randn(len(PROPS), 96 + 160) * 0.05)
        self.prop_bias = nn.Parameter(torch.full((len(PROPS),), -3.0))
        self.keypoints = nn.Conv2d(64, len(KEYPOINTS), 1)
        eye_labels = len(EYE_COLOURS) + 1 + 1
        self.eye = nn.Sequential(nn.Linear(LOCAL + 160, 96), nn.SiLU(), nn.Linear(96, eye_labels))
        kinds = len(MARK_KINDS) + len(INJURY_KINDS)
        self.spot_in = nn.Linear(LOCAL + 160, 128)
        self.spot_place = nn.Parameter(torch.zeros(len(FACE_PLACES), 128))
        self.spot_out = nn.Linear(128, kinds)
        nn.init.constant_(self.spot_out.bias, -3.0)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``pixels`` float (n, 3, 128, 128) in [0, 255]."""
        fine, middle, coarse = self.trunk(pixels / 127.5 - 1.0)
        whole = coarse.mean((2, 3))
        maps = self.keypoints(fine)
        local = read_at(maps, fine, middle)
        pooled = [whole, middle.mean((2, 3)), self.features(local[:, ELSEWHERE].flatten(1))]
        looked = attend(coarse, self.queries(coarse))
        softmax = [
            head(torch.cat([looked[:, index], *pooled], 1))
            for index, head in enumerate(self.global_heads)
        ]
        props = self._props(middle, whole)
        local = torch.cat([local, whole[:, None].expand(-1, len(KEYPOINTS), -1)], 2)
        eyes = self.eye(local[:, :2])
        spots = self.spot_out(functional.silu(self.spot_in(local[:, PLACES]) + self.spot_place))
        marks = spots[:, :, : len(MARK_KINDS)].flatten(1)
        injuries = spots[:, :, len(MARK_KINDS) :].flatten(1)
        softmax += [eyes[:, 0, :-1], eyes[:, 1, :-1]]
        sigmoid = torch.cat([marks, injuries, props, eyes[:, :, -1]], 1)
        return torch.cat(softmax, 1), sigmoid, maps

    def _props(self, middle: Tensor, whole: Tensor) -> Tensor:
        looked = attend(middle, self.prop_queries(middle))
        whole = whole[:, None].expand(-1, looked.shape[1], -1)
        both = torch.cat([looked, whole], 2)
        return (both * self.prop_weight).sum(2) + self.prop_bias
