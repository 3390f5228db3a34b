"""Codes with a known distribution: variational autoencoder and alphaGAN (Rosca et al. 2017,
arXiv:1706.04987).

`vae`: the encoder gives a Gaussian a face; its distance from N(0, 1) costs (KL with free bits,
annealed). `alpha`: a code discriminator tells codes from draws of N(0, 1), the encoder fools it,
and the image discriminators also judge faces painted from draws. `plain` asks nothing of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from faceloom import losses
from faceloom.data.batches import Batch
from faceloom.losses import Schedule
from faceloom.models.base import SIDES, Moment, Phase
from faceloom.models.coded import CodedConfig, CodedLearner, CodedWeights
from faceloom.models.pair import PairGenerator
from faceloom.models.parts import frozen, normal
from faceloom.nets.codes import CodeDiscriminator
from faceloom.nets.generators import Encoded, Encoder, GeneratorShape

CodeKind = Literal["plain", "vae", "alpha"]
ANNEALED_KL = Schedule(((0.0, 0.0), (0.3, 0.02)), linear=True)


@dataclass(frozen=True)
class AlphaWeights(CodedWeights):
    """The weight of every term."""

    code_adversarial: float = 0.02
    kl: Schedule = ANNEALED_KL
    """Annealed, so that the code is of use before it is pressed together (Bowman et al. 2016)."""
    free_nats: float = 0.05
    """A dimension of the code."""


@dataclass(frozen=True)
class AlphaGanConfig(CodedConfig):
    """What fixes a model whose code has a distribution."""

    weights: AlphaWeights = field(default_factory=AlphaWeights)
    code: CodeKind = "alpha"
    learner: Literal["alpha_gan"] = "alpha_gan"


class VariationalPair(PairGenerator):
    """A pair whose encoder gives mean and log-variance; conversion takes the mean."""

    def _encoder(self, shape: GeneratorShape) -> Encoder:
        return Encoder(replace(shape, code=2 * shape.code))

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.distribution(x_BCHW)[0]

    def distribution(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the codes, (B, D) each, float32, the latter within +-10."""
        mean_BD, log_variance_BD = self.encoder(x_BCHW).float().chunk(2, dim=1)
        return mean_BD, log_variance_BD.clamp(-10, 10)


class AlphaGan(CodedLearner):
    """The learner of all three kinds of code."""

    def __init__(self, config: AlphaGanConfig) -> None:
        generator = self.make_generator(config)
        self.code_judge = (
            CodeDiscriminator(config.shape.code, config.code_widths)
            if config.code == "alpha"
            else None
        )
        helpers = {} if self.code_judge is None else {"code_judge": self.code_judge}
        super().__init__(generator, config, **helpers)
        self.config = config

    @staticmethod
    def make_generator(config: AlphaGanConfig) -> PairGenerator:
        """The network that conversion uses."""
        return (VariationalPair if config.code == "vae" else PairGenerator)(config.shape)

    def phases(self) -> tuple[Phase, ...]:
        phases = super().phases()
        if self.code_judge is None:
            return phases
        rate = self.config.discriminator_rate
        code = Phase(
            "code", (self.code_judge,), self.code_loss, rate, self.config.adversarial_start,
            adversary=True,
        )  # fmt: skip
        return (*phases, code)

    def encoded(self, batch: Batch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        if not isinstance(self.generator, VariationalPair):
            return super().encoded(batch, moment)
        w = self.config.weights
        inputs = torch.cat([batch.a.warped_BCHW, batch.b.warped_BCHW])
        mean_BD, log_variance_BD = self.generator.distribution(inputs)
        codes = losses.reparameterised(mean_BD, log_variance_BD, normal(mean_BD, moment))
        kl = losses.kl_divergence(mean_BD, log_variance_BD, w.free_nats)
        return codes, {"kl": w.kl.at(moment.progress) * kl}

    def code_terms(self, moment: Moment) -> dict[str, Tensor]:
        if self.code_judge is None or not self.rivals_act(moment):
            return {}
        for side in SIDES:
            drawn_BD = normal(self.codes[side], moment)
            self.fakes[side].append(self.generator.decode(Encoded(drawn_BD), side)[0])
        with frozen(self.code_judge):
            score = self.code_judge(torch.cat(list(self.codes.values())))
        return {"code": self.config.weights.code_adversarial * losses.code_generator(score)}

    def code_loss(self, _batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """The code discriminator: draws of the prior against both sides' codes."""
        assert self.code_judge is not None
        codes_BD = torch.cat([self.codes[side].detach() for side in SIDES])
        drawn_BD = normal(codes_BD, moment)
        loss = losses.code_discriminator(self.code_judge(drawn_BD), self.code_judge(codes_BD))
        return {"code_judge": loss}
