"""Building blocks of the generators and discriminators.

Shapes: B batch, C channels, H height, W width. All convolutions are dense and 3x3 where it counts,
which is what CPUs run fastest in bfloat16; there is no normalisation layer, since batch and
instance statistics carry the skin colour of one side into the other (the origin's first
experiment).
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

LEAK = 0.1


def conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution, He-initialised for a leaky rectifier (He et al. 2015)."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
    nn.init.kaiming_normal_(conv.weight, a=LEAK)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def bounded(conv: nn.Conv2d, spectral: bool) -> nn.Module:
    """The convolution, its gain held at 1 if `spectral` (Miyato et al. 2018, arXiv:1802.05957)."""
    return spectral_norm(conv) if spectral else conv


def activate(x_BCHW: Tensor) -> Tensor:
    """The leaky rectifier, in place."""
    return F.leaky_relu(x_BCHW, LEAK, inplace=True)


class Style(NamedTuple):
    """What a convolution's output channels are scaled by, less 1, and moved by, for each face."""

    gain_BC: Tensor
    shift_BC: Tensor


def styled(x_BCHW: Tensor, style: Style | None) -> Tensor:
    """(1 + gain) * x + shift (FiLM: Perez et al. 2018, arXiv:1709.07871)."""
    if style is None:
        return x_BCHW
    gain, shift = (part.to(x_BCHW.dtype)[..., None, None] for part in style)
    return torch.addcmul(x_BCHW + shift, x_BCHW, gain)


def styled_weights(conv: nn.Conv2d, gain_C: Tensor, shift_C: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that gives what `styled` makes of this one's output."""
    assert conv.bias is not None
    factor = 1 + gain_C
    return conv.weight * factor[:, None, None, None], conv.bias * factor + shift_C


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))), the second convolution starting at zero, so that depth is free
    at the start (Goyal et al. 2017; Zhang et al. 2019, "Fixup")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv3(width, width)
        self.second = conv3(width, width)
        nn.init.zeros_(self.second.weight)

    @property
    def styled_conv(self) -> nn.Conv2d:
        return self.first

    def forward(self, x_BCHW: Tensor, style: Style | None = None) -> Tensor:
        inner_BCHW = activate(styled(self.first(F.leaky_relu(x_BCHW, LEAK)), style))
        return x_BCHW + self.second(inner_BCHW)


class Down(nn.Module):
    """Halve the size by a strided 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv3(inputs, outputs, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return activate(self.conv(x_BCHW))


def in_full(device: torch.device) -> AbstractContextManager[object]:
    """Within the block products are in the precision of what is given."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def fold(x_BCHW: Tensor, factor: int) -> Tensor:
    """Space to depth: (B, C, H, W) -> (B, factor^2 C, H / factor, W / factor), channels last.

    In autocast's precision, with the colours of a pixel side by side: three times faster than
    `pixel_unshuffle`, which leaves the layout and the type to later passes.
    """
    kind = x_BCHW.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        x_BCHW = x_BCHW.to(torch.get_autocast_dtype(kind))
    x_BHWC = x_BCHW.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    count, height, width, channels = x_BHWC.shape
    rows = x_BHWC.reshape(count, height // factor, factor, width // factor, factor * channels)
    return _exchanged(rows).flatten(3).permute(0, 3, 1, 2)


def unfold(x_BCHW: Tensor, factor: int) -> Tensor:
    """Depth to space, undoing `fold`: (B, factor^2 C, H, W) -> (B, C, factor H, factor W)."""
    x_BHWC = x_BCHW.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    rows = _exchanged(x_BHWC.unflatten(3, (factor, -1)))
    return rows.flatten(1, 2).unflatten(3, (factor, -1)).flatten(2, 3).permute(0, 3, 1, 2)


def even(x_BCHW: Tensor) -> Tensor:
    """The maps themselves; the gradient that comes back to them has channels last, as they have.

    Autograd gives slices and what was flattened one with channels first, and a rectifier's gradient
    of mixed layouts takes 35 times as long. What it gives must not be changed in place.
    """
    return cast("Tensor", _Even.apply(x_BCHW))


def _exchanged(x_BHPQK: Tensor) -> Tensor:
    """The third and the fourth dimension exchanged, in memory, too."""
    return cast("Tensor", _Exchanged.apply(x_BHPQK))


class _Even(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x_BCHW: Tensor) -> Tensor:
        return x_BCHW.view_as(x_BCHW)

    @staticmethod
    def backward(_: Any, grad_BCHW: Tensor) -> Tensor:
        return grad_BCHW.contiguous(memory_format=torch.channels_last)


class _Exchanged(torch.autograd.Function):
    """Copies of whole pieces, as wide as a number may be: up to eight times faster than as many
    single numbers side by side."""

    @staticmethod
    def forward(_: Any, x_BHPQK: Tensor) -> Tensor:
        return _exchange(x_BHPQK)

    @staticmethod
    def backward(_: Any, grad_BHPQK: Tensor) -> Tensor:
        return _exchanged(grad_BHPQK)  # Penalties take the gradient of a gradient.


_WIDE = (torch.complex128, torch.int64, torch.int32)


def _exchange(x_BHPQK: Tensor) -> Tensor:
    packed, wide, size = x_BHPQK.contiguous(), x_BHPQK.dtype, x_BHPQK.element_size()
    if packed.device.type == "cpu":
        whole_bytes = math.gcd(packed.shape[-1] * size, packed.storage_offset() * size)
        wide = next((kind for kind in _WIDE if whole_bytes % kind.itemsize == 0), wide)
    return packed.view(wide).transpose(2, 3).contiguous().view(x_BHPQK.dtype)


class SubpixelUp(nn.Module):
    """Enlarge by a convolution and `unfold` (Shi et al. 2016, arXiv:1609.05158), initialised as
    nearest-neighbour (ICNR: Aitken et al. 2017, arXiv:1707.02937), so that no checkerboard stands
    in it from the start."""

    def __init__(self, inputs: int, outputs: int, factor: int = 2, gain: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.conv = conv3(inputs, outputs * factor**2)
        with torch.no_grad():
            one_each = self.conv.weight[:outputs] * gain
            self.conv.weight.copy_(one_each.repeat(factor**2, 1, 1, 1))

    @property
    def styled_conv(self) -> nn.Conv2d:
        return self.conv

    def forward(self, x_BCHW: Tensor, style: Style | None = None) -> Tensor:
        return unfold(styled(self.conv(x_BCHW), style), self.factor)


def up_together(x_BCHW: Tensor, *ups: SubpixelUp) -> list[Tensor]:
    """What each makes of the same maps, by one convolution: few output channels are dear."""
    convs = [up.conv for up in ups]
    weight = torch.cat([conv.weight for conv in convs])
    bias = torch.cat([cast("Tensor", conv.bias) for conv in convs])
    made = F.conv2d(x_BCHW, weight, bias, padding=1).split([c.out_channels for c in convs], dim=1)
    return [unfold(part, up.factor) for part, up in zip(made, ups, strict=True)]


def seeded_init(seed: int) -> None:
    """Seed the default generator from which layers draw their first weights."""
    torch.manual_seed(seed)
