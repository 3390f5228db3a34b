"""Building blocks of the generators and discriminators.

Shapes: B batch, C channels, H height, W width. All convolutions are dense and 3x3 where it counts,
which is what CPUs run fastest in bfloat16; there is no normalisation layer, since batch and
instance statistics carry the skin colour of one side into the other (the origin's first
experiment).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAK = 0.1


def conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution, He-initialised for a leaky rectifier (He et al. 2015)."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
    nn.init.kaiming_normal_(conv.weight, a=LEAK)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def activate(x_BCHW: Tensor) -> Tensor:
    """The leaky rectifier, in place."""
    return F.leaky_relu(x_BCHW, LEAK, inplace=True)


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))), the second convolution starting at zero, so that depth is free
    at the start (Goyal et al. 2017; Zhang et al. 2019, "Fixup")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv3(width, width)
        self.second = conv3(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inner_BCHW = activate(self.first(F.leaky_relu(x_BCHW, LEAK)))
        return x_BCHW + self.second(inner_BCHW)


class Down(nn.Module):
    """Halve the size by a strided 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv3(inputs, outputs, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return activate(self.conv(x_BCHW))


class PixelShuffleUp(nn.Module):
    """Enlarge by a convolution and a pixel shuffle, initialised as nearest-neighbour (ICNR:
    Aitken et al. 2017, arXiv:1707.02937), so that no checkerboard stands in it from the start."""

    def __init__(self, inputs: int, outputs: int, factor: int = 2, gain: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.conv = conv3(inputs, outputs * factor**2)
        with torch.no_grad():
            one_each = self.conv.weight[:: factor**2] * gain
            self.conv.weight.copy_(one_each.repeat_interleave(factor**2, dim=0))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x_BCHW), self.factor)


def seeded_init(seed: int) -> None:
    """Seed the default generator from which layers draw their first weights."""
    torch.manual_seed(seed)
