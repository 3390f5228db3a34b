"""Distances between sets of features with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.evaluate.distances import FEATURES, frechet_distance, kernel_distance, pooled_features
from faceloom.faces.identity import load_identity
from faceloom.image import to_tensor


def features(count: int, seed: int, shift: float = 0.0, spread: float = 0.2) -> np.ndarray:
    return np.random.default_rng(seed).normal(1 + shift, spread, (count, 40))


def test_equal_sets_are_no_distance_apart() -> None:
    rows = features(80, 0)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)
    assert kernel_distance(rows, rows, paired=True) == pytest.approx(0, abs=1e-9)


def test_draws_of_one_distribution_are_about_no_kernel_distance_apart() -> None:
    found = [kernel_distance(features(60, k), features(60, 100 + k), paired=False)
             for k in range(20)]  # fmt: skip
    apart = kernel_distance(features(60, 0), features(60, 1, shift=0.1), paired=False)
    assert abs(np.mean(found)) < 0.1 * apart
    assert min(found) < 0 < max(found)


def test_distances_grow_with_the_shift() -> None:
    real = features(200, 0)
    shifts = (0.0, 0.05, 0.1, 0.2, 0.4)
    frechet = [frechet_distance(real, features(200, 1, shift)) for shift in shifts]
    kernel = [kernel_distance(real, features(200, 1, shift), paired=False) for shift in shifts]
    assert frechet == sorted(frechet)
    assert kernel == sorted(kernel)


def test_the_frechet_distance_of_a_shift_is_its_square() -> None:
    """A shift by the same share of every feature moves each direction by the sum of its parts."""
    real = features(4000, 0)
    near, far = (frechet_distance(real, real + shift) for shift in (0.1, 0.3))
    assert far / near == pytest.approx(9, rel=1e-3)


def test_a_wider_spread_is_seen_too() -> None:
    real = features(300, 0)
    assert frechet_distance(real, features(300, 1, spread=0.4)) > 3 * frechet_distance(
        real, features(300, 1)
    )


def test_too_few_crops_have_no_distance() -> None:
    assert np.isnan(frechet_distance(features(20, 0), features(20, 1)))
    assert np.isnan(kernel_distance(features(1, 0), features(20, 1), paired=False))


def test_features_know_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (112, 112, 3))
    crops = [np.clip(140 + deviation * noise, 0, 255).astype(np.uint8)
             for deviation in (0, 5, 20, 40)]  # fmt: skip
    features = pooled_features(load_identity().features(to_tensor(np.stack(crops))))
    assert features.shape == (4, FEATURES)
    # The deviations of the first maps.
    rough = features[:, -64:].sum(axis=1).tolist()
    assert rough == sorted(rough)
