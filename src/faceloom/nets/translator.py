"""Picture to picture without a code: the residual network of CycleGAN, and one that paints a mask.

Zhu et al. 2017 (arXiv:1703.10593), after Johnson et al. 2016: a stem, two halvings, residual blocks
at a quarter of the size, two enlargements. The stem and the head fold and unfold 2x2 pixels, which
costs a CPU a quarter of 7x7 convolutions at full size; enlargement starts as nearest neighbour.

Shapes: images (B, 3, S, S) in [-1, 1], S a multiple of 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.nets.blocks import LEAK, SubpixelUp, conv3, fold
from faceloom.nets.norms import Norm, norm_layer

_STEM = 2
_OPEN = 0.99
"""Pictures are taken this far into tanh's open range."""


@dataclass(frozen=True)
class TranslatorShape:
    """What fixes a translator."""

    size_px: int = 96
    width: int = 48
    """Channels after the stem; twice and four times as many after the halvings."""
    blocks: int = 6
    norm: Norm = "instance"
    mask: bool = False
    change: bool = False
    """What is painted is a change of the picture, none at first, instead of the whole picture."""

    def check(self) -> None:
        """Raises ValueError for a shape that cannot be built."""
        if self.size_px % (4 * _STEM):
            raise ValueError(f"size_px {self.size_px} is no multiple of {4 * _STEM}")


class _Block(nn.Module):
    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.first, self.second = conv3(width, width), conv3(width, width)
        self.norms = nn.ModuleList([norm_layer(norm, width) for _ in range(2)])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inner = F.leaky_relu(self.norms[0](self.first(x_BCHW)), LEAK)
        return x_BCHW + self.norms[1](self.second(inner))


class Translator(nn.Module):
    """Images -> colour (B, 3, S, S) in [-1, 1] and alpha logits (B, 1, S, S), None without mask."""

    def __init__(self, shape: TranslatorShape) -> None:
        super().__init__()
        shape.check()
        first, second, third = (shape.width * 2**k for k in range(3))

        def shaped(conv: nn.Module, width: int) -> list[nn.Module]:
            return [conv, norm_layer(shape.norm, width), nn.LeakyReLU(LEAK)]

        self.layers = nn.Sequential(
            *shaped(conv3(3 * _STEM**2, first), first),
            *shaped(conv3(first, second, 2), second),
            *shaped(conv3(second, third, 2), third),
            *[_Block(third, shape.norm) for _ in range(shape.blocks)],
            *shaped(SubpixelUp(third, second), second),
            *shaped(SubpixelUp(second, first), first),
        )
        self.change = shape.change
        self.head = SubpixelUp(first, 4 if shape.mask else 3, _STEM, gain=0.1)

    def forward(
        self, x_BCHW: Float[Tensor, "b 3 s s"]
    ) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b 1 s s"] | None]:
        out_BCHW = self.head(self.layers(fold(x_BCHW, _STEM))).float()
        painted = out_BCHW[:, :3].contiguous()
        if self.change:
            painted = painted + torch.atanh(_OPEN * x_BCHW.float())
        return torch.tanh(painted), out_BCHW[:, 3:] if out_BCHW.shape[1] == 4 else None
