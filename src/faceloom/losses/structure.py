"""Structural similarity (Wang et al. 2004), at one scale and at several.

Windows are uniform. Planes are in [-1, 1], so the dynamic range is 2.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from faceloom.losses.shapes import Image, Plane, Scalar, at_least_single

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Fine to coarse, as fitted to viewers by Wang, Simoncelli & Bovik 2003."""

_C1, _C2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2


@cache
def _window_means(size_px: int, window_px: int, stride_px: int) -> Tensor:
    """(size / stride, size): each row averages one window, clipped at the border."""
    centre = torch.arange(0, size_px, stride_px).unsqueeze(1) + (stride_px - 1) / 2
    inside = ((torch.arange(size_px) - centre).abs() <= window_px / 2).float()
    return inside / inside.sum(dim=1, keepdim=True)


def luminance(image: Image) -> Plane:
    """Rec. 709 weights on the coded values."""
    wide = at_least_single(image)
    weights = torch.tensor([0.2126, 0.7152, 0.0722], device=image.device, dtype=wide.dtype)
    return (wide * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _window_moments(plane: Plane, target: Plane, window_px: int, stride_px: int) -> list[Tensor]:
    """Window means: the product of both means, the sum of their squares, the mean of the sum of
    squares, the mean of the product.

    In float32 at least; two matrix products, several times faster on a CPU than pooling.
    """
    x, y = at_least_single(plane), at_least_single(target)
    rows, columns = (
        _window_means(size, window_px, stride_px).T.contiguous().to(x) for size in x.shape[-2:]
    )
    stacked = torch.cat([x, y, x * x + y * y, x * y], dim=1)
    with torch.autocast(x.device.type, enabled=False):
        # Upright copies in between, so that both are one product over the whole batch.
        means_CHW = (stacked @ columns).transpose(-1, -2).contiguous() @ rows
    mean_x, mean_y, square, product = means_CHW.transpose(-1, -2).chunk(4, dim=1)
    return [mean_x * mean_y, mean_x**2 + mean_y**2, square, product]


def ssim_map(
    plane: Plane, target: Plane, window_px: int = 7, stride_px: int = 1
) -> Float[Tensor, "b 1 hs ws"]:
    """Structural similarity a place, -1 to 1 (Wang et al. 2004); a place every `stride_px`."""
    mean_xy, mean_squares, square, product = _window_moments(plane, target, window_px, stride_px)
    above = (2 * mean_xy + _C1) * (2 * (product - mean_xy) + _C2)
    below = (mean_squares + _C1) * (square - mean_squares + _C2)
    return above / below


def _contrast_structure(plane: Plane, target: Plane, window_px: int) -> Plane:
    """SSIM without its comparison of the means."""
    mean_xy, mean_squares, square, product = _window_moments(plane, target, window_px, 1)
    return (2 * (product - mean_xy) + _C2) / (square - mean_squares + _C2)


def weighted_dssim(
    image: Image, target: Image, weight: Plane, window_px: int = 7, stride_px: int = 2
) -> Scalar:
    """sum(w (1 - SSIM) / 2) / sum(w) of the luminance, 0 to 1, `w` at the windows' places."""
    similar = ssim_map(luminance(image), luminance(target), window_px, stride_px)
    dissimilar = (1 - similar) / 2
    there = F.avg_pool2d(weight, stride_px) if stride_px > 1 else weight
    return (dissimilar * there).sum() / there.sum()


def multiscale_dssim(
    image: Image,
    target: Image,
    window_px: int = 7,
    scale_weights: tuple[float, ...] = SCALE_WEIGHTS,
) -> Scalar:
    """1 - prod_j S_j^(w_j) of the luminance, 0 to 1, halving from scale to scale (Wang, Simoncelli
    & Bovik 2003).

    S_j is the mean contrast-structure term, at the coarsest scale the mean SSIM; the weights are
    scaled to sum 1. The smallest scale must hold a window: raises ValueError if it does not.
    Negative means count as 0, since their powers are not real.
    """
    if min(image.shape[-2:]) < window_px * 2 ** (len(scale_weights) - 1):
        raise ValueError(f"{tuple(image.shape[-2:])} is too small for {len(scale_weights)} scales")
    x, y = luminance(image), luminance(target)
    similar = torch.ones((), device=image.device, dtype=x.dtype)
    for scale, weight in enumerate(scale_weights):
        if scale:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        coarsest = scale == len(scale_weights) - 1
        mean = (ssim_map if coarsest else _contrast_structure)(x, y, window_px).mean()
        similar = similar * mean.clamp_min(1e-6) ** (weight / sum(scale_weights))
    return 1 - similar
