"""Patch discriminators (Isola et al. 2017, arXiv:1611.07004).

Shapes: input (B, 6, S, S), the judged picture beside the warped input it was made from, as in the
origin; output (B, 1, S/16, S/16), one score a patch, no final non-linearity (least squares).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.nets.blocks import LEAK, conv3


class PatchDiscriminator(nn.Module):
    """Four scales; the first folds 2x2 pixels into channels instead of convolving at full size."""

    def __init__(self, width: int, inputs: int = 6) -> None:
        super().__init__()
        self.enter = conv3(inputs * 4, width)
        self.layers = nn.ModuleList(
            [
                conv3(width, 2 * width, 2),
                conv3(2 * width, 4 * width, 2),
                conv3(4 * width, 4 * width, 2),
            ]
        )
        self.leave = conv3(4 * width, 1)

    def forward(self, x_BCHW: Float[Tensor, "b c s s"]) -> Float[Tensor, "b 1 p p"]:
        folded = F.pixel_unshuffle(x_BCHW, 2).contiguous(memory_format=torch.channels_last)
        maps = F.leaky_relu(self.enter(folded), LEAK)
        for layer in self.layers:
            maps = F.leaky_relu(layer(maps), LEAK)
        return self.leave(maps)
