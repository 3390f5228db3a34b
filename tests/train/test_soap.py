"""SOAP: what it promises of convolutions, AdamW for the rest, and a state that can be kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from faceloom.models.base import Phase
from faceloom.train.config import OptimizerConfig
from faceloom.train.optimizer import load_optimizer_state, make_optimizer, optimizer_state
from faceloom.train.soap import Soap


def weight(seed: int = 0, outputs: int = 6) -> nn.Parameter:
    drawn = torch.randn(outputs, 4, 3, 3, generator=torch.Generator().manual_seed(seed))
    return nn.Parameter(drawn.contiguous(memory_format=torch.channels_last))


def mixing(outputs: int = 6) -> Tensor:
    """Outputs that hang together, some of them a hundred times as steep as others."""
    drawn = torch.randn(outputs, outputs, generator=torch.Generator().manual_seed(1))
    turn = torch.linalg.qr(drawn)[0]
    return turn @ torch.diag(torch.logspace(0, 2, outputs)) @ turn.T


def train(
    parameter: nn.Parameter, optimizer: torch.optim.Optimizer, loss: Callable[[Tensor], Tensor],
    steps: int,
) -> float:  # fmt: skip
    for _ in range(steps):
        optimizer.zero_grad()
        loss(parameter).backward()
        optimizer.step()
    return float(loss(parameter).detach())


def steep(parameter: Tensor) -> Tensor:
    return ((mixing().to(parameter.dtype) @ parameter.flatten(1)) ** 2).mean()


def test_outputs_that_hang_together_are_no_obstacle() -> None:
    turned, plain = weight(), weight()
    by_soap = train(turned, Soap([turned], 0.05, weight_decay=0), steep, 150)
    adam = torch.optim.AdamW([plain], 0.05, (0.9, 0.99), weight_decay=0)
    assert by_soap < 0.1 * train(plain, adam, steep, 150)


@pytest.mark.parametrize("steps", [1, 25])
def test_what_the_outputs_are_called_does_not_matter(steps: int) -> None:
    """Turned outputs are learned as the others are: Adam's way depends on the names."""
    turn = torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    turn = torch.linalg.qr(turn)[0]
    plain, other = (nn.Parameter(weight().detach().double()) for _ in range(2))
    with torch.no_grad():
        other.copy_((turn @ plain.flatten(1)).view_as(plain))
    train(plain, Soap([plain], 0.01), steep, steps)
    train(other, Soap([other], 0.01), lambda w: steep((turn.T @ w.flatten(1)).view_as(w)), steps)
    back = (turn.T @ other.detach().flatten(1)).view_as(plain)
    torch.testing.assert_close(back, plain.detach(), atol=1e-4, rtol=0)


def test_all_else_moves_by_adamw() -> None:
    layers = [nn.Linear(5, 3), nn.Linear(5, 3)]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    for layer, optimizer in zip(
        layers,
        (
            Soap(layers[0].parameters(), 0.01, weight_decay=0.1),
            torch.optim.AdamW(layers[1].parameters(), 0.01, (0.9, 0.99), weight_decay=0.1),
        ),
        strict=True,
    ):
        for _ in range(5):
            optimizer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
    for ours, theirs in zip(layers[0].parameters(), layers[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_kept_state_goes_on_as_the_unbroken_one_would() -> None:
    config = OptimizerConfig(kind="soap", lr=0.01)

    def made() -> tuple[nn.Module, Phase, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        phase = Phase("p", (net,), lambda _b, _m: {})
        return net, phase, make_optimizer(phase, config)

    def go_on(net: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            x = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            (net(x) - 1).square().mean().backward()
            optimizer.step()

    whole, _, optimizer = made()
    go_on(whole, optimizer, range(25))
    first, phase, optimizer = made()
    go_on(first, optimizer, range(13))
    kept = {name: t.clone() for name, t in optimizer_state({"p": optimizer}, [phase]).items()}
    second, phase, optimizer = made()
    second.load_state_dict(first.state_dict())
    load_optimizer_state({"p": optimizer}, [phase], kept)
    go_on(second, optimizer, range(13, 25))
    for ours, theirs in zip(second.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_adversaries_keep_adamw() -> None:
    net = nn.Conv2d(4, 6, 3)
    phase = Phase("p", (net,), lambda _b, _m: {}, adversary=True)
    assert isinstance(make_optimizer(phase, OptimizerConfig(kind="soap")), torch.optim.AdamW)
