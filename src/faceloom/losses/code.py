"""What a code should be: like the prior's, or without trace of the person's side.

Codes are (B, D); mean and log-variance are those of a diagonal Gaussian a sample.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from faceloom.losses.shapes import Scalar, Scores, Vectors, at_least_single


def reparameterised(mean_BD: Vectors, log_variance_BD: Vectors, noise_BD: Vectors) -> Vectors:
    """Mean + sigma noise, noise ~ N(0, 1) (Kingma & Welling 2013, arXiv:1312.6114)."""
    return mean_BD + torch.exp(0.5 * log_variance_BD) * noise_BD


def kl_divergence(mean_BD: Vectors, log_variance_BD: Vectors, free_nats: float = 0.0) -> Scalar:
    """sum_d max(free, mean_b KL_bd) / D, KL = (mean^2 + var - 1 - log var) / 2, against N(0, 1).

    In nats a dimension; `free_nats` a dimension cost nothing (free bits, Kingma et al. 2016,
    arXiv:1606.04934), which keeps dimensions from being given up.
    """
    mean, log_variance = at_least_single(mean_BD), at_least_single(log_variance_BD)
    kl_BD = (mean**2 + log_variance.exp() - 1 - log_variance) / 2
    return kl_BD.mean(dim=0).clamp_min(free_nats).mean()


def code_discriminator(prior: Scores, encoded: Scores) -> Scalar:
    """-mean log s(C(z)) - mean log(1 - s(C(e))), z of the prior, e encoded, s the sigmoid.

    The code discriminator of the adversarial autoencoder and of alphaGAN (Rosca et al. 2017,
    arXiv:1706.04987), which takes the place of the KL term.
    """
    return F.softplus(-at_least_single(prior)).mean() + F.softplus(at_least_single(encoded)).mean()


def code_generator(encoded: Scores) -> Scalar:
    """-mean log s(C(e)): codes that look like the prior's; not saturating where C is sure."""
    return F.softplus(-at_least_single(encoded)).mean()


def domain_confusion(logit: Scores, domain: Float[Tensor, " b"]) -> Scalar:
    """Binary cross-entropy of the side (0 or 1) that a classifier reads from codes.

    On codes that went through `reverse_gradient` one descent trains both: the classifier to tell
    the sides apart, the encoder to hide them (Ganin et al. 2016, arXiv:1505.07818).
    """
    return F.binary_cross_entropy_with_logits(
        at_least_single(logit).flatten(1).mean(dim=1), at_least_single(domain)
    )


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """x, whose gradient comes back as -strength times what arrived (Ganin et al. 2016)."""
    return _Reversal.apply(x, strength)
