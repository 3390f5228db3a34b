"""The two players' losses by hand, and that each pulls its player the right way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from faceloom import losses

REAL = torch.tensor([[[[0.5]]], [[[2.0]]]], dtype=torch.float64)
FAKE = torch.tensor([[[[-3.0]]], [[[1.0]]]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Means 1.25 and -1: (0.5 + 1 - 1)^2, (2 + 1 - 1)^2; (-3 - 1.25 + 1)^2, (1 - 1.25 + 1)^2.
        ("relativistic_discriminator", (0.25 + 4) / 4 + (10.5625 + 0.5625) / 4),
        ("hinge_discriminator", (0.5 + 0) / 2 + (0 + 2) / 2),
        ("wasserstein_discriminator", -1 - 1.25),
    ],
)
def test_discriminators_by_hand(name: str, expected: float) -> None:
    assert float(getattr(losses, name)(REAL, FAKE)) == pytest.approx(expected)


def test_generators_by_hand() -> None:
    assert float(losses.least_squares(FAKE, 1.0)) == pytest.approx((16 + 0) / 2)
    assert float(losses.raise_score(FAKE)) == pytest.approx(1.0)
    exchanged = losses.relativistic_discriminator(FAKE, REAL)
    assert torch.equal(losses.relativistic_generator(REAL, FAKE), exchanged)


def test_penalties_of_a_linear_discriminator() -> None:
    """D(x) = sum(w x) has the slope |w| = 5 everywhere, whatever the share."""
    slope = torch.tensor([3.0, 4.0], dtype=torch.float64).view(1, 2, 1, 1)

    def discriminator(x_BCHW: Tensor) -> Tensor:
        return (x_BCHW * slope).sum(dim=1, keepdim=True)

    real, fake = torch.rand(2, 3, 2, 1, 1, dtype=torch.float64)
    share_B = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    penalty = losses.gradient_penalty(discriminator, real, fake, share_B)
    assert float(penalty) == pytest.approx((5 - 1) ** 2)
    assert float(losses.r1_penalty(discriminator, real)) == pytest.approx(25 / 2)


def test_the_penalties_train_the_discriminator() -> None:
    weight = torch.rand(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    real, fake = torch.rand(2, 2, 3, 4, 4, dtype=torch.float64)
    share_B = torch.tensor([0.3, 0.6], dtype=torch.float64)

    def penalty(weight: Tensor) -> Tensor:
        def discriminator(x_BCHW: Tensor) -> Tensor:
            return torch.tanh(torch.nn.functional.conv2d(x_BCHW, weight))

        both = losses.gradient_penalty(discriminator, real, fake, share_B)
        return both + losses.r1_penalty(discriminator, real)

    assert gradcheck(penalty, (weight,))


@pytest.mark.parametrize(
    "name",
    [
        "relativistic_discriminator",
        "relativistic_generator",
        "hinge_discriminator",
        "wasserstein_discriminator",
    ],
)
def test_gradients(name: str) -> None:
    real, fake = (t.clone().requires_grad_() for t in (REAL, FAKE + 0.25))
    assert gradcheck(getattr(losses, name), (real, fake))


def test_generators_gradients() -> None:
    fake = FAKE.clone().requires_grad_()
    assert gradcheck(lambda x: losses.least_squares(x, 0.3) + losses.raise_score(x), (fake,))


def test_mixup_ends() -> None:
    real, fake = torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)
    mixed = losses.mixup(real, fake, torch.tensor([1.0, 0.25]))
    assert mixed.flatten().tolist() == [1.0, 0.25]
