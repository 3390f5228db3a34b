"""Coarse maps, enlarged."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def enlarged(maps_HW: Tensor, size_px: int | tuple[int, int], coverage: float = 1.0) -> Tensor:
    """Maps (..., nodes down, nodes across) of such a coverage, over the tight frame (..., height,
    width), linear in between and level at the border: as products with few numbers, a fraction of
    what interpolation takes."""
    sides_px = (size_px, size_px) if isinstance(size_px, int) else size_px
    down_SN, across_SN = (
        _linear(nodes, side_px, coverage).to(maps_HW)
        for nodes, side_px in zip(maps_HW.shape[-2:], sides_px, strict=True)
    )
    return down_SN @ (maps_HW @ across_SN.T)


@cache
def _linear(nodes: int, size_px: int, coverage: float) -> Tensor:
    """How much each node counts at each pixel of the tight frame (size, nodes)."""
    # Kept for all: not on whatever device happens to be the usual one.
    place_S = ((torch.arange(size_px, device="cpu") + 0.5) * (2 / size_px) - 1) / coverage
    at_S1 = ((place_S + 1) * (nodes / 2) - 0.5).clamp(0, nodes - 1).unsqueeze(1)
    return (1 - (at_S1 - torch.arange(nodes, device="cpu")).abs()).clamp_min(0)
