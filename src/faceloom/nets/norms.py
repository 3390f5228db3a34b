"""Normalisation layers by name, for networks that compare them.

All but `batch` treat every picture alone and are a group norm (Wu & He 2018, arXiv:1803.08494) with
one channel a group (instance), 16 channels a group, or one group (layer). Statistics and scale are
float32.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["none", "instance", "batch", "layer", "group", "hybrid"]
GROUP_CHANNELS = 16

Maps = Float[Tensor, "b c h w"]


class BatchStatistics(nn.Module):
    """Batch norm (Ioffe & Szegedy 2015, arXiv:1502.03167); all its state is floating point, so that
    a moving average of weights can take it along."""

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x_BCHW: Maps) -> Maps:
        return F.batch_norm(
            x_BCHW, self.mean, self.variance, self.weight, self.bias, training=self.training
        )


class GroupNorm(nn.GroupNorm):
    """torch's, with maps laid out for it: its CPU kernels take four to twenty times as long for
    channels last as for one channel after another."""

    def forward(self, x_BCHW: Maps) -> Maps:
        if x_BCHW.device.type != "cpu":
            return super().forward(x_BCHW)
        normalised = super().forward(x_BCHW.contiguous())
        return normalised.contiguous(memory_format=torch.channels_last)


class HybridNorm(nn.Module):
    """Half of the channels mixed by a 1x1 convolution, half instance-normalised (the origin's own):
    colour and light pass the first half, the second is free of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        mixed = width // 2
        self.mixed = nn.Conv2d(width, mixed, 1)
        nn.init.kaiming_normal_(self.mixed.weight)
        rest = width - mixed
        self.narrowed = nn.Conv2d(width, rest, 1)
        nn.init.kaiming_normal_(self.narrowed.weight)
        self.norm = GroupNorm(rest, rest)

    def forward(self, x_BCHW: Maps) -> Maps:
        return torch.cat([self.mixed(x_BCHW), self.norm(self.narrowed(x_BCHW))], dim=1)


def norm_layer(kind: Norm, width: int) -> nn.Module:
    """The layer for maps of `width` channels; the identity for `none`."""
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return BatchStatistics(width)
    if kind == "hybrid":
        return HybridNorm(width)
    groups = {"instance": width, "layer": 1, "group": max(1, width // GROUP_CHANNELS)}
    return GroupNorm(groups[kind], width)
