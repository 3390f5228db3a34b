"""Losses: tensors in, scalar out; no state, no settings of their own.

Shapes: images (B, 3, H, W) in [-1, 1]; weights and masks (B, 1, H, W), weights >= 0, masks in
[0, 1]; embeddings (B, D), unit length. All are means, so that no size or batch enters the value.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Image = Float[Tensor, "b 3 h w"]
Plane = Float[Tensor, "b 1 h w"]
Vectors = Float[Tensor, "b d"]
Scalar = Float[Tensor, ""]


def weighted_l1(image: Image, target: Image, weight: Plane) -> Scalar:
    """sum(w |x - y|) / sum(w), over pixels and channels."""
    return ((image - target).abs().mean(dim=1, keepdim=True) * weight).sum() / weight.sum()


def weighted_edge(image: Image, target: Image, weight: Plane) -> Scalar:
    """Weighted L1 of the first differences to the right and downwards (the origin's edge loss)."""
    difference = image - target
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean(dim=1, keepdim=True)
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean(dim=1, keepdim=True)
    total = (across * weight[..., 1:]).sum() + (down * weight[..., 1:, :]).sum()
    return total / (2 * weight.sum())


@cache
def _window_means(size_px: int, window_px: int, stride_px: int) -> Tensor:
    """(size / stride, size): each row averages one window, clipped at the border."""
    centre = torch.arange(0, size_px, stride_px).unsqueeze(1) + (stride_px - 1) / 2
    inside = ((torch.arange(size_px) - centre).abs() <= window_px / 2).float()
    return inside / inside.sum(dim=1, keepdim=True)


def luminance(image: Image) -> Plane:
    """Rec. 709 weights on the coded values."""
    weights = torch.tensor([0.2126, 0.7152, 0.0722], device=image.device)
    return (image.float() * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def ssim_map(
    plane: Plane, target: Plane, window_px: int = 7, stride_px: int = 1
) -> Float[Tensor, "b 1 hs ws"]:
    """Structural similarity a place, -1 to 1 (Wang et al. 2004), uniform window.

    Computed in float32 on planes in [-1, 1] (dynamic range 2); one place every `stride_px` pixels.
    The window means are two matrix products, several times faster on a CPU than pooling.
    """
    x, y = plane.float(), target.float()
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    rows, columns = (
        _window_means(size, window_px, stride_px).T.contiguous().to(x.device)
        for size in x.shape[-2:]
    )
    stacked = torch.cat([x, y, x * x + y * y, x * y], dim=1)
    with torch.autocast(x.device.type, enabled=False):
        # Upright copies in between, so that both are one product over the whole batch.
        means_CHW = (stacked @ columns).transpose(-1, -2).contiguous() @ rows
    mean_x, mean_y, square, product = means_CHW.transpose(-1, -2).chunk(4, dim=1)
    mean_xy = mean_x * mean_y
    mean_squares = mean_x**2 + mean_y**2
    above = (2 * mean_xy + c1) * (2 * (product - mean_xy) + c2)
    below = (mean_squares + c1) * (square - mean_squares + c2)
    return above / below


def weighted_dssim(
    image: Image, target: Image, weight: Plane, window_px: int = 7, stride_px: int = 2
) -> Scalar:
    """sum(w (1 - SSIM) / 2) / sum(w) of the luminance, 0 to 1, `w` at the windows' places."""
    similar = ssim_map(luminance(image), luminance(target), window_px, stride_px)
    dissimilar = (1 - similar) / 2
    there = F.avg_pool2d(weight, stride_px) if stride_px > 1 else weight
    return (dissimilar * there).sum() / there.sum()


@cache
def _gaussian_rows(size_px: int, sigma_px: float, stride_px: int) -> Tensor:
    """(size / stride, size): each row is a Gaussian about its own place, of sum 1 in the open."""
    centre = torch.arange(0, size_px, stride_px).unsqueeze(1) + (stride_px - 1) / 2
    rows = torch.exp(-0.5 * ((torch.arange(size_px) - centre) / sigma_px) ** 2)
    return rows / rows.sum(dim=1).max()


@cache
def _linear_rows(size_px: int, stride_px: int) -> Tensor:
    """(size, size / stride): linear interpolation between the places of `_gaussian_rows`."""
    centre = torch.arange(0, size_px, stride_px) + (stride_px - 1) / 2
    distance = (torch.arange(size_px).unsqueeze(1) - centre).abs() / stride_px
    rows = (1 - distance).clamp_min(0)
    return rows / rows.sum(dim=1, keepdim=True)


def _blurred(planes: Tensor, sigma: float, stride_px: int) -> Tensor:
    """Gaussian of `sigma` times the size, zero outside, one place every `stride_px` pixels."""
    rows, columns = (
        _gaussian_rows(size, sigma * size, stride_px).to(planes.device)
        for size in planes.shape[-2:]
    )
    return rows @ (planes @ columns.T)


def _enlarged(planes: Tensor, like: Tensor, stride_px: int) -> Tensor:
    rows, columns = (_linear_rows(size, stride_px).to(planes.device) for size in like.shape[-2:])
    return rows @ (planes @ columns.T)


def extended(image: Image, mask: Plane, inset: float = 0.03, reach: float = 0.07) -> Image:
    """The image well inside the mask, its blurred colours carried on outside (normalised
    convolution, Knutsson & Westin 1993, Gaussian of `reach` times the width).

    As a target it teaches a decoder to paint skin beyond its person's outline, so that no
    background shows where the other face is wider. A hull holds slivers of background along the
    jaw, so it is first shrunk by about 1.6 times `inset` of the width.
    """
    with torch.autocast(image.device.type, enabled=False):
        inside = ((_enlarged(_blurred(mask, inset, 2), mask, 2) - 0.9) / 0.08).clamp(0, 1)
        known = torch.cat([image * inside, inside], dim=1)
        # A faint share of the whole mean decides where the mask is far away.
        mean = known.mean(dim=(-2, -1), keepdim=True)
        blurred = _blurred(known, reach, 4) + 1e-5 * mean
        around = blurred[:, :-1] / blurred[:, -1:].clamp_min(1e-9)
        return torch.lerp(_enlarged(around, image, 4), image, inside)


def mask_supervision(alpha_logit: Plane, mask: Plane) -> Scalar:
    """Binary cross-entropy of the alpha's logits with the mesh's mask."""
    return F.binary_cross_entropy_with_logits(alpha_logit.float(), mask)


def total_variation(alpha: Plane) -> Scalar:
    """Mean absolute first difference of the mask, both ways."""
    across = (alpha[..., 1:] - alpha[..., :-1]).abs().mean()
    down = (alpha[..., 1:, :] - alpha[..., :-1, :]).abs().mean()
    return across + down


def least_squares(score: Plane, target: Float[Tensor, "b 1 1 1"] | float) -> Scalar:
    """mean((D - t)^2), Mao et al. 2017 (arXiv:1611.04076); `target` broadcasts over the patches."""
    return ((score.float() - target) ** 2).mean()


def mixup(
    real: Float[Tensor, "b c h w"], fake: Float[Tensor, "b c h w"], share_B: Float[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """Share * real + (1 - share) * fake, one share a sample (Zhang et al., arXiv:1710.09412)."""
    share = share_B.view(-1, 1, 1, 1)
    return share * real + (1 - share) * fake


def identity_distance(embedding_BD: Vectors, target_BD: Vectors, free: float = 0.0) -> Scalar:
    """max(0, 1 - cosine - free), 0 to 2, averaged over the batch."""
    cosine = F.cosine_similarity(embedding_BD.float(), target_BD.float(), dim=1)
    return (1 - cosine - free).clamp_min(0).mean()


def feature_distance(
    features: list[Tensor], targets: list[Tensor], weights: tuple[float, ...]
) -> Scalar:
    """Weighted L1 between feature maps, each channel-normalised a pixel (as in LPIPS, Zhang et al.
    2018, arXiv:1801.03924, without its fitted linear layers)."""
    total = torch.zeros(())
    for feature, target, weight in zip(features, targets, weights, strict=True):
        difference = F.normalize(feature.float(), dim=1) - F.normalize(target.float(), dim=1)
        total = total + weight * (difference**2).sum(dim=1).mean()
    return total
