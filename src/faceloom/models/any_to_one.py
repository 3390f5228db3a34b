"""Any person to one, and XGAN: codes that do not say whose they are, and survive the swap.

Side a may be many people; side b is one. A classifier reads the side from the codes and its
gradient comes back reversed (Ganin et al. 2016, arXiv:1505.07818), so that the decoder of b meets
no other codes in use than in training. The swapped face must have the code of the face it was made
of (semantic consistency: XGAN, Royer et al. 2017, arXiv:1711.05139). As the single side is small,
its inputs are varied more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom import losses
from faceloom.data.batches import Batch
from faceloom.losses import Schedule
from faceloom.models.base import SIDES, Moment, Side
from faceloom.models.coded import CodedConfig, CodedLearner, CodedWeights
from faceloom.models.pair import PairGenerator
from faceloom.models.parts import composite, normal
from faceloom.nets.codes import CodeDiscriminator
from faceloom.nets.generators import Encoded

RAMPED = Schedule(((0.0, 0.0), (0.5, 1.0)), linear=True)


@dataclass(frozen=True)
class AnyToOneWeights(CodedWeights):
    """The weight of every term."""

    domain: float = 0.1
    reversal: Schedule = RAMPED
    """Strength of the reversed gradient: the classifier learns first."""
    semantic: float = 0.1


@dataclass(frozen=True)
class AnyToOneConfig(CodedConfig):
    """What fixes an any-to-one model."""

    weights: AnyToOneWeights = field(default_factory=AnyToOneWeights)
    single: Side | None = "b"
    """The side whose inputs are varied more; None for neither (XGAN)."""
    colour_spread: float = 0.15
    """Deviation of a channel's gain and offset on the single side's inputs."""
    unit_code: bool = False
    """Codes of length 1 (the origin's v2.1)."""
    learner: Literal["any_to_one"] = "any_to_one"


class UnitPair(PairGenerator):
    """A pair whose codes have length 1."""

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return F.normalize(super().encode(x_BCHW).float(), dim=1)


class AnyToOne(CodedLearner):
    """The learner."""

    def __init__(self, config: AnyToOneConfig) -> None:
        generator = self.make_generator(config)
        self.domain = CodeDiscriminator(config.shape.code, config.code_widths)
        super().__init__(generator, config, domain=self.domain)
        self.config = config

    @staticmethod
    def make_generator(config: AnyToOneConfig) -> PairGenerator:
        """The network that conversion uses."""
        return (UnitPair if config.unit_code else PairGenerator)(config.shape)

    def trained(self) -> tuple[nn.Module, ...]:
        # One descent trains both: the reversed gradient makes rivals of them.
        return (self.generator, self.domain)

    def encoded(self, batch: Batch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        seen = [
            self._varied(share.warped_BCHW, moment)
            if side == self.config.single
            else share.warped_BCHW
            for side, share in zip(SIDES, batch.sides, strict=True)
        ]
        return self.generator.encode(torch.cat(seen)), {}

    def _varied(self, x_BCHW: Tensor, moment: Moment) -> Tensor:
        """Other gains and offsets of each channel of each picture."""
        spread, each = self.config.colour_spread, x_BCHW[:, :, :1, :1]
        gain, offset = spread * normal(each, moment), spread * normal(each, moment)
        return (x_BCHW * (1 + gain) + offset).clamp(-1, 1)

    def code_terms(self, moment: Moment) -> dict[str, Tensor]:
        w = self.config.weights
        codes_BD = torch.cat([self.codes[side] for side in SIDES])
        reversed_BD = losses.reverse_gradient(codes_BD, w.reversal.at(moment.progress))
        whose_B = torch.arange(2, device=codes_BD.device).repeat_interleave(len(codes_BD) // 2)
        confusion = losses.domain_confusion(self.domain(reversed_BD), whose_B.float())
        terms = {"domain": w.domain * confusion}
        swapped = []
        for side, other in zip(SIDES, SIDES[::-1], strict=True):
            painted = composite(
                *self.generator.decode(Encoded(self.codes[side]), other), self.inputs[side]
            )
            self.fakes[other].append(painted.rgb)
            swapped.append(painted.result)
        again_BD = self.generator.encode(torch.cat(swapped))
        terms["semantic"] = w.semantic * losses.semantic_consistency(codes_BD, again_BD)
        return terms
