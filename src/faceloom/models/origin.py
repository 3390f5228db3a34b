"""faceswap-GAN v1, v2 and v2.2 (2018): one learner, each version a set of values.

v1 paints colour only; v2 colour and alpha; v2.2 adds smaller outputs, attention, norms, edge and
eye losses and a schedule. Result = alpha * colour + (1 - alpha) * warped input. Adam's momentum
is .5 for both players, the discriminator's rate twice the generator's.

Schedule: the perceptual loss and the mask's hinge come and go by progress; late in the run the two
decoders are exchanged between the persons once, so that each learns its person from the other's
weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom import losses
from faceloom.data.batches import Batch, SideBatch
from faceloom.faces.face import Patch
from faceloom.losses import V2_2_WEIGHTS, Schedule
from faceloom.models.base import SIDES, Moment, Phase, ShownFaces, Side, SwapNet
from faceloom.models.parts import NetLearner, Painted, add_terms, beta_shares, composite
from faceloom.models.rivalry import Rivalry
from faceloom.nets.features import FaceCritic
from faceloom.nets.origin import (
    OriginDecoder,
    OriginDiscriminator,
    OriginEncoder,
    OriginShape,
    Painting,
)

FROM_20_PERCENT = Schedule(((0.0, 0.0), (0.2, 1.0)))
V2_2_HINGE = Schedule(
    ((0.0, 0.0), (0.3, 0.5), (0.4, 0.2), (0.5, 0.4), (0.67, 0.0), (0.8, 0.1), (0.9, 0.0))
)
V2_2_RATE = Schedule(((0.0, 1.0), (0.67, 0.3), (0.8, 0.09), (0.9, 0.009)))


@dataclass(frozen=True)
class OriginWeights:
    """The weight of every term; the defaults are v2.2's."""

    l1: float = 1.0
    edge: float = 0.1
    eyes: float = 30.0
    """On both of these, within the eyes."""
    adversarial: float = 0.1
    """On the masked result and on the bare colour."""
    perceptual: tuple[float, ...] = V2_2_WEIGHTS
    """Layers of the frozen face network, deep to shallow, at most four; empty for none."""
    perceptual_share: Schedule = FROM_20_PERCENT
    cycle: float = 0.0
    mask_size: float = 0.01
    """While no hinge acts."""
    mask_hinge: float = 0.1
    mask_hinge_share: Schedule = V2_2_HINGE
    """The alpha below which the hinge acts; 0 turns it off."""
    mask_variation: float = 0.1
    mask_supervision: float = 0.0
    """By the mesh's hull, which the origin had not."""
    weight_size: float = 1e-4
    """On the sum of squares of the generator's weights."""


@dataclass(frozen=True)
class OriginConfig:
    """What fixes a model of the origin's family."""

    shape: OriginShape = field(default_factory=OriginShape)
    weights: OriginWeights = field(default_factory=OriginWeights)
    rivalry: Rivalry = field(default_factory=Rivalry)
    discriminator_width: int = 64
    discriminator_rate: float = 2.0
    rate: Schedule = V2_2_RATE
    """Factor on the learning rate of both players."""
    exchange: float | None = 0.8
    """Progress at which the decoders are exchanged."""
    learner: Literal["origin"] = "origin"


class OriginPair(SwapNet):
    """The shared encoder and both decoders; the code that decoders take is a map (B, C, P, P)."""

    def __init__(self, shape: OriginShape, coverage: float = 1.0) -> None:
        super().__init__()
        self.size_px = shape.size_px
        self.coverage = coverage
        self.encoder = OriginEncoder(shape)
        self.decoders = nn.ModuleDict({side: OriginDecoder(shape) for side in SIDES})

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.encoder(x_BCHW)

    def decode(self, code_BCHW: Tensor, to: Side) -> Painting:
        """Colour, alpha logits if it has a mask, and colour at smaller sizes."""
        return self.decoders[to](code_BCHW)

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:  # noqa: ARG002
        rgb, logit, _ = self.decode(self.encode(x_BCHW), to)
        return Patch(rgb, Painted(rgb, logit, rgb).alpha)


class _Marks(nn.Module):
    """What a run must remember beside weights."""

    exchanged: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("exchanged", torch.zeros((), dtype=torch.bool))


class OriginLearner(NetLearner[OriginPair]):
    """The learner of every version."""

    def __init__(self, config: OriginConfig) -> None:
        generator = self.make_generator(config)
        self.discriminators = nn.ModuleDict(
            {
                side: OriginDiscriminator(
                    config.shape, config.discriminator_width, config.rivalry.spectral
                )
                for side in SIDES
            }
        )
        self._marks = _Marks()
        super().__init__(generator, discriminators=self.discriminators, marks=self._marks)
        self.config = config
        self.critic = FaceCritic(config.shape.size_px, 1.0) if config.weights.perceptual else None
        self._painted: dict[Side, Painted] = {}

    @staticmethod
    def make_generator(config: OriginConfig) -> OriginPair:
        """The network that conversion uses."""
        return OriginPair(config.shape)

    def phases(self) -> tuple[Phase, ...]:
        fall = self.config.rate
        rate = self.config.discriminator_rate
        players = (self.discriminators,)
        return (
            Phase("generator", (self.generator,), self.generator_loss, adversary=True, fall=fall),
            Phase(
                "discriminator", players, self.discriminator_loss, rate, adversary=True, fall=fall
            ),
        )

    def generator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """All terms of both sides whose weights are not 0 at this progress."""
        self._exchange(moment)
        codes = self.generator.encode(torch.cat([batch.a.warped_BCHW, batch.b.warped_BCHW]))
        terms: dict[str, Tensor] = {}
        for side, share, code in zip(SIDES, batch.sides, codes.chunk(2), strict=True):
            rgb, logit, smaller = self.generator.decode(code, side)
            painted = self._painted[side] = composite(rgb, logit, share.warped_BCHW)
            add_terms(terms, self._reconstruction(painted, smaller, share))
            add_terms(terms, self._mask(painted, share, moment))
            add_terms(terms, self._adversarial(side, painted, share))
            add_terms(terms, self._perceptual(painted, share, moment))
        if self.config.weights.cycle:
            terms["cycle"] = self.config.weights.cycle * self._cycle(batch)
        if self.config.weights.weight_size:
            terms["weight_size"] = self.config.weights.weight_size * self._weight_size()
        return terms

    def discriminator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Each person's discriminator on the masked result and on the bare colour, both beside the
        warped input."""
        rivalry, terms = self.config.rivalry, dict[str, Tensor]()
        for side, share in zip(SIDES, batch.sides, strict=True):
            real = _beside(share.target_BCHW, share)
            for fake in self._judged(self._painted[side]):
                loss = rivalry.judge(self.discriminators[side], real, _beside(fake, share), moment)
                add_terms(terms, {"discriminator": loss})
        return terms

    def _exchange(self, moment: Moment) -> None:
        at = self.config.exchange
        if at is None or moment.progress < at or bool(self._marks.exchanged):
            return
        decoders = self.generator.decoders
        states = [
            {name: tensor.clone() for name, tensor in decoders[side].state_dict().items()}
            for side in SIDES
        ]
        for side, state in zip(SIDES, reversed(states), strict=True):
            decoders[side].load_state_dict(state)
        self._marks.exchanged.fill_(True)

    def _judged(self, painted: Painted) -> list[Tensor]:
        return [painted.rgb] if painted.logit is None else [painted.result, painted.rgb]

    def _adversarial(self, side: Side, painted: Painted, share: SideBatch) -> dict[str, Tensor]:
        net, real = self.discriminators[side], _beside(share.target_BCHW, share)
        total = sum(
            (
                self.config.rivalry.fool(net, real, _beside(fake, share))
                for fake in self._judged(painted)
            ),
            torch.zeros((), device=real.device),
        )
        return {"adversarial": self.config.weights.adversarial * total}

    def _reconstruction(
        self, painted: Painted, smaller: list[Tensor], share: SideBatch
    ) -> dict[str, Tensor]:
        w, target = self.config.weights, share.target_BCHW
        focus = 1 + w.eyes * share.eyes_B1HW
        # The losses are means over the weight; the origin's are means over the picture.
        gain = focus.mean()
        l1 = gain * losses.weighted_l1(painted.rgb, target, focus)
        for small in smaller:
            wanted = F.interpolate(target, size=small.shape[-2:], mode="area")
            l1 = l1 + losses.weighted_l1(small, wanted, torch.ones_like(small[:, :1]))
        terms = {"l1": w.l1 * l1}
        if w.edge:
            terms["edge"] = w.edge * gain * losses.weighted_edge(painted.rgb, target, focus)
        return terms

    def _mask(self, painted: Painted, share: SideBatch, moment: Moment) -> dict[str, Tensor]:
        if painted.logit is None:
            return {}
        w, alpha = self.config.weights, painted.alpha
        hinge_share = w.mask_hinge_share.at(moment.progress)
        terms = {"variation": w.mask_variation * losses.total_variation(alpha)}
        if hinge_share > 0:
            terms["mask"] = w.mask_hinge * losses.mask_hinge(alpha, hinge_share)
        else:
            terms["mask"] = w.mask_size * losses.mask_size(alpha)
        if w.mask_supervision:
            supervision = losses.mask_supervision(painted.logit, share.hull_B1HW)
            terms["supervision"] = w.mask_supervision * supervision
        return terms

    def _perceptual(self, painted: Painted, share: SideBatch, moment: Moment) -> dict[str, Tensor]:
        """Features of a mixup of bare colour and masked result against the target's."""
        part = self.config.weights.perceptual_share.at(moment.progress)
        if self.critic is None or part == 0:
            return {}
        share_B = beta_shares(0.2, len(painted.rgb), moment).to(painted.rgb.device)
        mixed = losses.mixup(painted.rgb, painted.result, share_B)
        weights = self.config.weights.perceptual
        with torch.no_grad():
            wanted = self.critic.depths(share.target_BCHW)[: len(weights)]
        found = self.critic.depths(mixed)[: len(weights)]
        return {"perceptual": part * losses.perceptual_distance(found, wanted, weights)}

    def _cycle(self, batch: Batch) -> Tensor:
        """To the other person and back, both sides."""
        total = torch.zeros((), device=batch.a.target_BCHW.device)
        for side, other, share in zip(SIDES, SIDES[::-1], batch.sides, strict=True):
            picture = share.target_BCHW
            for to in (other, side):
                rgb, logit, _ = self.generator.decode(self.generator.encode(picture), to)
                picture = composite(rgb, logit, picture).result
            total = total + losses.cycle(share.target_BCHW, picture)
        return total

    def _weight_size(self) -> Tensor:
        weights = [p for p in self.generator.parameters() if p.ndim > 1]
        # By way of the norm, which reads 70 M weights once and not thrice.
        norms = [torch.linalg.vector_norm(weight, dtype=torch.float32) for weight in weights]
        return torch.stack(norms).square().sum()


def _beside(picture: Tensor, share: SideBatch) -> Tensor:
    return torch.cat([picture, share.warped_BCHW], dim=1)
