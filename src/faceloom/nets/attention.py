"""Self-attention over the places of a map (SAGAN, Zhang et al. 2018, arXiv:1805.08318).

Its cost goes with the fourth power of the map's side, so networks use it at low resolution only.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_NARROWING = 8
"""Queries and keys have a share of the channels."""


class SelfAttention(nn.Module):
    """x + scale * sum_j softmax_j(q_i . k_j) v_j; `scale` is learned and starts at 0, so that a
    fresh block changes nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // _NARROWING)
        self.query = nn.Conv2d(width, narrow, 1)
        self.key = nn.Conv2d(width, narrow, 1)
        self.value = nn.Conv2d(width, width, 1)
        for conv in (self.query, self.key, self.value):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, x_BCHW: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        query, key, value = (
            conv(x_BCHW).flatten(2).transpose(1, 2).unsqueeze(1)
            for conv in (self.query, self.key, self.value)
        )
        # Of equal width, zeros appended, the three go through the fused kernel: at 64 px three
        # times faster on a CPU, and without the places x places matrix in memory.
        wider = (0, value.shape[-1] - query.shape[-1])
        query, key = F.pad(query, wider), F.pad(key, wider)
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0).squeeze(1)
        attended_BCHW = attended.transpose(1, 2).unflatten(2, x_BCHW.shape[-2:])
        return x_BCHW + (self.scale * attended_BCHW).to(x_BCHW.dtype)
