"""Losses of codes, and of what must survive a swap, by hand and by finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck

from faceloom import losses


def test_kl_by_hand() -> None:
    mean = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    log_variance = torch.log(torch.tensor([[1.0, 2.0], [1.0, 2.0]]))
    second = (2 - 1 - math.log(2)) / 2
    assert float(losses.kl_divergence(mean, log_variance)) == pytest.approx((0.5 + second) / 2)
    free = losses.kl_divergence(mean, log_variance, free_nats=0.4)
    assert float(free) == pytest.approx((0.5 + 0.4) / 2)


def test_a_dimension_within_its_free_bits_is_left_alone() -> None:
    mean = torch.tensor([[1.0, 0.1]], requires_grad=True)
    losses.kl_divergence(mean, torch.zeros(1, 2), free_nats=0.2).backward()
    assert mean.grad is not None
    assert mean.grad.tolist() == [[0.5, 0.0]]


def test_reparameterised_by_hand() -> None:
    code = losses.reparameterised(
        torch.tensor([[1.0]]), torch.tensor([[math.log(4.0)]]), torch.tensor([[0.5]])
    )
    assert float(code) == pytest.approx(2.0)


def test_code_adversaries_by_hand() -> None:
    prior, encoded = torch.tensor([[math.log(3.0)]]), torch.tensor([[0.0]])
    expected = math.log(4 / 3) + math.log(2)
    assert float(losses.code_discriminator(prior, encoded)) == pytest.approx(expected)
    assert float(losses.code_generator(prior)) == pytest.approx(math.log(4 / 3))


def test_domain_confusion_by_hand() -> None:
    logit = torch.tensor([[0.0], [math.log(3.0)]])
    expected = (math.log(2) + math.log(4 / 3)) / 2
    found = losses.domain_confusion(logit, torch.tensor([0.0, 1.0]))
    assert float(found) == pytest.approx(expected)


def test_reversal_passes_values_and_turns_gradients() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = losses.reverse_gradient(x, 0.5)
    assert torch.equal(y, x)
    y.square().sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-1.0, 2.0]


def test_consistency_by_hand() -> None:
    image, back = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)
    assert float(losses.cycle(image, back)) == pytest.approx(0.25)
    spatial = torch.ones(2, 4, 3, 3)
    assert float(losses.semantic_consistency(spatial, -spatial)) == pytest.approx(2.0)


def test_identity_distance_by_hand() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    other = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    assert float(losses.identity_distance(one, other)) == pytest.approx(1.0)
    assert float(losses.identity_distance(one, other, free=0.5)) == pytest.approx(0.75)


def test_landmark_distance_by_hand() -> None:
    points = torch.zeros(1, 2, 2)
    moved = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
    found = losses.landmark_distance(moved, points, eye_distance=10.0)
    assert float(found) == pytest.approx(0.25, rel=0.01)
    assert float(losses.landmark_distance(points, points, 10.0)) == 0


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(1)
    code = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    other = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    domain = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    for loss in (
        lambda x: losses.kl_divergence(x, 0.3 * x, free_nats=0.01),
        lambda x: losses.reparameterised(x, 0.3 * x, other).sum(),
        lambda x: losses.code_discriminator(other, x) + losses.code_generator(x),
        lambda x: losses.domain_confusion(x, domain),
        lambda x: losses.semantic_consistency(x, other),
        lambda x: losses.identity_distance(x, other),
        lambda x: losses.landmark_distance(x.view(2, 3, 2), other.view(2, 3, 2), 1.0),
        lambda x: losses.cycle(x.view(1, 3, 2, 2), other.view(1, 3, 2, 2)),
    ):
        assert gradcheck(loss, (code,))
