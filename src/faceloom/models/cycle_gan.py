"""CycleGAN (Zhu et al. 2017, arXiv:1703.10593), without a mask and with one.

Two translators, one to each person, and a discriminator a person. A picture carried to the other
side and back should be itself (cycle); one of the own side should stay (identity). With a mask the
translator paints colour and alpha over its input, so that surroundings need not be repainted.
Inputs are the straight pictures: nothing has to be bent. There is no pool of old fakes: a batch
must depend on nothing but the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import Batch
from faceloom.faces.face import Patch
from faceloom.models.base import SIDES, Moment, Phase, ShownFaces, Side, SwapNet
from faceloom.models.parts import NetLearner, Painted, add_terms, composite
from faceloom.models.rivalry import Rivalry
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.translator import Translator, TranslatorShape


@dataclass(frozen=True)
class CycleWeights:
    """The weight of every term; those of the mask act where there is one."""

    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    mask: float = 0.5
    """Supervision by the mesh's hull."""
    mask_variation: float = 0.1


@dataclass(frozen=True)
class CycleGanConfig:
    """What fixes a CycleGAN."""

    shape: TranslatorShape = field(default_factory=TranslatorShape)
    weights: CycleWeights = field(default_factory=CycleWeights)
    rivalry: Rivalry = field(default_factory=lambda: Rivalry("least_squares"))
    discriminator_width: int = 48
    discriminator_stem: int = 2
    discriminator_rate: float = 1.0
    learner: Literal["cycle_gan"] = "cycle_gan"


class TranslatorPair(SwapNet):
    """One translator to each side. It has no code: what the translators take is the picture."""

    def __init__(self, shape: TranslatorShape, coverage: float = 1.0) -> None:
        super().__init__()
        self.size_px = shape.size_px
        self.coverage = coverage
        self.translators = nn.ModuleDict({side: Translator(shape) for side in SIDES})

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def paint(self, x_BCHW: Tensor, to: Side) -> Painted:
        """The pictures as person `to`, over themselves where there is a mask."""
        rgb, logit = self.translators[to](x_BCHW)
        return composite(rgb, logit, x_BCHW)

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:  # noqa: ARG002
        painted = self.paint(x_BCHW, to)
        return Patch(painted.rgb, painted.alpha)


class CycleGan(NetLearner[TranslatorPair]):
    """The learner."""

    def __init__(self, config: CycleGanConfig) -> None:
        generator = self.make_generator(config)
        width, stem = config.discriminator_width, config.discriminator_stem
        spectral = config.rivalry.spectral
        self.discriminators = nn.ModuleDict(
            {side: PatchDiscriminator(width, stem, 3, spectral) for side in SIDES}
        )
        super().__init__(generator, discriminators=self.discriminators)
        self.config = config
        self._swapped: dict[Side, Tensor] = {}

    @staticmethod
    def make_generator(config: CycleGanConfig) -> TranslatorPair:
        """The network that conversion uses."""
        return TranslatorPair(config.shape)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("generator", (self.generator,), self.generator_loss, adversary=True),
            Phase(
                "discriminator",
                (self.discriminators,),
                self.discriminator_loss,
                lr=self.config.discriminator_rate,
                adversary=True,
            ),
        )

    def generator_loss(self, batch: Batch, _moment: Moment) -> dict[str, Tensor]:
        """There and back, and staying, for both sides."""
        w, terms = self.config.weights, dict[str, Tensor]()
        pictures = dict(zip(SIDES, (share.target_BCHW for share in batch.sides), strict=True))
        # Each translator once for both sides' pictures: weights cost more than pictures.
        both = torch.cat(list(pictures.values()))
        made = {to: _by_side(self.generator.paint(both, to)) for to in SIDES}
        for side, other, share in zip(SIDES, SIDES[::-1], batch.sides, strict=True):
            there, stayed = made[other][side], made[side][side].result
            self._swapped[other] = there.result
            back = self.generator.paint(there.result, side).result
            fooling = self.config.rivalry.fool(
                self.discriminators[other], pictures[other], there.result
            )
            found = {
                "adversarial": w.adversarial * fooling,
                "cycle": w.cycle * losses.cycle(pictures[side], back),
                "identity": w.identity * losses.cycle(pictures[side], stayed),
            }
            if there.logit is not None:
                found["mask"] = w.mask * losses.mask_supervision(there.logit, share.hull_B1HW)
                found["variation"] = w.mask_variation * losses.total_variation(there.alpha)
            add_terms(terms, found)
        return terms

    def discriminator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Real faces of a person against faces made into that person."""
        terms: dict[str, Tensor] = {}
        for side, share in zip(SIDES, batch.sides, strict=True):
            loss = self.config.rivalry.judge(
                self.discriminators[side], share.target_BCHW, self._swapped[side], moment
            )
            add_terms(terms, {"discriminator": loss})
        return terms


def _by_side(painted: Painted) -> dict[Side, Painted]:
    """What was made of each side's pictures, painted in one batch."""
    logits = (None, None) if painted.logit is None else painted.logit.chunk(2)
    parts = zip(painted.rgb.chunk(2), logits, painted.result.chunk(2), strict=True)
    return {side: Painted(*part) for side, part in zip(SIDES, parts, strict=True)}
