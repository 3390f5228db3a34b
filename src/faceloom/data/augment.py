"""Augmentation of batches, on tensors, drawn from a given generator: the same seed, the same batch.

Convention: sampling grids are (B, H, W, 2) in [-1, 1] (x, y) over the stored crop, pixel centres as
in `grid_sample(align_corners=False)`. Colours are changed by one affine map a face, 3x3 and shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

# Rec. 709 primaries, D65: linear RGB to CIE XYZ (IEC 61966-2-1).
RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)


@dataclass(frozen=True)
class AugmentConfig:
    """How far a training pair strays from the stored crop."""

    rotation_deg: float = 4.0
    zoom: float = 0.03
    shift: float = 0.02
    """Share of the crop's side."""
    flip: float = 0.05
    """Probability."""
    warp: float = 0.01
    """Standard deviation of the 5x5 warp grid's points, share of the crop's side."""
    colour_match: float = 0.7
    """Probability that the face takes (a random part of) another face's colours."""
    brightness: float = 0.06
    noise: float = 0.015
    """Standard deviation of the noise on the input, in [-1, 1] units."""
    blur: float = 0.15
    """Probability that the input is softened by halving and enlarging."""


def _uniform(count: int, spread: float, generator: Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * spread


def similarity_grid(
    count: int, size_px: int, coverage: float, config: AugmentConfig, generator: Generator
) -> Tensor:
    """Sampling grids of the tight frame within a stored crop of wider `coverage`, jittered."""
    angle = torch.deg2rad(_uniform(count, config.rotation_deg, generator))
    scale = torch.exp(_uniform(count, config.zoom, generator)) / coverage
    flip = 1.0 - 2.0 * (torch.rand(count, generator=generator) < config.flip).float()
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    shift_x = _uniform(count, 2 * config.shift, generator) / coverage
    shift_y = _uniform(count, 2 * config.shift, generator) / coverage
    rows = [torch.stack([cos * flip, -sin, shift_x], 1), torch.stack([sin * flip, cos, shift_y], 1)]
    return F.affine_grid(torch.stack(rows, 1), [count, 1, size_px, size_px], align_corners=False)


def warp_grid(grid: Tensor, coverage: float, spread: float, generator: Generator) -> Tensor:
    """Bend grids by a smooth random field: 5x5 points, normal, cubic in between (the origin's
    warp, smoother)."""
    count, size_px = grid.shape[0], grid.shape[1]
    points = torch.randn(count, 2, 5, 5, generator=generator) * (2 * spread / coverage)
    field = F.interpolate(points, size=(size_px, size_px), mode="bicubic", align_corners=True)
    return grid + field.permute(0, 2, 3, 1)


def sample(stored_BCHW: Tensor, grid: Tensor) -> Tensor:
    """Resample stored crops (float) at the grid's places, bilinear, edges repeated."""
    return F.grid_sample(stored_BCHW, grid, padding_mode="border", align_corners=False)


def colour_statistics(
    images_BCHW: Tensor, mask_B1HW: Tensor, space: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and deviation (B, 3) of the masked pixels, after the 3x3 map `space`."""
    colours = torch.einsum("ij,bjn->bin", space, images_BCHW.flatten(2))
    weight = mask_B1HW.flatten(2)
    total = weight.sum(dim=2).clamp_min(1e-3)
    mean = (colours * weight).sum(dim=2) / total
    variance = ((colours - mean.unsqueeze(2)) ** 2 * weight).sum(dim=2) / total
    return mean, variance.sqrt().clamp_min(1e-3)


def matching_map(
    own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], share_B: Tensor, space: Tensor
) -> tuple[Tensor, Tensor]:
    """The affine colour map (B, 3, 3) and (B, 3) that moves own statistics a share towards
    another's (AdaIN, Huang & Belongie 2017, in the colour space given by the 3x3 map)."""
    share = share_B.unsqueeze(1)
    gain = (other[1] / own[1]).clamp(0.4, 2.5) ** share
    mean = own[0] + share * (other[0] - own[0])
    back = torch.linalg.inv(space)
    matrix = back @ torch.diag_embed(gain) @ space
    return matrix, (mean - gain * own[0]) @ back.T


def apply_colour(images_BCHW: Tensor, matrix_B33: Tensor, shift_B3: Tensor) -> Tensor:
    """Map colours and clip to [-1, 1]."""
    flat = torch.baddbmm(shift_B3.unsqueeze(2), matrix_B33, images_BCHW.flatten(2))
    return flat.view_as(images_BCHW).clamp_(-1, 1)


def soften(images_BCHW: Tensor, chosen_B: Tensor) -> Tensor:
    """Halve and enlarge the chosen images, as a small or defocused face would look."""
    size = images_BCHW.shape[-2:]
    soft = F.interpolate(F.avg_pool2d(images_BCHW, 2), size=size, mode="bilinear")
    return torch.where(chosen_B.view(-1, 1, 1, 1), soft, images_BCHW)
