"""The networks of faceswap-GAN v1 to v2.2 with the origin's layer widths, every choice a value.

Shapes: images (B, 3, S, S) in [-1, 1]; the smallest map is at least 4 px, 4 px for powers of two;
code as `bottleneck` says. A decoder gives colour in [-1, 1] at S, alpha logits or None, and colour
at the smaller sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.nets.attention import SelfAttention
from faceloom.nets.blocks import bounded
from faceloom.nets.bottleneck import BottleneckKind, FromCode, Init, ToCode, initialised
from faceloom.nets.norms import Norm, norm_layer

Capacity = Literal["standard", "lite"]
Upsampling = Literal["pixel_shuffle", "nearest"]

_SMALLEST_PX = 4
_BASE_UPS = 4
"""From the smallest map to the decoder's base size (64 px for powers of two): one enlargement in
the encoder, three in the decoder."""


@dataclass(frozen=True)
class OriginShape:
    """What fixes the origin's networks; the defaults are v2.2's at 64 px."""

    size_px: int = 64
    capacity: Capacity = "standard"
    norm: Norm = "instance"
    upsampling: Upsampling = "pixel_shuffle"
    bottleneck: BottleneckKind = "dense"
    code: int = 1024
    """Width of the code: 1024, above 64 px 2048; channels a place if it is spatial."""
    attention_px: int = 64
    """Self-attention on maps of at most this size, at the origin's places; 0 for none."""
    residuals: int = 1
    residual_up: bool = False
    """A residual block after each enlargement of the decoder, too."""
    mask: bool = True
    leak: float = 0.2
    init: Literal["he", "normal"] = "he"
    """Normal as in He et al. 2015, or of deviation .02."""
    channels: int = 0
    """Width of the first convolution; 0 for the capacity's (64, lite 32)."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The encoder's, from the first convolution to the fourth halving."""
        first = self.channels or (64 if self.capacity == "standard" else 32)
        deepest = first * (16 if self.capacity == "standard" else 8)
        return (first, 2 * first, 4 * first, 8 * first, deepest)

    @property
    def halvings(self) -> int:
        count = 0
        while self.size_px % 2 ** (count + 1) == 0 and self.size_px >> (count + 1) >= _SMALLEST_PX:
            count += 1
        return count

    @property
    def smallest_px(self) -> int:
        return self.size_px >> self.halvings

    @property
    def output_sizes_px(self) -> tuple[int, ...]:
        """The decoder's colour outputs, small to full size."""
        base_px = self.smallest_px << _BASE_UPS
        return tuple(base_px << k for k in range(self.halvings - _BASE_UPS + 1))

    def check(self) -> None:
        """Raises ValueError for a shape that cannot be built."""
        if self.halvings < _BASE_UPS:
            raise ValueError(
                f"size_px {self.size_px}: must be halved {_BASE_UPS} times and leave 4"
            )

    def attention(self, width: int, map_px: int) -> list[nn.Module]:
        return [SelfAttention(width)] if map_px <= self.attention_px else []

    def initialise(self, gain_leak: float = 0.0) -> Init:
        if self.init == "normal":
            return partial(nn.init.normal_, std=0.02)
        return partial(nn.init.kaiming_normal_, a=gain_leak)


class Painting(NamedTuple):
    """What a decoder gives."""

    rgb: Tensor
    logit: Tensor | None
    smaller: list[Tensor]
    """Colour at the smaller sizes, small to large."""


class _Down(nn.Sequential):
    """Convolution without bias, stride 2, rectifier, norm."""

    def __init__(self, inputs: int, outputs: int, shape: OriginShape) -> None:
        conv = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        super().__init__(
            initialised(conv, shape.initialise()), nn.ReLU(), norm_layer(shape.norm, outputs)
        )


class _Up(nn.Module):
    """Twice the size: a 3x3 convolution to four times the width and a pixel shuffle, initialised
    as nearest neighbour (ICNR, Aitken et al. 2017), or enlargement and a convolution."""

    def __init__(self, inputs: int, outputs: int, shape: OriginShape) -> None:
        super().__init__()
        self.upsampling = shape.upsampling
        self.leak = shape.leak
        factor = 4 if shape.upsampling == "pixel_shuffle" else 1
        self.conv = nn.Conv2d(inputs, outputs * factor, 3, 1, 1)
        initialised(self.conv, shape.initialise(shape.leak))
        if shape.upsampling == "pixel_shuffle":
            with torch.no_grad():
                self.conv.weight.copy_(self.conv.weight[::4].repeat_interleave(4, dim=0))
        self.norm = norm_layer(shape.norm, outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.upsampling == "nearest":
            grown = F.leaky_relu(self.conv(F.interpolate(x_BCHW, scale_factor=2)), self.leak)
        else:
            grown = F.pixel_shuffle(F.leaky_relu(self.conv(x_BCHW), self.leak), 2)
        return self.norm(grown)


class _Residual(nn.Module):
    """act(x + conv(act(conv(x)))), a norm after each convolution."""

    def __init__(self, width: int, shape: OriginShape) -> None:
        super().__init__()
        self.leak = shape.leak
        init = shape.initialise(shape.leak)
        self.first = initialised(nn.Conv2d(width, width, 3, 1, 1), init)
        self.second = initialised(nn.Conv2d(width, width, 3, 1, 1), init)
        self.norms = nn.ModuleList([norm_layer(shape.norm, width) for _ in range(2)])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inner = self.norms[0](F.leaky_relu(self.first(x_BCHW), self.leak))
        return self.norms[1](F.leaky_relu(x_BCHW + self.second(inner), self.leak))


class OriginEncoder(nn.Module):
    """Images (B, 3, S, S) -> maps (B, 512, 2 P, 2 P), P the smallest size; `code` is on the way."""

    def __init__(self, shape: OriginShape) -> None:
        super().__init__()
        shape.check()
        widths = shape.widths
        layers: list[nn.Module] = [
            initialised(nn.Conv2d(3, widths[0], 5, 1, 2), shape.initialise())
        ]
        map_px = shape.size_px
        for index in range(shape.halvings):
            inputs, outputs = widths[min(index, 4)], widths[min(index + 1, 4)]
            map_px //= 2
            layers.append(_Down(inputs, outputs, shape))
            if index in (1, 2):
                layers += shape.attention(outputs, map_px)
        self.layers = nn.Sequential(*layers)
        ends = (widths[-1], shape.smallest_px, shape.code, shape.initialise())
        self.to_code = ToCode(shape.bottleneck, *ends)
        self.from_code = FromCode(shape.bottleneck, *ends)
        self.up = _Up(widths[-1], widths[3], shape)

    def code(self, x_BCHW: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b ..."]:
        return self.to_code(self.layers(x_BCHW))

    def forward(self, x_BCHW: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        return self.up(self.from_code(self.code(x_BCHW)))


class OriginDecoder(nn.Module):
    """Maps (B, 512, 2 P, 2 P) -> `Painting`; one a person."""

    def __init__(self, shape: OriginShape) -> None:
        super().__init__()
        shape.check()
        widths = shape.widths
        steps: list[nn.Module] = []
        map_px = 2 * shape.smallest_px
        for inputs, outputs in ((widths[3], widths[2]), (widths[2], widths[1])):
            steps += self._enlarged(inputs, outputs, shape)
            map_px *= 2
        steps += shape.attention(widths[1], map_px)
        steps += self._enlarged(widths[1], widths[0], shape)
        steps += [_Residual(widths[0], shape) for _ in range(shape.residuals)]
        steps += shape.attention(widths[0], 2 * map_px)
        self.base = nn.Sequential(*steps)
        larger = len(shape.output_sizes_px) - 1
        self.small_heads = nn.ModuleList([_head(widths[0], 3, shape) for _ in range(larger)])
        self.larger = nn.ModuleList(
            [
                nn.Sequential(
                    *self._enlarged(widths[0], widths[0], shape),
                    initialised(
                        nn.Conv2d(widths[0], widths[0], 3, 1, 1), shape.initialise(shape.leak)
                    ),
                    nn.LeakyReLU(shape.leak),
                )
                for _ in range(larger)
            ]
        )
        self.colour = _head(widths[0], 3, shape)
        self.alpha = _head(widths[0], 1, shape) if shape.mask else None

    @staticmethod
    def _enlarged(inputs: int, outputs: int, shape: OriginShape) -> list[nn.Module]:
        blocks = [_Residual(outputs, shape)] if shape.residual_up else []
        return [_Up(inputs, outputs, shape), *blocks]

    def forward(self, maps_BCHW: Float[Tensor, "b c p p"]) -> Painting:
        x_BCHW = self.base(maps_BCHW)
        smaller = []
        for head, enlarge in zip(self.small_heads, self.larger, strict=True):
            smaller.append(torch.tanh(head(x_BCHW).float()))
            x_BCHW = enlarge(x_BCHW)
        logit = None if self.alpha is None else self.alpha(x_BCHW).float()
        return Painting(torch.tanh(self.colour(x_BCHW).float()), logit, smaller)


def _head(inputs: int, outputs: int, shape: OriginShape) -> nn.Module:
    return initialised(nn.Conv2d(inputs, outputs, 5, 1, 2), shape.initialise(1.0))


class OriginDiscriminator(nn.Module):
    """Judged picture beside the input it was made from (B, 6, S, S) -> one score a patch.

    4x4 halvings to 64, 128, 256 channels, self-attention, above 64 px on to 8 px, a 4x4 head.
    `spectral` bounds the gain of the convolutions outside attention (`blocks.bounded`).
    """

    def __init__(self, shape: OriginShape, width: int = 64, spectral: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, map_px, step = 6, shape.size_px, 0
        while step < 3 or map_px >= 16:
            outputs = width * 2 ** min(step, 2)
            conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
            layers += [_bounded(conv, shape, spectral), nn.LeakyReLU(shape.leak)]
            if step:
                layers.append(norm_layer(shape.norm, outputs))
            inputs, map_px, step = outputs, map_px // 2, step + 1
            if step == 3:
                layers += shape.attention(outputs, map_px)
        self.layers = nn.Sequential(*layers)
        self.head = _bounded(nn.Conv2d(inputs, 1, 4, 1, 1), shape, spectral)

    def forward(self, x_BCHW: Float[Tensor, "b 6 s s"]) -> Float[Tensor, "b 1 p p"]:
        return self.head(self.layers(x_BCHW))


def _bounded(conv: nn.Conv2d, shape: OriginShape, spectral: bool) -> nn.Module:
    initialised(conv, shape.initialise(shape.leak))
    return bounded(conv, spectral)
