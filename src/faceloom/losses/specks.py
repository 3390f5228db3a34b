"""Coloured specks: small round places of another colour than all around them."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.losses.shapes import Image, Pictures, Plane, Scalar, at_least_single
from faceloom.losses.structure import luminance

_SIGMA = 0.015
"""The deviation of a speck as a Gaussian, over the frame's width: an iris has about this."""
_NEAR = 0.04
"""What is within this of a place, over the frame's width, says what is usual there."""


def speckiness(image: Image, sigma: float = _SIGMA) -> Plane:
    """How much each place is the middle of a speck, 0 up: the smaller of the two curvatures of red
    and of blue less the brightness, where both have one sign, summed over the two colours; of
    deviation `sigma` times the width, normalised by it (blobs by the Hessian, Lindeberg 1998,
    "Feature detection with automatic scale selection"). Edges and lines have a curvature of 0.
    """
    with torch.autocast(image.device.type, enabled=False):
        wide = at_least_single(image)
        chroma = wide[:, ::2] - luminance(wide)
        height, width = image.shape[-2:]
        down, across = (
            [rows.to(wide) for rows in _derivative_rows(size, sigma * width)]
            for size in (height, width)
        )
        plain, slope, curve = (chroma @ rows.T for rows in across)
        curve_x, curve_y, twist = down[0] @ curve, down[2] @ plain, down[1] @ slope
        apart = (((curve_x - curve_y) / 2).square() + twist.square() + 1e-8).sqrt()
        return (((curve_x + curve_y) / 2).abs() - apart).relu().sum(dim=1, keepdim=True)


def specks(image: Image, known: Pictures, mask: Plane, margin: float = 0.02) -> Scalar:
    """The mean, within the mask, of how far places of the image are more of a speck than any of the
    known pictures near there, and than a margin more; 0 up. Images of one size, known ones as many
    as there are; they get no gradient."""
    with torch.no_grad():
        most = speckiness(known).amax(dim=0, keepdim=True)
        reach = round(_NEAR * image.shape[-1])
        most = F.max_pool2d(most, 2 * reach + 1, stride=1, padding=reach)
    beyond = (speckiness(image) - most - margin).relu()
    return (beyond * mask).sum() / mask.sum().clamp_min(1e-6)


@cache
def _derivative_rows(size_px: int, sigma_px: float) -> tuple[Tensor, Tensor, Tensor]:
    """(size, size) each: a row of pixels blurred, its first and its second derivative, times the
    deviation and its square."""
    places = torch.arange(size_px, dtype=torch.float64)
    off = (places.unsqueeze(1) - places) / sigma_px
    blur = torch.exp(-0.5 * off**2)
    blur = blur / blur.sum(dim=1, keepdim=True)
    curve = blur * (off**2 - 1)
    # At the frame's edge, too, an even colour has none.
    return blur, -blur * off, curve - curve.mean(dim=1, keepdim=True)
