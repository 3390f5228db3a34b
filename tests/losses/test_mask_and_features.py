"""Losses of masks and of feature maps, by hand and by finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from faceloom import losses


@pytest.fixture
def alpha() -> Tensor:
    return torch.tensor([[[[0.1, 0.9], [0.3, 0.7]]]], dtype=torch.float64)


def test_mask_by_hand(alpha: Tensor) -> None:
    assert float(losses.mask_size(alpha)) == pytest.approx(0.5)
    assert float(losses.mask_hinge(alpha, 0.5)) == pytest.approx((0.4 + 0.2) / 4)
    assert float(losses.mask_hinge(alpha, 0.0)) == 0
    # Across: 0.8, 0.4; down: 0.2, 0.2.
    assert float(losses.total_variation(alpha)) == pytest.approx(0.6 + 0.2)


def test_supervision_by_hand() -> None:
    logit = torch.tensor([[[[0.0, math.log(3.0)]]]])
    mask = torch.tensor([[[[1.0, 0.0]]]])
    expected = (math.log(2) + math.log(4)) / 2
    assert float(losses.mask_supervision(logit, mask)) == pytest.approx(expected)


def test_mask_gradients(alpha: Tensor) -> None:
    mask = torch.tensor([[[[1.0, 0.0], [0.5, 1.0]]]], dtype=torch.float64)
    assert gradcheck(
        lambda a: (
            losses.mask_size(a)
            + losses.mask_hinge(a, 0.5)
            + losses.total_variation(a)
            + losses.mask_supervision(a, mask)
        ),
        (alpha.requires_grad_(),),
    )


def test_perceptual_distance_by_hand() -> None:
    near = [torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.0, 1.0]]]])]
    far = [torch.tensor([[[[2.0, 1.0]]]]), torch.tensor([[[[0.0, 2.0]]]])]
    plain = losses.perceptual_distance(near, far, (0.1, 10.0), "none")
    assert float(plain) == pytest.approx(0.1 * 1.5 + 10 * 0.5)
    # Normalised: (-1, 1) against (1, -1), and (-1, 1) against the same.
    same = losses.perceptual_distance(near, far, (0.1, 10.0))
    assert float(same) == pytest.approx(0.1 * 2, rel=1e-3)


def test_instance_normalised_features_are_blind_to_gain_and_offset() -> None:
    maps = torch.rand(2, 3, 4, 4)
    assert float(losses.perceptual_distance([3 * maps + 1], [maps], (1.0,))) < 1e-3


def test_feature_distance_is_blind_to_scale() -> None:
    feature = torch.rand(1, 4, 3, 3) + 0.1
    assert float(losses.feature_distance([feature * 3], [feature], (1.0,))) == pytest.approx(
        0, abs=1e-6
    )


def test_feature_distance_by_hand() -> None:
    one, other = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0])
    distance = losses.feature_distance([one.view(1, 2, 1, 1)], [other.view(1, 2, 1, 1)], (2.0,))
    assert float(distance) == pytest.approx(2 * (0.6**2 + 0.2**2))


def test_every_layer_needs_a_weight() -> None:
    maps = [torch.rand(1, 2, 2, 2)] * 2
    with pytest.raises(ValueError, match="zip"):
        losses.perceptual_distance(maps, maps, (1.0,))


@pytest.mark.parametrize("name", ["perceptual_distance", "feature_distance"])
def test_feature_gradients(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 3, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 3, 2, 2, generator=generator, dtype=torch.float64)
    distance = getattr(losses, name)
    assert gradcheck(lambda x: distance([x, 2 * x], [target, target], (0.3, 0.1)), (maps,))
