"""Distance between feature maps of a frozen network, each layer with its own weight.

Feature maps come as lists, one (B, C, H, W) a layer, in any order that the weights follow.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.losses.shapes import Maps, Scalar, at_least_single

NOTE_WEIGHTS = (0.01, 0.1, 0.1)
"""The note's, deep to shallow."""
V2_2_WEIGHTS = (0.01, 0.1, 0.3, 0.1)
"""Version 2.2's, deep to shallow."""


def feature_distance(
    features: list[Tensor], targets: list[Tensor], weights: tuple[float, ...]
) -> Scalar:
    """sum_l w_l mean |f_l - g_l|^2, each pixel's features at unit length (as in LPIPS, Zhang et al.
    2018, arXiv:1801.03924, without its fitted linear layers)."""
    total = torch.zeros(())
    for feature, target, weight in zip(features, targets, weights, strict=True):
        difference = F.normalize(at_least_single(feature), dim=1) - F.normalize(
            at_least_single(target), dim=1
        )
        total = total + weight * (difference**2).sum(dim=1).mean()
    return total


def perceptual_distance(
    features: list[Tensor],
    targets: list[Tensor],
    weights: tuple[float, ...],
    normalise: Literal["none", "instance"] = "instance",
) -> Scalar:
    """sum_l w_l mean |f_l - g_l| (Johnson et al. 2016, arXiv:1603.08155, with L1).

    With `instance`, every channel of every picture is first brought to mean 0 and deviation 1, so
    that the place of features counts and their strength, which carries colour and light, does not.
    """
    total = torch.zeros((), device=features[0].device)
    for feature, target, weight in zip(features, targets, weights, strict=True):
        normalised = instance_normalised if normalise == "instance" else at_least_single
        total = total + weight * (normalised(feature) - normalised(target)).abs().mean()
    return total


def instance_normalised(maps: Maps) -> Maps:
    """Each channel of each picture at mean 0 and deviation 1 (Ulyanov et al., arXiv:1607.08022)."""
    return F.instance_norm(at_least_single(maps))
