"""The shared encoder and the per-person decoders of the masked pair model.

Shapes: images (B, 3, S, S) in [-1, 1] with S a multiple of `stem * 2**(len(widths) - 1)`; code
(B, D); a decoder gives colour (B, 3, S, S) in [-1, 1] and alpha logits (B, 1, S, S).

The stem folds `stem` x `stem` pixels into channels (space to depth), so that no convolution runs at
full resolution; the decoder's head unfolds them again. The bottleneck is dense, as the origin found
that a fully connected code is what makes the two persons share meaning rather than texture.

With skip connections (Ronneberger et al. 2015, "U-Net", arXiv:1505.04597) a decoder also gets the
maps of what the encoder saw: a code is too small to say where each thing lies. Only for swaps that
have been learned from their exact answers: to restore a face they would but copy it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.nets.blocks import (
    LEAK,
    Down,
    Residual,
    Style,
    SubpixelUp,
    activate,
    conv3,
    even,
    fold,
    up_together,
)
from faceloom.nets.reference import ReferencePath


@dataclass(frozen=True)
class GeneratorShape:
    """What fixes the networks' shapes. `widths` run from the stem's resolution to the smallest."""

    size_px: int
    stem: int
    widths: tuple[int, ...]
    code: int
    decoder_widths: tuple[int, ...]
    """From the smallest resolution up; as many as `widths`, or more where the decoder enlarges
    beyond the stem's resolution before its head."""
    residuals: tuple[int, ...]
    """Residual blocks of the decoder after each enlargement; one fewer than `decoder_widths`."""

    @property
    def smallest_px(self) -> int:
        return self.size_px // self.stem // 2 ** (len(self.widths) - 1)

    @property
    def head(self) -> int:
        """The factor by which the decoder's head enlarges."""
        return self.stem // int(2 ** (len(self.decoder_widths) - len(self.widths)))

    @property
    def skip_widths(self) -> tuple[tuple[int, int], ...]:
        """Channels of each skip connection's map, and of the decoder's map that it joins, from the
        largest map to the smallest: the pixels', if a decoder's map is larger than the stem's, and
        the encoder's but the smallest."""
        above = self.decoder_widths[::-1]
        pixels = [above[0]] * (len(above) - len(self.widths))
        return tuple(zip([*pixels, *self.widths[:-1]], above, strict=False))

    def check(self) -> None:
        """Raises ValueError for a shape that cannot be built."""
        if self.size_px % (self.stem * 2 ** (len(self.widths) - 1)):
            raise ValueError(
                f"size_px {self.size_px} is no multiple of {self.size_px // self.smallest_px}"
            )
        if len(self.decoder_widths) < len(self.widths) or self.head < 1:
            raise ValueError("decoder_widths must lead from the smallest map to the stem or beyond")
        if len(self.residuals) != len(self.decoder_widths) - 1:
            raise ValueError("residuals must be one fewer than decoder_widths")


class Encoded(NamedTuple):
    """What an encoder makes of faces."""

    code_BD: Tensor
    skips: tuple[Tensor, ...] = ()
    """Maps for `GeneratorShape.skip_widths`; empty where there are none."""

    @property
    def alone(self) -> Encoded:
        """The code without the maps: all that a face is restored from."""
        return Encoded(self.code_BD)

    def skips_of(self, faces_B: Tensor) -> tuple[Tensor, ...]:
        """The maps of these faces, as bool; those of the others are 0."""
        return tuple(maps * faces_B.view(-1, 1, 1, 1) for maps in self.skips)

    def part(self, faces: slice) -> Encoded:
        """Some of the faces."""
        return Encoded(self.code_BD[faces], tuple(even(maps)[faces] for maps in self.skips))


class Encoder(nn.Module):
    """(B, 3, S, S) -> code (B, D); `inputs` channels instead of 3 where more is given than
    colour; `skipped` for maps beside the code."""

    def __init__(self, shape: GeneratorShape, inputs: int = 3, skipped: bool = False) -> None:
        super().__init__()
        shape.check()
        self.stem = shape.stem
        self.enter = conv3(inputs * shape.stem**2, shape.widths[0])
        layers: list[nn.Module] = [Residual(shape.widths[0])]
        for inputs, outputs in zip(shape.widths, shape.widths[1:], strict=False):
            layers += [Down(inputs, outputs), Residual(outputs)]
        self.layers = nn.Sequential(*layers)
        self.code = nn.Linear(shape.widths[-1] * shape.smallest_px**2, shape.code)
        self.head = shape.head
        self.pixels: nn.Conv2d | None = None
        if skipped and self.head < self.stem:
            self.pixels = conv3(3 * self.head**2, shape.decoder_widths[-1])

    def forward(self, x_BCHW: Float[Tensor, "b c s s"]) -> Float[Tensor, "b d"]:
        maps = self.layers(activate(self.enter(fold(x_BCHW, self.stem))))
        return self.code(even(maps).flatten(1))

    def read(self, x_BCHW: Float[Tensor, "b 3 s s"]) -> Encoded:
        """The code and the maps of skip connections."""
        maps = activate(self.enter(fold(x_BCHW, self.stem)))
        skips = []
        if self.pixels is not None:
            skips.append(activate(self.pixels(fold(x_BCHW, self.head))))
        for layer in self.layers:
            maps = layer(maps)
            if isinstance(layer, Residual):
                skips.append(maps)
        return Encoded(self.code(even(maps).flatten(1)), tuple(skips[:-1]))


@dataclass(frozen=True)
class Told:
    """What a decoder is told of each face's person. For one person always, both are but other
    weights: a bias, and convolutions scaled and moved (`blocks.styled_weights`)."""

    first_BE: Tensor
    """Added to what the code becomes first."""
    styles: tuple[Style, ...]
    """One for each of `Decoder.styled`."""


class Decoder(nn.Module):
    """Code (B, D) -> colour (B, 3, S, S) in [-1, 1] and alpha logits (B, 1, S, S); with a picture
    of the person beside the code if `referenced`, with what the encoder saw if `skipped`."""

    def __init__(
        self, shape: GeneratorShape, referenced: bool = False, skipped: bool = False
    ) -> None:
        super().__init__()
        shape.check()
        self.size_px = shape.size_px
        self.smallest_px = shape.smallest_px
        widths = shape.decoder_widths
        self.enter = nn.Linear(shape.code, widths[0] * self.smallest_px**2)
        layers: list[nn.Module] = []
        for inputs, outputs, blocks in zip(widths, widths[1:], shape.residuals, strict=False):
            layers += [SubpixelUp(inputs, outputs), nn.LeakyReLU(LEAK)]
            layers += [Residual(outputs) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.head = SubpixelUp(widths[-1], 4, shape.head, gain=0.1)
        self.reference = ReferencePath(widths[-2], widths[-1], shape.head) if referenced else None
        joined = shape.skip_widths if skipped else ()
        self.skips = nn.ModuleList(nn.Conv2d(*ends, 1, bias=False) for ends in joined)
        for skip in self.skips:  # As drawn, they add nothing.
            nn.init.zeros_(cast("nn.Conv2d", skip).weight)

    def styled(self) -> dict[str, nn.Conv2d]:
        """The convolutions that styles act on, in order, by name: all but the head and those that
        end a residual."""
        blocks = [m for m in self.layers.modules() if isinstance(m, SubpixelUp | Residual)]
        names = {module: name for name, module in self.named_modules()}
        return {names[block.styled_conv]: block.styled_conv for block in blocks}

    def forward(
        self,
        code_BD: Float[Tensor, "b d"],
        told: Told | None = None,
        reference_BCHW: Float[Tensor, "b 3 s s"] | None = None,
        skips: Sequence[Tensor] = (),
    ) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b 1 s s"]]:
        joining = [join(maps) for join, maps in zip(self.skips, skips, strict=bool(skips))]
        if self.reference is None:
            return _colour(self.head(F.leaky_relu(self._maps(code_BD, told, joining), LEAK)))
        if reference_BCHW is None:
            reference_BCHW = code_BD.new_zeros(len(code_BD), 3, self.size_px, self.size_px)
        shown = self.reference.read(reference_BCHW)
        maps = self._maps(code_BD, told, [shown.coarse, *joining]) + shown.fine
        maps = self.reference.mix(maps)
        made, gate_logit = up_together(F.leaky_relu(maps, LEAK), self.head, self.reference.gate)
        rgb_BCHW, logit_B1HW = _colour(made)
        return self.reference.detailed(rgb_BCHW, gate_logit, reference_BCHW), logit_B1HW

    def _maps(self, code_BD: Tensor, told: Told | None, joining: Sequence[Tensor]) -> Tensor:
        """The last maps before the head; each of `joining` is added to those of its size."""
        flat = self.enter(code_BD)
        flat = F.leaky_relu(flat if told is None else flat + told.first_BE, LEAK)
        maps = flat.unflatten(1, (-1, self.smallest_px, self.smallest_px))
        maps = maps.contiguous(memory_format=torch.channels_last)
        styles = iter(() if told is None else told.styles)
        for layer in self.layers:
            if isinstance(layer, nn.LeakyReLU):
                maps = layer(maps)
                for added in joining:
                    if added.shape == maps.shape:
                        maps = maps + added
            else:
                maps = layer(maps, next(styles, None))
        return maps


def _colour(made_B4HW: Tensor) -> tuple[Tensor, Tensor]:
    """Colour in [-1, 1] and alpha logits."""
    rgb_BCHW, logit_B1HW = made_B4HW.float().split([3, 1], dim=1)
    return torch.tanh(rgb_BCHW.contiguous()), logit_B1HW


class LandmarkHead(nn.Module):
    """Code (B, D) -> logits of drawn landmarks (B, 1, S, S): a thin decoder."""

    def __init__(self, shape: GeneratorShape, width: int = 64) -> None:
        super().__init__()
        shape.check()
        self.smallest_px = shape.smallest_px
        stages = len(shape.decoder_widths) - 1
        widths = [max(16, width >> stage) for stage in range(stages + 1)]
        self.enter = nn.Linear(shape.code, width * self.smallest_px**2)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [SubpixelUp(inputs, outputs), nn.LeakyReLU(LEAK)]
        self.layers = nn.Sequential(*layers)
        self.head = SubpixelUp(widths[-1], 1, shape.head, gain=0.1)

    def forward(self, code_BD: Float[Tensor, "b d"]) -> Float[Tensor, "b 1 s s"]:
        flat = F.leaky_relu(self.enter(code_BD), LEAK)
        maps = flat.unflatten(1, (-1, self.smallest_px, self.smallest_px))
        maps = self.layers(maps.contiguous(memory_format=torch.channels_last))
        return self.head(maps).float().contiguous()


def parameter_count(modules: Sequence[nn.Module]) -> int:
    """Weights of all modules together."""
    return sum(p.numel() for module in modules for p in module.parameters())
