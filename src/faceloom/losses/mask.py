"""What a painted mask (alpha, 0 to 1) should be: small, large enough, smooth, like the mesh's.

Weights and the hinge's share are the origin's to schedule (`losses.schedule`).
"""

from __future__ import annotations

from torch.nn import functional as F

from faceloom.losses.shapes import Plane, Scalar, at_least_single


def mask_size(alpha: Plane) -> Scalar:
    """Mean |alpha|: a mask that paints no more than it must."""
    return alpha.abs().mean()


def mask_hinge(alpha: Plane, share: float) -> Scalar:
    """Mean max(0, share - alpha): a mask that does not shrink away below `share`."""
    return (share - alpha).clamp_min(0).mean()


def mask_supervision(alpha_logit: Plane, mask: Plane) -> Scalar:
    """Binary cross-entropy of the alpha's logits with the mesh's mask."""
    return F.binary_cross_entropy_with_logits(at_least_single(alpha_logit), mask)


def total_variation(alpha: Plane) -> Scalar:
    """Mean absolute first difference of the mask, both ways."""
    across = (alpha[..., 1:] - alpha[..., :-1]).abs().mean()
    down = (alpha[..., 1:, :] - alpha[..., :-1, :]).abs().mean()
    return across + down
