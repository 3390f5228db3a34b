"""What cameras and codecs do to a face, on whole batches: fewer pixels, motion, JPEG, a shadow.

Convention: images (B, 3, S, S) float RGB in [-1, 1]; every function gives a new tensor and draws
from the given generator alone. What a function is given is changed: the caller chooses the faces.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from faceloom.image import decode_image, encode_image, to_tensor, to_uint8

_SHARES = (0.3, 0.75)
"""Side of a down-sampled face over the frame's."""
_SIZES = 8
_BLUR_SHARE = (5 / 256, 11 / 256)
"""Length of a motion's trace over the frame's side: the origin's kernels."""
_QUALITY = (25.0, 85.0)
_LIGHT_LEFT = (0.35, 0.8)
"""What a shadow leaves of the display value."""
_EDGE = (0.02, 0.25)
"""Half-width of a shadow's edge, over half the frame."""

_JPEG_BLOCK = 16
"""Side of a block of halved chroma, pixels."""


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """(count,), from low to high."""
    return torch.rand(count, generator=generator) * (high - low) + low


# -- fewer pixels ---------------------------------------------------------------------------------


@cache
def _down_and_up(size_px: int, least: float, most: float) -> Tensor:
    """(sizes, S, S): a row of pixels averaged to fewer and interpolated linearly back to all."""
    unit = torch.eye(size_px).view(1, size_px, size_px, 1)
    operators = []
    for share in torch.linspace(least, most, _SIZES).tolist():
        few = F.interpolate(unit, size=(max(2, round(share * size_px)), 1), mode="area")
        full = F.interpolate(few, size=(size_px, 1), mode="bilinear", align_corners=False)
        operators.append(full[0, :, :, 0].T)
    return torch.stack(operators).contiguous()


def downsampled(
    images_BCHW: Tensor, generator: Generator, shares: tuple[float, float] = _SHARES
) -> Tensor:
    """Each image at one of eight smaller sizes, between these shares of its own, and enlarged."""
    table = _down_and_up(images_BCHW.shape[-1], *shares)
    rows_B1SS = table[torch.randint(len(table), (len(images_BCHW),), generator=generator)]
    rows_B1SS = rows_B1SS.unsqueeze(1)
    return rows_B1SS @ images_BCHW @ rows_B1SS.transpose(2, 3)


# -- motion ---------------------------------------------------------------------------------------


def motion_blurred(
    images_BCHW: Tensor, generator: Generator, shares: tuple[float, float] = _BLUR_SHARE
) -> Tensor:
    """Each image moved evenly along a line of random direction, its length within these shares of
    the frame; edges are repeated."""
    count, _, _, side = images_BCHW.shape
    length_px = uniform(count, shares[0] * side, shares[1] * side, generator)
    angle = uniform(count, 0.0, torch.pi, generator)
    kernel_BKK = _line_kernels(length_px, angle, int(shares[1] * side / 2) + 1)
    reach = kernel_BKK.shape[-1] // 2
    flat = F.pad(images_BCHW, (reach,) * 4, mode="replicate").flatten(0, 1).unsqueeze(0)
    weight = kernel_BKK.repeat_interleave(3, dim=0).unsqueeze(1)
    return F.conv2d(flat, weight, groups=len(weight))[0].view_as(images_BCHW)


def _line_kernels(length_px: Tensor, angle: Tensor, reach_px: int) -> Tensor:
    """(B, K, K), each of sum 1: points evenly along a line through the middle, each shared between
    its four neighbours; K = 2 reach + 1."""
    along = torch.linspace(-0.5, 0.5, 4 * reach_px + 1)
    at_BP = along * (length_px - 1).clamp_min(0).unsqueeze(1)
    x_BP, y_BP = at_BP * angle.cos().unsqueeze(1), at_BP * angle.sin().unsqueeze(1)
    places = torch.arange(-reach_px, reach_px + 1).view(1, 1, -1)
    near_x, near_y = ((1 - (places - at.unsqueeze(2)).abs()).clamp_min(0) for at in (x_BP, y_BP))
    kernel_BKK = near_y.transpose(1, 2) @ near_x
    return kernel_BKK / kernel_BKK.sum(dim=(1, 2), keepdim=True)


# -- JPEG -----------------------------------------------------------------------------------------


def compressed(
    images_BCHW: Tensor, generator: Generator, quality: tuple[float, float] = _QUALITY
) -> Tensor:
    """The images through the library's JPEG (libjpeg, halved chroma) at random qualities, the
    blocks' grid moved by a random offset."""
    down, right = torch.randint(_JPEG_BLOCK, (2,), generator=generator).tolist()
    quality_B = uniform(len(images_BCHW), *quality, generator).round().int().tolist()
    moved = to_uint8(F.pad(images_BCHW, (right, 0, down, 0), mode="replicate"))
    found = []
    for image, one_quality in zip(moved, quality_B, strict=True):
        decoded = decode_image(encode_image(image, ".jpg", one_quality))
        assert decoded is not None
        found.append(decoded)
    return to_tensor(np.stack(found))[..., down:, right:].contiguous()


# -- shadow ---------------------------------------------------------------------------------------


def shadowed(
    images_BCHW: Tensor,
    generator: Generator,
    light_left: tuple[float, float] = _LIGHT_LEFT,
) -> Tensor:
    """A cast shadow on one side of a curved, more or less soft edge somewhere across the middle of
    each image. Display values are multiplied, and so is light, by another constant."""
    count, side = len(images_BCHW), images_BCHW.shape[-1]
    angle = uniform(count, 0.0, 2 * torch.pi, generator).view(-1, 1, 1)
    offset = uniform(count, -0.5, 0.5, generator).view(-1, 1, 1)
    bend = uniform(count, -0.7, 0.7, generator).view(-1, 1, 1)
    soft = torch.exp(uniform(count, math.log(_EDGE[0]), math.log(_EDGE[1]), generator)).view(
        -1, 1, 1
    )
    left = uniform(count, *light_left, generator).view(-1, 1, 1)
    places = (torch.arange(side) + 0.5) * (2 / side) - 1
    x_11S, y_1S1 = places.view(1, 1, -1), places.view(1, -1, 1)
    across = x_11S * angle.cos() + y_1S1 * angle.sin()
    along = y_1S1 * angle.cos() - x_11S * angle.sin()
    within = torch.sigmoid((across + bend * along**2 - offset) * (2 / soft))
    light = (1 - (1 - left) * within).unsqueeze(1)
    # (x + 1) * light - 1, in one pass.
    return torch.addcmul(light - 1, images_BCHW, light)
