"""Targets that a decoder learns from, made of the stored picture."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from faceloom.losses.shapes import Image, Plane


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


def extended(image: Image, mask: Plane, inset: float = 0.015, reach: float = 0.07) -> Image:
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
