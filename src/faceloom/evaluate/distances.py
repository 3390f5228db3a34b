"""Distances between the features of real and of swapped crops.

Shapes: features (N, D), one row a crop; every distance is of features over the real ones' root
mean square, channel by channel. The features are texture maps of the identity network's first two
scales, each channel's mean, and the first scale's deviations: 256 numbers that know skin, light and
sharpness, and little of who it is.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch import Tensor

Floats = NDArray[np.float64]

FEATURES = 256
FRECHET_DIMENSIONS = 16
FRECHET_LEAST = 2 * FRECHET_DIMENSIONS
"""Fewer crops cannot say how these directions vary together."""
_LEAST_SIZE = 1e-6


def pooled_features(maps: list[Tensor]) -> NDArray[np.float32]:
    """Features (B, 256) of the maps that `IdentityNet.features` gives."""
    first, second = (part.float().flatten(2) for part in maps[:2])
    pooled = torch.cat([first.mean(2), second.mean(2), first.std(2, correction=0)], dim=1)
    return np.asarray(pooled.numpy(), np.float32)


def scaled(real_ND: NDArray[np.floating], other_MD: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Both over the real ones' root mean square; not over their deviation, which within a clip of
    one person is so small that distances would hang on single crops."""
    real = np.asarray(real_ND, np.float64)
    size = np.maximum(np.sqrt((real**2).mean(axis=0)), _LEAST_SIZE)
    return real / size, np.asarray(other_MD, np.float64) / size


def frechet_distance(real_ND: Floats, other_MD: Floats) -> float:
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)) in 16 fixed random directions (Heusel et al. 2017).

    nan for fewer than 32 rows of either.
    """
    if min(len(real_ND), len(other_MD)) < FRECHET_LEAST:
        return float("nan")
    real, other = scaled(real_ND, other_MD)
    directions = np.random.default_rng(0).normal(size=(real.shape[1], FRECHET_DIMENSIONS))
    directions /= np.linalg.norm(directions, axis=0)
    one, two = real @ directions, other @ directions
    shift = one.mean(axis=0) - two.mean(axis=0)
    covariances = [np.cov(rows, rowvar=False) for rows in (one, two)]
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    spread = np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)
    return float(shift @ shift + max(0.0, float(spread)))


def kernel_distance(real_ND: Floats, other_MD: Floats, paired: bool) -> float:
    """Unbiased squared distance of the distributions under the kernel (x.y / D + 1)^3 (Binkowski et
    al. 2018, arXiv:1801.01401; Gretton et al. 2012, equations 3 and, where rows belong together in
    pairs, 4). 0 for pairs of equals; about 0, of either sign, for draws from one distribution.

    nan for fewer than two rows of either.
    """
    if min(len(real_ND), len(other_MD)) < 2:
        return float("nan")
    real, other = scaled(real_ND, other_MD)
    within = _mean_off_diagonal(_kernel(real, real)) + _mean_off_diagonal(_kernel(other, other))
    across = _kernel(real, other)
    between = _mean_off_diagonal(across) if paired else float(across.mean())
    return within - 2 * between


def _kernel(one_ND: Floats, other_MD: Floats) -> Floats:
    return np.asarray((one_ND @ other_MD.T / one_ND.shape[1] + 1) ** 3, np.float64)


def _mean_off_diagonal(kernel_NN: Floats) -> float:
    count = len(kernel_NN)
    return float((kernel_NN.sum() - np.trace(kernel_NN)) / (count * (count - 1)))
