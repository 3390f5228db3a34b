"""The narrow middle between an encoder's smallest maps and a code, and the way back.

`dense`: the code is a vector that every place enters. `strided`: convolutions halve the maps to one
place; the code is a vector, too. `spatial`: the code keeps the maps' size with fewer channels and
knows where things are (the note's open question is whether it then holds meaning at all).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

BottleneckKind = Literal["dense", "strided", "spatial"]
Init = Callable[[Tensor], Tensor]

Maps = Float[Tensor, "b c h w"]
Code = Float[Tensor, "b ..."]


def initialised(layer: nn.Conv2d | nn.Linear, init: Init) -> nn.Conv2d | nn.Linear:
    """The layer with weights from `init` and, where it has one, a bias of zero."""
    init(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ToCode(nn.Module):
    """Maps (B, width, P, P) -> code (B, D), or (B, D, P, P) if spatial."""

    def __init__(
        self, kind: BottleneckKind, width: int, map_px: int, code: int, init: Init
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if kind == "dense":
            layers = [nn.Flatten(), initialised(nn.Linear(width * map_px**2, code), init)]
        elif kind == "strided":
            while map_px > 3:
                layers += [initialised(nn.Conv2d(width, width, 3, 2, 1), init), nn.LeakyReLU(0.2)]
                map_px = (map_px + 1) // 2
            layers += [initialised(nn.Conv2d(width, code, map_px), init), nn.Flatten()]
        else:
            layers = [initialised(nn.Conv2d(width, code, 1), init)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x_BCHW: Maps) -> Code:
        return self.layers(x_BCHW)


class FromCode(nn.Module):
    """Code -> maps (B, width, P, P), the way back of `ToCode`."""

    def __init__(
        self, kind: BottleneckKind, width: int, map_px: int, code: int, init: Init
    ) -> None:
        super().__init__()
        self.kind = kind
        self.map_px = map_px
        if kind == "dense":
            self.layer = initialised(nn.Linear(code, width * map_px**2), init)
        elif kind == "strided":
            self.layer = initialised(nn.Conv2d(code, width * map_px**2, 1), init)
        else:
            self.layer = initialised(nn.Conv2d(code, width, 1), init)

    def forward(self, code: Code) -> Maps:
        if self.kind == "dense":
            return self.layer(code).unflatten(1, (-1, self.map_px, self.map_px))
        if self.kind == "strided":
            return F.pixel_shuffle(self.layer(code[:, :, None, None]), self.map_px)
        return self.layer(code)
