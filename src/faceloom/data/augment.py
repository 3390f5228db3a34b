"""Augmentation of batches, on tensors, drawn from a given generator: the same seed, the same batch.

This module bends and colours; `degrade` does what cameras and codecs do, `part_swap` exchanges face
parts. Convention: sampling grids are (B, H, W, 2) in [-1, 1] (x, y) over the stored crop, pixel
centres as in `grid_sample(align_corners=False)`. Colours are changed by one affine map a face, 3x3
and shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from faceloom.data.part_swap import PartSource

WarpKind = Literal["smooth", "coarse"]

# Rec. 709 primaries, D65: linear RGB to CIE XYZ (IEC 61966-2-1).
RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)

OVERSAMPLING = 1.15
"""Stored pixels for each training pixel: resampling twice would blur otherwise."""

_SHAPE_MATCH = 0.5


@dataclass(frozen=True)
class AugmentConfig:
    """How far a training pair strays from the stored crop."""

    rotation_deg: float = 4.0
    zoom: float = 0.03
    shift: float = 0.02
    """Share of the crop's side."""
    flip: float = 0.05
    """Probability."""
    warp: float = 0.016
    """Standard deviation of the 5x5 warp grid's points, share of the crop's side."""
    warp_kind: WarpKind = "smooth"
    """`smooth` is cubic between the grid's points; `coarse` is the origin's: linear, its strength
    drawn from a range, the target moved along by the similarity nearest to the warp."""
    warp_coverage: float = 0.0
    """The coarse warp's grid covers 1 plus or minus at most this of the frame, input and target."""
    colour_match: float = 0.7
    """Probability that the face takes (a random part of) another face's colours."""
    shape_match: float | None = 0.0
    """Probability that the input is bent (a random part of the way) into the other side's mean
    shape. None is .5, and 0 for a pair whose inputs the shipped trunk paints as the other person
    (`model.returned`): these have the other's shape, and an exact answer."""
    shape_kept: float | None = 1.0
    """Of their own shape that faces so bent are to keep: by the rest the target is bent along. At 1
    a decoder paints its person's own shape, whichever it is shown, at 0 the one it is shown; with
    None brows, eyes, nose, mouth and outline keep as much as they have in exact answers."""
    brightness: float = 0.06
    channel_shift: float = 0.0
    """Largest offset of each channel, in [-1, 1] units (input and target)."""
    shadow: float = 0.0
    """Probability of a cast shadow across the face (input and target)."""
    motion_blur: float = 0.0
    """Probability of blur by motion (input and target, as in the origin)."""
    part_swap: float = 0.0
    """Probability that the mouth, the nose or the eyes are a look-alike's."""
    part_swap_from: PartSource = "other"
    """`other`: of the other side, with the same expression, on the input alone, so that a decoder
    meets such parts and paints its own; `own`: of the same person, input and target, so that
    openings of eyes and mouth meet in new combinations."""
    noise: float = 0.015
    """Standard deviation of the noise on the input, in [-1, 1] units."""
    blur: float = 0.15
    """Probability that the input is softened by halving and enlarging."""
    downsample: float = 0.0
    """Probability that the input is reduced to 0.3 to 0.75 of its size and enlarged."""
    jpeg: float = 0.0
    """Probability that the input goes through JPEG, quality 25 to 85."""

    @property
    def shape_share(self) -> float:
        """`shape_match`, said in full."""
        return _SHAPE_MATCH if self.shape_match is None else self.shape_match


def stored_px(size_px: int, coverage: float) -> int:
    """Side of stored crops of this coverage, for training at `size_px`."""
    return round(size_px * coverage * OVERSAMPLING)


def _uniform(count: int, spread: float, generator: Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * spread


@cache
def _pixel_places(size_px: int) -> Tensor:
    """Pixel centres (size,) in [-1, 1]."""
    return (torch.arange(size_px) + 0.5) * (2 / size_px) - 1


@cache
def _field_rows(size_px: int, points: int, mode: str = "bicubic") -> Tensor:
    """(size, points): interpolation of a row of points to a row of pixels."""
    unit = torch.eye(points).view(1, points, points, 1)
    rows = F.interpolate(unit, size=(size_px, 1), mode=mode, align_corners=True)
    return rows[0, :, :, 0].T.contiguous()


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
    # A sum of a row and a column each: several times cheaper than affine_grid's products.
    across_BP2 = _pixel_places(size_px).view(1, -1, 1) * torch.stack([cos, sin], 1).unsqueeze(1)
    across_BP2 = across_BP2 * torch.stack([flip, flip], 1).unsqueeze(1)
    down_BP2 = _pixel_places(size_px).view(1, -1, 1) * torch.stack([-sin, cos], 1).unsqueeze(1)
    down_BP2 = down_BP2 + torch.stack([shift_x, shift_y], 1).unsqueeze(1)
    return across_BP2.unsqueeze(1) + down_BP2.unsqueeze(2)


def warp_grid(grid: Tensor, coverage: float, spread: float, points_B255: Tensor) -> Tensor:
    """Bend grids by a smooth random field: 5x5 normal points, cubic in between (the origin's
    warp, smoother)."""
    field = smooth_field(points_B255 * (2 * spread / coverage), grid.shape[1])
    return grid + field.permute(0, 2, 3, 1)


def smooth_field(points_B255: Tensor, side: int) -> Tensor:
    """5x5 points a field, cubic in between: (B, 2, side, side)."""
    rows = _field_rows(side, 5)
    return rows @ points_B255 @ rows.T


_COARSE_SPREAD = 0.11
"""The origin's deviations are 5 to 6.2 px: 5.6 give or take this share."""


def coarse_warp(
    grid: Tensor, coverage: float, config: AugmentConfig, points_B255: Tensor, generator: Generator
) -> tuple[Tensor, Tensor]:
    """The target's and the input's grids, as the origin warps: 5x5 normal points, linear in
    between; the target follows the similarity that lies nearest to the warp (Umeyama 1991)."""
    count, side = len(grid), grid.shape[1]
    middle = grid[:, side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1].mean(dim=(1, 2))
    middle = middle.view(-1, 1, 1, 2)
    covered = 1 + _uniform(count, config.warp_coverage, generator)
    grid = middle + (grid - middle) * covered.view(-1, 1, 1, 1)
    spread = config.warp * (1 + _uniform(count, _COARSE_SPREAD, generator)) * (2 / coverage)
    moves = points_B255 * spread.view(-1, 1, 1, 1)
    rows = _field_rows(side, 5, "bilinear")
    field = (rows @ moves @ rows.T).permute(0, 2, 3, 1)
    # The grid at the 5x5 points, and the similarity from them to where they are moved.
    at = torch.linspace(0, side - 1, 5)
    low, share = at.long().clamp_max(side - 2), (at - at.long().clamp_max(side - 2)).view(1, -1, 1)
    edge_down = torch.lerp(grid[:, low, 0], grid[:, low + 1, 0], share)
    edge_across = torch.lerp(grid[:, 0, low], grid[:, 0, low + 1], share)
    points = edge_down.unsqueeze(2) + edge_across.unsqueeze(1) - grid[:, :1, :1]
    places = torch.view_as_complex(points.flatten(1, 2).contiguous())
    steps = torch.view_as_complex(moves.permute(0, 2, 3, 1).flatten(1, 2).contiguous())
    centre, drift = places.mean(dim=1, keepdim=True), steps.mean(dim=1, keepdim=True)
    around = places - centre
    turn = (around.conj() * (steps - drift)).sum(1, keepdim=True)
    turn = turn / (around.abs() ** 2).sum(1, keepdim=True)
    along = torch.view_as_complex(grid.contiguous()) - centre.unsqueeze(2)
    target = grid + torch.view_as_real(turn.unsqueeze(2) * along + drift.unsqueeze(2))
    return target, grid + field


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


def apply_colour(bytes_BCHW: Tensor, matrix_B33: Tensor, shift_B3: Tensor) -> Tensor:
    """Bytes to [-1, 1], colours mapped and clipped."""
    # One map for both: x / 127.5 - 1, then the matrix and the shift.
    shift_B31 = (shift_B3 - matrix_B33.sum(dim=2)).unsqueeze(2)
    flat = torch.baddbmm(shift_B31, matrix_B33 / 127.5, bytes_BCHW.float().flatten(2))
    return flat.view(bytes_BCHW.shape).clamp_(-1, 1)


def soften(images_BCHW: Tensor, chosen_B: Tensor) -> Tensor:
    """Halve and enlarge the chosen images in place, as a small or defocused face would look."""
    if bool(chosen_B.any()):
        few = F.avg_pool2d(images_BCHW[chosen_B], 2)
        images_BCHW[chosen_B] = F.interpolate(few, size=images_BCHW.shape[-2:], mode="bilinear")
    return images_BCHW


@cache
def _noise_table(values: int = 1 << 21) -> Tensor:
    return torch.randn(values, generator=Generator().manual_seed(0))


def noise_like(images: Tensor, generator: Generator) -> Tensor:
    """Normal noise, unit deviation: a random stretch of a fixed table, since drawing half a million
    values costs a CPU as much as the warp."""
    table, count = _noise_table(), images.numel()
    if count >= len(table):
        return torch.randn(images.shape, generator=generator)
    start = int(torch.randint(len(table) - count, (), generator=generator))
    return table[start : start + count].view(images.shape)
