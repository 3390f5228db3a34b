"""Losses of two players: what a discriminator minimises, and what the generator does.

Scores are a discriminator's raw outputs, (B, ...) of any number of patches; values are means over
them. Spectral norm, the other means against a wild discriminator, is an option of the networks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from faceloom.losses.shapes import Maps, Plane, Scalar, Scores, at_least_single


def least_squares(score: Plane, target: Float[Tensor, "b 1 1 1"] | float) -> Scalar:
    """mean((D - t)^2), Mao et al. 2017 (arXiv:1611.04076); `target` broadcasts over the patches."""
    return ((at_least_single(score) - target) ** 2).mean()


def mixup(
    real: Float[Tensor, "b c h w"], fake: Float[Tensor, "b c h w"], share_B: Float[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """Share * real + (1 - share) * fake, one share a sample (Zhang et al., arXiv:1710.09412)."""
    return torch.lerp(fake, real, share_B.view(-1, 1, 1, 1))


def relativistic_discriminator(real: Scores, fake: Scores) -> Scalar:
    """mean((D(x) - mean D(y) - 1)^2) / 2 + mean((D(y) - mean D(x) + 1)^2) / 2, x real, y fake.

    Relativistic average least squares (Jolicoeur-Martineau 2018, arXiv:1807.00734): real should
    score higher than fake does on average, and the other way round.
    """
    real, fake = at_least_single(real), at_least_single(fake)
    return ((real - fake.mean() - 1).square().mean() + (fake - real.mean() + 1).square().mean()) / 2


def relativistic_generator(real: Scores, fake: Scores) -> Scalar:
    """The same with the roles exchanged: fake should score higher than real."""
    return relativistic_discriminator(fake, real)


def hinge_discriminator(real: Scores, fake: Scores) -> Scalar:
    """Mean max(0, 1 - D(x)) + mean max(0, 1 + D(y)) (Lim & Ye 2017, arXiv:1705.02894)."""
    return F.relu(1 - at_least_single(real)).mean() + F.relu(1 + at_least_single(fake)).mean()


def wasserstein_discriminator(real: Scores, fake: Scores) -> Scalar:
    """Mean D(y) - mean D(x) (Arjovsky et al. 2017, arXiv:1701.07875)."""
    return at_least_single(fake).mean() - at_least_single(real).mean()


def raise_score(fake: Scores) -> Scalar:
    """-mean D(y): the generator's part of the hinge and Wasserstein losses."""
    return -at_least_single(fake).mean()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Maps,
    fake: Maps,
    share_B: Float[Tensor, " b"],
) -> Scalar:
    """mean((|grad D(z)| - 1)^2) at z = share x + (1 - share) y, share uniform in [0, 1] (WGAN-GP,
    Gulrajani et al. 2017, arXiv:1704.00028)."""
    mixed = mixup(real.detach(), fake.detach(), share_B)
    return (_slope(discriminator, mixed) - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Maps) -> Scalar:
    """Mean |grad D(x)|^2 / 2 at real pictures (Mescheder et al. 2018, arXiv:1801.04406)."""
    return _slope(discriminator, real.detach()).square().mean() / 2


def _slope(discriminator: Callable[[Tensor], Tensor], at_BCHW: Tensor) -> Tensor:
    """|grad of the sample's mean score|, (B,), in full precision: it is differentiated again."""
    at_BCHW = at_BCHW.requires_grad_()
    # Fused attention cannot be differentiated twice.
    with torch.autocast(at_BCHW.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
        score_B = discriminator(at_BCHW).flatten(1).mean(dim=1)
        (grad,) = torch.autograd.grad(score_B.sum(), at_BCHW, create_graph=True)
    return (grad.flatten(1).square().sum(dim=1) + 1e-12).sqrt()
