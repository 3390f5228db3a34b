"""Pixel losses and SSIM by hand, by another way of computing, and by finite differences."""

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


def test_weighted_l2_by_hand() -> None:
    image = torch.tensor([[[[2.0, 1.0]]]]).repeat(1, 3, 1, 1)
    weight = torch.tensor([[[[3.0, 1.0]]]])
    assert float(losses.weighted_l2(image, torch.zeros_like(image), weight)) == pytest.approx(3.25)


def test_part_weight_by_hand() -> None:
    hull, eyes = torch.tensor([[[[0.0, 1.0, 1.0]]]]), torch.tensor([[[[0.0, 0.0, 1.0]]]])
    weight = losses.part_weight(hull, eyes, torch.zeros_like(eyes), 0.2, 12.0, 8.0)
    assert weight.flatten().tolist() == pytest.approx([0.2, 1.0, 13.0])


def test_multiscale_dssim_is_a_product_of_scales() -> None:
    """Two scales by hand: contrast and structure of the fine one, all of the coarse one."""
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(1, 3, 16, 16, generator=generator)
    target = (image + 0.2 * torch.rand(1, 3, 16, 16, generator=generator)).clamp(-1, 1)
    x, y = losses.luminance(image), losses.luminance(target)

    def pool(plane: Tensor) -> Tensor:
        return F.avg_pool2d(plane, 5, 1, 2, count_include_pad=False)

    covariance = pool(x * y) - pool(x) * pool(y)
    variances = pool(x * x) - pool(x) ** 2 + pool(y * y) - pool(y) ** 2
    fine = float(((2 * covariance + 0.06**2) / (variances + 0.06**2)).mean())
    coarse = float(losses.ssim_map(F.avg_pool2d(x, 2), F.avg_pool2d(y, 2), 5).mean())
    expected = 1 - fine**0.25 * coarse**0.75
    found = losses.multiscale_dssim(image, target, 5, (1.0, 3.0))
    assert float(found) == pytest.approx(expected, abs=1e-4)
    assert float(losses.multiscale_dssim(image, image, 5, (1.0, 3.0))) == pytest.approx(0, abs=1e-6)


def test_multiscale_dssim_needs_room_for_its_scales() -> None:
    image = torch.zeros(1, 3, 64, 64)
    with pytest.raises(ValueError, match="too small for 5 scales"):
        losses.multiscale_dssim(image, image)


@pytest.mark.parametrize("name", ["weighted_l1", "weighted_l2", "weighted_edge", "weighted_dssim"])
def test_gradients(name: str, pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image, target, weight = (t[:, :, :6, :6].double() for t in pair)
    image.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: getattr(losses, name)(x, target, weight), (image,))


def test_multiscale_gradients(pair: tuple[Tensor, Tensor, Tensor]) -> None:
    image = pair[0][:1, :, :8, :8].double().requires_grad_()
    target = image.detach() + 0.1 * pair[1][:1, :, :8, :8].double()
    assert torch.autograd.gradcheck(
        lambda x: losses.multiscale_dssim(x, target, 3, (0.4, 0.6)), (image,)
    )


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
