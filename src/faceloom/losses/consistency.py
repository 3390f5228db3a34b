"""What must survive a swap: the way back, the meaning, the person, the landmarks."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from faceloom.losses.shapes import Codes, Image, Scalar, Vectors, at_least_single


def cycle(image: Image, back: Image) -> Scalar:
    """Mean |back - x|, `back` the picture carried to the other side and back again (CycleGAN, Zhu
    et al. 2017, arXiv:1703.10593)."""
    return (back - image).abs().mean()


def semantic_consistency(code: Codes, code_of_swap: Codes) -> Scalar:
    """Mean |e(x) - e(swap of x)|: the code survives the swap (XGAN, Royer et al. 2017,
    arXiv:1711.05139)."""
    return (at_least_single(code_of_swap) - at_least_single(code)).abs().mean()


def identity_distance(embedding_BD: Vectors, target_BD: Vectors, free: float = 0.0) -> Scalar:
    """max(0, 1 - cosine - free), 0 to 2, averaged over the batch."""
    cosine = F.cosine_similarity(at_least_single(embedding_BD), at_least_single(target_BD), dim=1)
    return (1 - cosine - free).clamp_min(0).mean()


def landmark_distance(
    points_BM2: Float[Tensor, "b m 2"], target_BM2: Float[Tensor, "b m 2"], eye_distance: float
) -> Scalar:
    """Mean distance between landmarks as a share of the distance between the eyes, in the unit of
    the points; differentiable in points that a differentiable mesh network gives.

    The normalised mean error of face alignment (Sagonas et al. 2013); the root is softened at 0 by
    a thousandth of the eye distance.
    """
    softening = (1e-3 * eye_distance) ** 2
    squared_BM = (points_BM2 - target_BM2).square().sum(dim=-1)
    return ((squared_BM + softening).sqrt() - softening**0.5).mean() / eye_distance
