"""Adversarial losses by name: the discriminator learns to tell, the generator learns to fool."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from faceloom.data.batches import step_generator
from faceloom.models.base import Moment
from faceloom.models.rivalry import Rivalry, RivalryKind


@pytest.mark.parametrize("kind", get_args(RivalryKind))
def test_judging_learns_to_tell_and_fooling_to_fool(kind: RivalryKind) -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(1, 1, 1)
    nn.init.constant_(net.weight, 0.1)
    real, fake = torch.full((4, 1, 2, 2), 0.5), torch.full((4, 1, 2, 2), -0.5, requires_grad=True)
    rivalry = Rivalry(kind, r1=0.01)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for step in range(60):
        loss = rivalry.judge(net, real, fake, Moment(step, 0.0, step_generator(1, step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert fake.grad is None
    assert float(net(real).detach().mean()) > float(net(fake).detach().mean()) + 0.1
    net.zero_grad(set_to_none=True)
    rivalry.fool(net, real, fake).backward()
    assert fake.grad is not None
    assert float(fake.grad.sum()) < 0  # Downhill is towards the real pictures.
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_wasserstein_stays_near_slope_one() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    net = nn.Sequential(nn.Flatten(), layer)
    real, fake = torch.ones(8, 1, 2, 2), torch.zeros(8, 1, 2, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.02)
    for step in range(200):
        loss = Rivalry("wasserstein").judge(
            net, real, fake, Moment(step, 0.0, step_generator(1, step))
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    slope = torch.linalg.vector_norm(layer.weight.detach())
    # The best slope s maximises 2 s - 10 (s - 1)^2: 1.1.
    assert float(slope) == pytest.approx(1.1, abs=0.05)
