"""Operations of frozen networks: values and gradients are those of torch's own, slower ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.faces import frozen


def maps(size: int = 9) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(2, 6, size, size, generator=generator)
    return found.contiguous(memory_format=torch.channels_last).requires_grad_()


def value_and_gradient(made: Tensor, of: Tensor) -> tuple[Tensor, Tensor]:
    weights = torch.linspace(-1, 1, made.numel()).view_as(made)
    (gradient,) = torch.autograd.grad((made * weights).sum(), of)
    return made.detach(), gradient


def test_prelu_is_torchs() -> None:
    x, slope = maps(), torch.linspace(-0.5, 1.5, 6)
    ours = value_and_gradient(frozen.prelu(x, slope), x)
    theirs = value_and_gradient(F.prelu(x, slope), x)
    torch.testing.assert_close(ours, theirs)
    assert frozen.prelu(x.bfloat16(), slope).dtype == torch.bfloat16


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 6), (2, 6)])
@pytest.mark.parametrize("padding", [0, 1])
def test_convolutions_are_torchs(size: int, stride: int, groups: int, padding: int) -> None:
    x = maps(size)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, 6 // groups, 3, 3, generator=generator)
    bias = torch.randn(6, generator=generator)
    ours = frozen.convolve(x, weight, bias, stride, padding, groups)
    theirs = F.conv2d(x, weight, bias, stride, padding, groups=groups)
    torch.testing.assert_close(value_and_gradient(ours, x), value_and_gradient(theirs, x))
    with torch.no_grad():
        torch.testing.assert_close(
            frozen.convolve(x, weight, bias, stride, padding, groups), theirs
        )
