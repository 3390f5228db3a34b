"""Patch discriminators (Isola et al. 2017, arXiv:1611.07004).

Shapes: input (B, 6, S, S), the judged picture beside the warped input it was made from, as in the
origin; output (B, 1, P, P) with P = S / (4 stem), one score a patch, no final non-linearity (least
squares).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.nets.blocks import LEAK, bounded, conv3, fold


class PatchDiscriminator(nn.Module):
    """Folds `stem` x `stem` pixels into channels, then three scales; nothing is convolved at full
    size, where few channels would keep a CPU's matrix units idle."""

    def __init__(self, width: int, stem: int, inputs: int = 6, spectral: bool = False) -> None:
        super().__init__()
        self.stem = stem
        self.enter = bounded(conv3(inputs * stem**2, width), spectral)
        widths = ((width, 2 * width), (2 * width, 2 * width))
        self.layers = nn.ModuleList([bounded(conv3(i, o, 2), spectral) for i, o in widths])
        self.leave = bounded(conv3(2 * width, 1), spectral)

    def forward(self, x_BCHW: Float[Tensor, "b c s s"]) -> Float[Tensor, "b 1 p p"]:
        maps = F.leaky_relu(self.enter(fold(x_BCHW, self.stem)), LEAK)
        for layer in self.layers:
            maps = F.leaky_relu(layer(maps), LEAK)
        return self.leave(maps)
