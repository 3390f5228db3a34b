"""Generator against discriminator, with the loss chosen by name.

Pictures (B, C, S, S) are whatever the discriminator takes; the generator sees a discriminator that
stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.models.base import Moment
from faceloom.models.parts import beta_shares, frozen

RivalryKind = Literal["mixup", "least_squares", "relativistic", "hinge", "wasserstein"]


@dataclass(frozen=True)
class Rivalry:
    """Which adversarial loss, and what keeps the discriminator tame."""

    kind: RivalryKind = "mixup"
    """`mixup` is least squares on mixed pictures, Beta(.2, .2); `wasserstein` comes with the
    gradient penalty."""
    r1: float = 0.0
    gradient_penalty: float = 10.0
    spectral: bool = False
    """Spectral norm in the discriminator."""

    def judge(self, net: nn.Module, real: Tensor, fake: Tensor, moment: Moment) -> Tensor:
        """What the discriminator minimises; `fake` is detached here."""
        loss = self._judge(net, real, fake.detach(), moment)
        return loss + self.r1 * losses.r1_penalty(net, real) if self.r1 else loss

    def fool(self, net: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises; the discriminator gets no gradient."""
        with frozen(net):
            score = net(fake)
            if self.kind == "relativistic":
                with torch.no_grad():
                    truth = net(real)
                return losses.relativistic_generator(truth, score)
        if self.kind in ("hinge", "wasserstein"):
            return losses.raise_score(score)
        return losses.least_squares(score, 1.0)

    def _judge(self, net: nn.Module, real: Tensor, fake: Tensor, moment: Moment) -> Tensor:
        if self.kind == "mixup":
            share_B = beta_shares(0.2, len(real), moment).to(real.device)
            score = net(losses.mixup(real, fake, share_B))
            return losses.least_squares(score, share_B.view(-1, 1, 1, 1))
        truth, score = net(real), net(fake)
        if self.kind == "relativistic":
            return losses.relativistic_discriminator(truth, score)
        if self.kind == "hinge":
            return losses.hinge_discriminator(truth, score)
        if self.kind == "least_squares":
            # Halves, so that it weighs as much as the others (Zhu et al. 2017).
            return (losses.least_squares(truth, 1.0) + losses.least_squares(score, 0.0)) / 2
        share_B = torch.rand(len(real), generator=moment.generator).to(real.device)
        penalty = losses.gradient_penalty(net, real, fake, share_B)
        return losses.wasserstein_discriminator(truth, score) + self.gradient_penalty * penalty
