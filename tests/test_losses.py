"""Losses against values worked out by hand, and their gradients against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom import losses


@pytest.fixture
def pair() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 12, 12, generator=generator) * 2 - 1
    target = torch.rand(2, 3, 12, 12, generator=generator) * 2 - 1
    return image, target, torch.rand(2, 1, 12, 12, generator=generator)


def test_weighted_l1_by_hand() -> None:
    image = torch.tensor([[[[1.0, 0.0]]]]).repeat(1, 3, 1, 1)
    weight = torch.tensor([[[[3.0, 1.0]]]])
    assert float(losses.weighted_l1(image, torch.zeros_like(image), weight)) == pytest.approx(0.75)


def test_weighted_l1_ignores_what_has_no_weight(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target, _ = pair
    weight = torch.zeros(2, 1, 12, 12)
    weight[..., :6] = 1
    changed = image.clone()
    changed[..., 6:] += 1
    before = losses.weighted_l1(image, target, weight)
    assert float(losses.weighted_l1(changed, target, weight)) == float(before)


def test_edge_is_blind_to_a_constant(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, _, weight = pair
    assert float(losses.weighted_edge(image + 0.3, image, weight)) == pytest.approx(0, abs=1e-6)


def test_edge_by_hand() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]).repeat(1, 3, 1, 1)
    weight = torch.ones(1, 1, 2, 2)
    assert float(losses.weighted_edge(image, torch.zeros_like(image), weight)) == pytest.approx(
        0.25
    )


def test_ssim_agrees_with_pooling(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target = (losses.luminance(picture) for picture in pair[:2])

    def pool(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, 1, 3, count_include_pad=False)

    mean_x, mean_y = pool(image), pool(target)
    var_x, var_y = pool(image**2) - mean_x**2, pool(target**2) - mean_y**2
    covariance = pool(image * target) - mean_x * mean_y
    c1, c2 = 0.02**2, 0.06**2
    expected = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    assert torch.allclose(losses.ssim_map(image, target), expected, atol=1e-4)


def test_dssim_is_zero_for_the_same_and_grows(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target, weight = pair
    same = float(losses.weighted_dssim(image, image, weight))
    near = float(losses.weighted_dssim(image + 0.1 * (target - image), image, weight))
    far = float(losses.weighted_dssim(target, image, weight))
    assert same == pytest.approx(0, abs=1e-6)
    assert same < near < far <= 1


def test_mixup_ends() -> None:
    real, fake = torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)
    mixed = losses.mixup(real, fake, torch.tensor([1.0, 0.25]))
    assert mixed.flatten().tolist() == [1.0, 0.25]


def test_identity_distance_by_hand() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    other = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    assert float(losses.identity_distance(one, other)) == pytest.approx(1.0)


def test_total_variation_by_hand() -> None:
    alpha = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    assert float(losses.total_variation(alpha)) == pytest.approx(1.0)


def test_feature_distance_is_blind_to_scale() -> None:
    feature = torch.rand(1, 4, 3, 3) + 0.1
    assert float(losses.feature_distance([feature * 3], [feature], (1.0,))) == pytest.approx(
        0, abs=1e-6
    )


@pytest.mark.parametrize("name", ["weighted_l1", "weighted_edge"])
def test_gradients(name: str, pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target, weight = (t[:, :, :5, :5].double() for t in pair)
    image.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: getattr(losses, name)(x, target, weight), (image,))


def test_ssim_gradient_points_home(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target, weight = pair
    image = image.clone().requires_grad_()
    before = losses.weighted_dssim(image, target, weight)
    before.backward()
    assert image.grad is not None
    after = losses.weighted_dssim(image.detach() - 5 * image.grad, target, weight)
    assert float(after) < float(before.detach())


def test_extended_keeps_the_inside_and_carries_its_colour_on() -> None:
    image = torch.zeros(1, 3, 40, 40)
    image[:, 0] = 0.5
    image[..., 20:] = -1.0
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 5:35, 5:21] = 1  # Reaches one pixel into what is not to be carried on.
    out = losses.extended(image, mask)
    assert torch.allclose(out[..., 9:16, 9:16], image[..., 9:16, 9:16], atol=1e-3)
    assert torch.allclose(out[:, 0], torch.full((1, 40, 40), 0.5), atol=1e-3)
