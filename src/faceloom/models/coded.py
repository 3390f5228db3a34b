"""Pair models that ask something of the code: restoring, an image discriminator, and room for more.

A decoder's bare colour is judged, against the face carried on beyond its outline, so that pictures
with no input of their own (from a code of the prior, or of the other side) are judged alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import Batch
from faceloom.models.base import SIDES, Moment, Phase, Side
from faceloom.models.pair import PairGenerator, ReconstructionWeights, reconstruction_terms
from faceloom.models.parts import NetLearner, add_terms, composite
from faceloom.models.rivalry import Rivalry
from faceloom.nets.codes import CODE_WIDTHS
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.generators import Encoded, GeneratorShape


@dataclass(frozen=True)
class CodedWeights(ReconstructionWeights):
    """The weight of every term."""

    adversarial: float = 0.05


@dataclass(frozen=True)
class CodedConfig:
    """What these models' configurations have in common."""

    shape: GeneratorShape
    weights: CodedWeights = field(default_factory=CodedWeights)
    rivalry: Rivalry = field(default_factory=Rivalry)
    adversarial_start: float = 0.25
    """Progress from which all discriminators of pictures and of drawn codes act."""
    discriminator_width: int = 48
    discriminator_rate: float = 0.5
    """Factor on the generator's learning rate."""
    code_widths: tuple[int, ...] = CODE_WIDTHS
    """Of the network that judges codes."""


class CodedLearner(NetLearner[PairGenerator], ABC):
    """What alphaGAN, VAE, XGAN and any-to-one have in common.

    A subclass says how inputs become codes (`encoded`) and what else it asks (`code_terms`), which
    may add to `fakes`, the pictures that a side's discriminator judges.
    """

    def __init__(self, generator: PairGenerator, config: CodedConfig, **helpers: nn.Module) -> None:
        width, stem = config.discriminator_width, config.shape.stem
        spectral = config.rivalry.spectral
        self.discriminators = nn.ModuleDict(
            {side: PatchDiscriminator(width, stem, 3, spectral) for side in SIDES}
        )
        super().__init__(generator, discriminators=self.discriminators, **helpers)
        self._common = config
        self.codes: dict[Side, Tensor] = {}
        self.inputs: dict[Side, Tensor] = {}
        self.fakes: dict[Side, list[Tensor]] = {}
        self._reals: dict[Side, Tensor] = {}

    def encoded(self, batch: Batch, _moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes of both sides' inputs, a then b (2 B, D), and what their making costs."""
        return self.generator.encode(torch.cat([share.warped_BCHW for share in batch.sides])), {}

    @abstractmethod
    def code_terms(self, moment: Moment) -> dict[str, Tensor]:
        """What is asked beyond restoring, once both sides are painted."""

    def rivals_act(self, moment: Moment) -> bool:
        """Whether the discriminators are trained and fooled yet."""
        return moment.progress >= self._common.adversarial_start

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("generator", self.trained(), self.generator_loss),
            Phase(
                "discriminator",
                (self.discriminators,),
                self.discriminator_loss,
                lr=self._common.discriminator_rate,
                start=self._common.adversarial_start,
                adversary=True,
            ),
        )

    def trained(self) -> tuple[nn.Module, ...]:
        """The modules of the generator's phase."""
        return (self.generator,)

    def generator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Restoring of both sides, the subclass's terms, and fooling once rivals act."""
        codes, terms = self.encoded(batch, moment)
        for side, share, code in zip(SIDES, batch.sides, codes.chunk(2), strict=True):
            self.codes[side], self.inputs[side] = code, share.warped_BCHW
            painted = composite(*self.generator.decode(Encoded(code), side), share.warped_BCHW)
            real = losses.extended(share.target_BCHW, share.hull_B1HW)
            self._reals[side], self.fakes[side] = real, [painted.rgb]
            add_terms(terms, reconstruction_terms(painted, share, self._common.weights, real))
        add_terms(terms, self.code_terms(moment))
        if self.rivals_act(moment):
            rivalry, weight = self._common.rivalry, self._common.weights.adversarial
            for side in SIDES:
                fooling = rivalry.fool(self.discriminators[side], *self._pictures(side))
                add_terms(terms, {"adversarial": weight * fooling})
        return terms

    def discriminator_loss(self, _batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Real faces of a side against all that was painted as it."""
        terms: dict[str, Tensor] = {}
        for side in SIDES:
            net = self.discriminators[side]
            loss = self._common.rivalry.judge(net, *self._pictures(side), moment)
            add_terms(terms, {"discriminator": loss})
        return terms

    def _pictures(self, side: Side) -> tuple[Tensor, Tensor]:
        """As many real as painted ones."""
        fakes = self.fakes[side]
        return self._reals[side].repeat(len(fakes), 1, 1, 1), torch.cat(fakes)
