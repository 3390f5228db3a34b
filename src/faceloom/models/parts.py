"""What learners share: painted pictures, the shares of a mixup, networks that stand still.

Shapes: images (B, 3, S, S) in [-1, 1], alpha and its logits (B, 1, S, S).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from faceloom.models.base import Moment, SwapNet

G = TypeVar("G", bound=SwapNet)


@dataclass
class Painted:
    """What a decoder made of one side of a batch; `logit` is None where nothing is masked."""

    rgb: Tensor
    logit: Tensor | None
    result: Tensor

    @cached_property
    def alpha(self) -> Tensor:
        """Opacity, 1 everywhere without a mask."""
        return torch.ones_like(self.rgb[:, :1]) if self.logit is None else self.logit.sigmoid()


def composite(rgb: Tensor, logit: Tensor | None, under: Tensor) -> Painted:
    """Alpha * colour + (1 - alpha) * the picture underneath, in float32."""
    rgb = rgb.float()
    if logit is None:
        return Painted(rgb, None, rgb)
    logit = logit.float()
    painted = Painted(rgb, logit, rgb)
    painted.result = torch.lerp(under, rgb, painted.alpha)
    return painted


def beta_shares(concentration: float, count: int, moment: Moment) -> Tensor:
    """Beta(c, c) shares (count,), from the step's own generator, as a ratio of gammas."""
    shape = torch.full((count, 2), concentration)
    gammas = torch._standard_gamma(shape, generator=moment.generator).clamp_min(1e-30)
    return gammas[:, 0] / gammas.sum(dim=1)


def normal(like: Tensor, moment: Moment) -> Tensor:
    """Standard normal values of the shape of `like`, from the step's own generator."""
    return torch.randn(like.shape, generator=moment.generator).to(like.device)


def add_terms(terms: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Add to `terms` in place, summing those of one name (both sides of a batch)."""
    for name, value in found.items():
        terms[name] = terms[name] + value if name in terms else value


def settled(net: G, device: torch.device) -> G:
    """A net that stands still, where it is used, its convolutions' and products' weights as
    autocast takes them, so that these are not cast anew in every step. One that learns stays as it
    is."""
    net = net.to(device)
    if any(parameter.requires_grad for parameter in net.parameters()):
        return net
    if torch.is_autocast_enabled(device.type):
        kind = torch.get_autocast_dtype(device.type)
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.dtype != kind:
                module.to(kind)
    return net


@contextmanager
def frozen(net: nn.Module) -> Iterator[nn.Module]:
    """Within the block gradients pass through the network and its weights get none."""
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    try:
        yield net
    finally:
        for parameter in net.parameters():
            parameter.requires_grad_(True)


class NetLearner(Generic[G]):
    """A learner's networks: the generator, all that conversion needs, and those that only train it,
    by name."""

    def __init__(self, generator: G, **helpers: nn.Module) -> None:
        self.generator = generator
        self._helpers = helpers

    @property
    def swapper(self) -> G:
        return self.generator

    @property
    def generator_modules(self) -> nn.Module:
        return self.generator

    @property
    def all_modules(self) -> nn.Module:
        return nn.ModuleDict({"generator": self.generator, **self._helpers})
