"""How far a painted picture is from the one to restore, pixel by pixel.

`weight` says how much each pixel counts, so eyes and mouth can weigh more: see `part_weight`. Means
are over the weight, so that no size, batch or scale of the weight enters the value.
"""

from __future__ import annotations

from faceloom.losses.shapes import Image, Plane, Scalar


def part_weight(
    hull_B1HW: Plane,
    eyes_B1HW: Plane,
    mouth_B1HW: Plane,
    background: float,
    eyes: float,
    mouth: float,
) -> Plane:
    """`background` outside the hull, 1 inside, plus `eyes` and `mouth` within those parts."""
    focus_B1HW = background + (1 - background) * hull_B1HW
    return focus_B1HW + eyes * eyes_B1HW + mouth * mouth_B1HW


def weighted_l1(image: Image, target: Image, weight: Plane) -> Scalar:
    """sum(w |x - y|) / sum(w), over pixels and channels."""
    return ((image - target).abs().mean(dim=1, keepdim=True) * weight).sum() / weight.sum()


def weighted_l2(image: Image, target: Image, weight: Plane) -> Scalar:
    """sum(w (x - y)^2) / sum(w), over pixels and channels."""
    return (((image - target) ** 2).mean(dim=1, keepdim=True) * weight).sum() / weight.sum()


def weighted_edge(image: Image, target: Image, weight: Plane) -> Scalar:
    """Weighted L1 of the first differences to the right and downwards (the origin's edge loss)."""
    difference = image - target
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean(dim=1, keepdim=True)
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean(dim=1, keepdim=True)
    total = (across * weight[..., 1:]).sum() + (down * weight[..., 1:, :]).sum()
    return total / (2 * weight.sum())
