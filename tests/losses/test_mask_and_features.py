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


def bump(side_px: int, deviation_px: float, at_px: tuple[int, int], amount: float) -> Tensor:
    """(side, side): a Gaussian."""
    off = torch.arange(side_px, dtype=torch.float64)
    down, across = (torch.exp(-0.5 * ((off - at) / deviation_px) ** 2) for at in at_px)
    return amount * down.unsqueeze(1) * across


def test_speckiness_by_hand() -> None:
    # Blurred by its own deviation s, a bump of height a has a / 2 and curvatures of a / (4 s^2);
    # red above brightness by 0.7874 and blue below it by 0.2126 of the bump.
    image = torch.zeros(1, 3, 60, 60, dtype=torch.float64)
    image[0, 0] += bump(60, 3.0, (25, 30), 0.2)
    found = losses.speckiness(image, sigma=0.05)[0, 0]
    assert found[25, 30] == pytest.approx(0.2 / 4, rel=0.01)
    assert divmod(int(found.argmax()), 60) == (25, 30)


def test_edges_lines_greys_and_even_colours_are_no_specks() -> None:
    edge = torch.zeros(1, 3, 64, 64)
    edge[:, 0, :, 32:] = 0.5
    line = torch.zeros(1, 3, 64, 64)
    line[:, 2, 30:32] = 0.5
    grey = bump(64, 1.5, (20, 20), 0.9).float().expand(1, 3, 64, 64)
    even = torch.tensor([0.4, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    for image in (edge, line, grey, even):
        assert float(losses.speckiness(image).max()) < 1e-3


def test_specks_that_pictures_have_nearby_cost_nothing() -> None:
    mole = torch.zeros(2, 3, 96, 96)
    mole[1, 0] += bump(96, 1.5, (40, 50), 0.6).float()
    mask = torch.ones(1, 1, 96, 96)
    moved = torch.zeros(1, 3, 96, 96)
    moved[0, 0] += bump(96, 1.5, (42, 48), 0.6).float()
    elsewhere = torch.zeros(1, 3, 96, 96)
    elsewhere[0, 0] += bump(96, 1.5, (60, 48), 0.6).float()
    assert float(losses.specks(moved, mole, mask)) == 0
    found, alone = (losses.specks(elsewhere, known, mask) for known in (mole, 0 * mole))
    assert float(found) == pytest.approx(float(alone))
    assert float(found) > 5e-5
    assert float(losses.specks(elsewhere, mole, mask * (elsewhere[:, :1] == 0))) < 1e-6


def test_speck_gradients() -> None:
    known, mask = torch.zeros(1, 3, 12, 12).double(), torch.ones(1, 1, 12, 12).double()
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1)).double()
    assert gradcheck(
        lambda x: losses.specks(x, known, mask, margin=0.01), (image.requires_grad_(),)
    )
