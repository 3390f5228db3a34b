"""Networks that judge codes: whether they come from the prior, or which side they come from."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

CODE_WIDTHS = (256, 128, 32)
"""The origin's code discriminator (v2.1)."""


class CodeDiscriminator(nn.Module):
    """Code (B, ...) of `code` values -> one logit (B, 1)."""

    def __init__(self, code: int, widths: tuple[int, ...] = CODE_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in zip((code, *widths), widths, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear((code, *widths)[-1], 1))

    def forward(self, code: Float[Tensor, "b ..."]) -> Float[Tensor, "b 1"]:
        return self.layers(code)
