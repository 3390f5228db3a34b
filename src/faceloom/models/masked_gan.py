"""The masked pair model: one encoder, two decoders that paint colour and alpha, two discriminators.

The method of faceswap-GAN (2018), rebuilt for CPUs: result = alpha * colour + (1 - alpha) * input.
Each decoder learns to restore its own person's face from a bent one; as the encoder is shared, a
code of person A decoded as B gives B's face with A's expression, pose and light.

Schedule: reconstruction from the start; discriminators, identity and features once it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import Batch, SideBatch
from faceloom.faces.face import Patch
from faceloom.models.base import SIDES, Moment, Phase, Side
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.features import FaceCritic
from faceloom.nets.generators import Decoder, Encoder, GeneratorShape

_OWN_SPREAD = 0.2
"""Pictures of one person are about this far from their mean; to come nearer is to fool the net."""


@dataclass(frozen=True)
class LossWeights:
    """The weight of every term; those of the frozen critic hold for one face of the batch share."""

    background: float = 0.2
    """Weight of a pixel outside the hull, where skin is carried on; one inside has 1."""
    eyes: float = 12.0
    mouth: float = 8.0
    l1: float = 1.0
    dssim: float = 0.8
    edge: float = 0.5
    mask: float = 0.1
    mask_variation: float = 0.02
    adversarial: float = 0.05
    identity: float = 0.1
    swap_identity: float = 0.1
    features: float = 0.3


@dataclass(frozen=True)
class Schedule:
    """When, as shares of the whole run, and how often the later terms act."""

    adversarial_start: float = 0.4
    critic_start: float = 0.25
    critic_every: int = 8
    critic_faces: int = 4
    """Faces of each side that the frozen critic sees; it costs more than the model itself."""


@dataclass(frozen=True)
class MaskedGanConfig:
    """What fixes a masked pair model."""

    shape: GeneratorShape
    discriminator_width: int = 48
    discriminator_rate: float = 0.5
    """Factor on the generator's learning rate."""
    weights: LossWeights = field(default_factory=LossWeights)
    schedule: Schedule = field(default_factory=Schedule)


class PairGenerator(nn.Module):
    """The shared encoder and both decoders: all that conversion needs."""

    def __init__(self, shape: GeneratorShape, coverage: float = 1.0) -> None:
        super().__init__()
        self.size_px = shape.size_px
        self.coverage = coverage
        self.encoder = Encoder(shape)
        self.decoders = nn.ModuleDict({side: Decoder(shape) for side in SIDES})

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.encoder(x_BCHW)

    def decode(self, code_BD: Tensor, to: Side) -> tuple[Tensor, Tensor]:
        """Colour in [-1, 1] and alpha logits."""
        return self.decoders[to](code_BD)

    def swap(self, x_BCHW: Tensor, to: Side) -> Patch:
        rgb_BCHW, logit_B1HW = self.decode(self.encode(x_BCHW), to)
        return Patch(rgb_BCHW.float(), torch.sigmoid(logit_B1HW.float()))


@dataclass
class _Painted:
    """What the generator made of one side of a batch, kept for the other phases of the step."""

    rgb: Tensor
    logit: Tensor
    result: Tensor


class MaskedGan:
    """The learner. `identities` are both sides' mean identity vectors (2, 512), for the swap's
    identity loss; None leaves that term out."""

    def __init__(self, config: MaskedGanConfig, identities: Tensor | None = None) -> None:
        self.config = config
        self.generator = PairGenerator(config.shape)
        self.discriminators = nn.ModuleDict(
            {
                side: PatchDiscriminator(config.discriminator_width, config.shape.stem)
                for side in SIDES
            }
        )
        self.critic = FaceCritic(config.shape.size_px, 1.0)
        self.identities = identities
        self._painted: dict[Side, _Painted] = {}
        self._codes: dict[Side, Tensor] = {}

    @property
    def swapper(self) -> PairGenerator:
        return self.generator

    @property
    def generator_modules(self) -> nn.Module:
        return self.generator

    @property
    def all_modules(self) -> nn.Module:
        return nn.ModuleDict({"generator": self.generator, "discriminators": self.discriminators})

    def phases(self) -> tuple[Phase, ...]:
        start = self.config.schedule.adversarial_start
        return (
            Phase(
                "generator",
                (self.generator,),
                self.generator_loss,
                observed=frozenset({"swap_cosine"}),
            ),
            Phase(
                "discriminator",
                (self.discriminators,),
                self.discriminator_loss,
                lr=self.config.discriminator_rate,
                start=start,
                adversary=True,
            ),
        )

    def generator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Reconstruction of both sides, and from their starting points on the later terms."""
        schedule = self.config.schedule
        codes = self.generator.encode(torch.cat([batch.a.warped_BCHW, batch.b.warped_BCHW]))
        terms: dict[str, Tensor] = {}
        for side, share, code in zip(SIDES, batch.sides, codes.chunk(2), strict=True):
            self._codes[side] = code
            rgb, logit = self.generator.decode(code, side)
            painted = self._composite(rgb, logit, share.warped_BCHW)
            self._painted[side] = painted
            found = self._reconstruction(painted, share)
            if moment.progress >= schedule.adversarial_start:
                found["adversarial"] = self._fooling(side, share)
            _add(terms, found)
        critic_turn = moment.step % schedule.critic_every == 0
        if moment.progress >= schedule.critic_start and critic_turn:
            _add(terms, self._critique(batch))
        return terms

    def discriminator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Mixup least squares: D(share * real + (1 - share) * fake) -> share, Beta(.2, .2)."""
        terms: dict[str, Tensor] = {}
        for side, share in zip(SIDES, batch.sides, strict=True):
            count = len(share.target_BCHW)
            mix_B = _beta(0.2, count, moment)
            real = torch.cat([share.target_BCHW, share.warped_BCHW], dim=1)
            fake = torch.cat([self._judged(side, share).detach(), share.warped_BCHW], dim=1)
            score = self.discriminators[side](losses.mixup(real, fake, mix_B))
            _add(terms, {"discriminator": losses.least_squares(score, mix_B.view(-1, 1, 1, 1))})
        return terms

    def _composite(self, rgb: Tensor, logit: Tensor, under: Tensor) -> _Painted:
        rgb, logit = rgb.float(), logit.float()
        alpha = torch.sigmoid(logit)
        return _Painted(rgb, logit, alpha * rgb + (1 - alpha) * under)

    def _reconstruction(self, painted: _Painted, share: SideBatch) -> dict[str, Tensor]:
        w = self.config.weights
        focus = w.background + (1 - w.background) * share.hull_B1HW
        focus = focus + w.eyes * share.eyes_B1HW + w.mouth * share.mouth_B1HW
        target = losses.extended(share.target_BCHW, share.hull_B1HW)
        return {
            "l1": w.l1 * losses.weighted_l1(painted.rgb, target, focus),
            "dssim": w.dssim * losses.weighted_dssim(painted.rgb, target, focus),
            "edge": w.edge * losses.weighted_edge(painted.rgb, target, focus),
            "mask": w.mask * losses.mask_supervision(painted.logit, share.hull_B1HW),
            "variation": w.mask_variation * losses.total_variation(torch.sigmoid(painted.logit)),
        }

    def _judged(self, side: Side, share: SideBatch) -> Tensor:
        """The result within the hull, the target around it: a discriminator that saw the bent
        surroundings would teach the decoder to paint ears and hair beyond its mask."""
        hull = share.hull_B1HW
        return hull * self._painted[side].result + (1 - hull) * share.target_BCHW

    def _fooling(self, side: Side, share: SideBatch) -> Tensor:
        net = self.discriminators[side]
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        score = net(torch.cat([self._judged(side, share), share.warped_BCHW], dim=1))
        for parameter in net.parameters():
            parameter.requires_grad_(True)
        return self.config.weights.adversarial * losses.least_squares(score, 1.0)

    def _critique(self, batch: Batch) -> dict[str, Tensor]:
        """The frozen face net's opinion of a few faces: reconstruction and swap."""
        w = self.config.weights
        count = min(self.config.schedule.critic_faces, len(batch.a.target_BCHW))
        images, targets, swapped = [], [], []
        for side, other, share in zip(SIDES, SIDES[::-1], batch.sides, strict=True):
            hull = share.hull_B1HW[:count]
            rgb, target = self._painted[side].rgb[:count], share.target_BCHW[:count]
            images.append(hull * rgb + (1 - hull) * target)
            targets.append(target)
            painted, _ = self.generator.decode(self._codes[side][:count], other)
            swapped.append(hull * painted.float() + (1 - hull) * target)
        with torch.no_grad():
            wanted = self.critic(torch.cat(targets))
        found = self.critic(torch.cat(images + (swapped if self.identities is not None else [])))
        own = 2 * count
        terms = {
            "features": w.features
            * losses.feature_distance([f[:own] for f in found.maps], wanted.maps, (1.0, 1.0, 1.0)),
            "identity": w.identity
            * losses.identity_distance(found.embedding[:own], wanted.embedding),
        }
        if self.identities is not None:
            swapped_to = self.identities.flip(0).repeat_interleave(count, dim=0)
            swapped_as = found.embedding[own:]
            distance = losses.identity_distance(swapped_as, swapped_to, _OWN_SPREAD)
            terms["swap_identity"] = w.swap_identity * distance
            terms["swap_cosine"] = 1 - losses.identity_distance(swapped_as.detach(), swapped_to)
        return terms


def _beta(concentration: float, count: int, moment: Moment) -> Tensor:
    """Beta(c, c) shares (count,), from the step's own generator, as a ratio of gammas."""
    shape = torch.full((count, 2), concentration)
    gammas = torch._standard_gamma(shape, generator=moment.generator).clamp_min(1e-30)
    return gammas[:, 0] / gammas.sum(dim=1)


def _add(terms: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    for name, value in found.items():
        terms[name] = terms[name] + value if name in terms else value
