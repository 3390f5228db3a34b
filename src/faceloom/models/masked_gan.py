"""The masked pair model: one encoder, two decoders that paint colour and alpha, two discriminators.

The method of faceswap-GAN (2018), rebuilt for CPUs: result = alpha * colour + (1 - alpha) * input.
Each decoder learns to restore its own person's face from a bent one; as the encoder is shared, a
code of person A decoded as B gives B's face with A's expression, pose and light.

Schedule: reconstruction from the start; discriminators, identity and features once it stands.
With `landmarks` the encoder is also given the mesh's drawing (`landmarked`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import Batch, SideBatch
from faceloom.data.description import IDENTITY_SIZE, LooksSpace
from faceloom.models.base import SIDES, Moment, Phase, Side, other_side
from faceloom.models.hold import Hold
from faceloom.models.landmarked import (
    LandmarkPair,
    Landmarks,
    landmark_term,
    mesh_distance,
    with_landmarks,
)
from faceloom.models.pair import (
    Doubt,
    PairGenerator,
    ReconstructionWeights,
    Trunk,
    reconstruction_terms,
)
from faceloom.models.parts import NetLearner, Painted, add_terms, beta_shares, composite, frozen
from faceloom.models.returned import Returned
from faceloom.models.swapped import Swap, swap_terms
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.features import FaceCritic, MeshCritic
from faceloom.nets.generators import Encoded, GeneratorShape, LandmarkHead

_SEEN = 0.9
"""Of the faces that are painted from the other's code, how many have skips beside it."""
_OWN_SPREAD = 0.2
"""Pictures of one person are about this far from their mean; to come nearer is to fool the net."""


@dataclass(frozen=True)
class LossWeights(ReconstructionWeights):
    """The weight of every term; those of the frozen critic hold for one face of the batch share."""

    adversarial: float = 0.05
    identity: float = 0.1
    swap_identity: float = 0.1
    swap_mask: float = 0.4
    """Supervision of a swap's alpha by the hull of the face it is laid over: what covers a face or
    is its own hair belongs to the footage, and the other person's pictures do not show it."""
    specks: float = 20.0
    """Coloured specks of a pair's swaps, beyond those that the person's pictures have near there;
    no picture says what a swap of a head turned as none of them is must not show."""
    features: float = 0.3
    hold: float = 0.5
    """Swaps, averaged over `hold.CELLS` places a side, stay near those of the trunk that the pair
    started from, times the trust in it (`hold_to`); 0 leaves it out."""
    mesh: float = 0.0
    """Landmarks of the painted face where the mesh network sees the target's; those of the swap
    move as the footage's do. 0 leaves it out."""


@dataclass(frozen=True)
class Schedule:
    """When, as shares of the whole run, and how often the later terms act."""

    adversarial_start: float = 0.4
    adversarial_every: int = 2
    """Steps from one turn of both players to the next; the generator's term counts for all."""
    critic_start: float = 0.25
    critic_every: int = 8
    critic_faces: int = 4
    """Faces of each side that the frozen critic sees; it costs more than the model itself."""
    hold_every: int = 4
    """Steps from one look at what the trunk paints to the next, at as many faces; the term counts
    for all."""


@dataclass(frozen=True)
class MaskedGanConfig:
    """What fixes a masked pair model."""

    shape: GeneratorShape
    discriminator_width: int = 48
    discriminator_rate: float = 0.5
    """Factor on the generator's learning rate."""
    known_rate: float | None = None
    """Factor on it of the encoder and of the decoders' first map: what codes mean. A trunk knows
    that from exact answers, and two persons' pictures would part it: None is .1 for a pair that
    starts from the shipped trunk, else 1. At 0 nothing is computed for them."""
    weights: LossWeights = field(default_factory=LossWeights)
    schedule: Schedule = field(default_factory=Schedule)
    decoders: Literal[1, 2] = 2
    """1: one decoder for everybody, told whose face to paint: a trunk for pairs to start from
    (`train.warm_start`)."""
    answered: float = 0.0
    """Share of faces that a trunk paints from the other side's code, where both sides show the same
    moment (`data.aligned`): the target is then the exact answer of a swap."""
    identity_noise: float = 0.02
    """Deviation of each value of the identity vectors that a trunk is told; they have length 1."""
    looks_noise: float = 0.3
    """The same of shape and colouring (`data.description`), whose values have a deviation of 1."""
    untold: float = 0.5
    """Share of faces whose identity vector is kept from a trunk: so it learns from the looks."""
    returned: float | None = None
    """Share of the inputs that are first painted as the other person, by the trunk that the pair
    started from, else by the present decoders, and are to be turned back: each decoder meets codes,
    and maps, of the other's faces with a known answer. Where the trunk is wholly trusted
    (`train.trust`), it is half as much again. None is .5 for a pair that starts from the shipped
    trunk and sees what it swaps, else 0."""
    returned_start: float = 0.0
    """From which share of the run on."""
    referenced: bool = False
    """Decoders are shown another picture of the person they paint, laid onto the face
    (`data.reference`)."""
    skipped: bool = False
    """Swaps are painted from the encoder's maps, too (skip connections), by which a trunk that
    learns from answers knows better where things lie. Restored faces are not: they would be
    copied."""
    carried: bool | None = None
    """Whether the features of swaps that references are laid onto are carried on to where exact
    answers have them (`data.carried`), as far as the trunk is trusted. None is whether inputs are
    returned: for such pairs it is known how far that is."""
    only_references: bool = False
    """Of the generator only what reads references learns, the rest stays as it is."""
    landmarks: Landmarks | None = None
    learner: Literal["masked_gan"] = "masked_gan"


class Met(NamedTuple):
    """A side's faces as the generator met and painted them, for whoever judges them."""

    share: SideBatch
    read: Encoded
    painted: Painted


class MaskedGan(NetLearner[PairGenerator]):
    """The learner. `identities` are both sides' mean identity vectors (2, 512), for the swap's
    identity loss; None, or one decoder for all, leaves that term out."""

    def __init__(self, config: MaskedGanConfig, identities: Tensor | None = None) -> None:
        generator = self.make_generator(config)
        width, stem = config.discriminator_width, config.shape.stem
        self.discriminators = nn.ModuleDict(
            {side: PatchDiscriminator(width, stem) for side in SIDES}
        )
        helpers: dict[str, nn.Module] = {"discriminators": self.discriminators}
        self.landmark_head: LandmarkHead | None = None
        if config.landmarks is not None and config.landmarks.weight:
            helpers["landmark_head"] = self.landmark_head = LandmarkHead(config.shape)
        super().__init__(generator, **helpers)
        self.config = config
        self._rivals = Phase(
            "discriminator",
            (self.discriminators,),
            tuple(partial(self._rival_loss, side) for side in SIDES),
            lr=config.discriminator_rate,
            start=config.schedule.adversarial_start,
            every=config.schedule.adversarial_every,
            adversary=True,
        )
        self._known_rate = 1.0 if config.known_rate is None else config.known_rate
        if self._known_rate == 0:
            for parameter in generator.meaning():
                parameter.requires_grad_(False)
        if config.only_references:
            for name, parameter in generator.named_parameters():
                parameter.requires_grad_(".reference." in name)
        self.critic = FaceCritic(config.shape.size_px, 1.0)
        self.mesh_critic = MeshCritic(config.shape.size_px, 1.0) if config.weights.mesh else None
        self.identities = identities if config.decoders == len(SIDES) else None
        self._hold: Hold | None = None
        self._returned = Returned(generator, config.returned or 0.0, config.returned_start)
        self._met: dict[Side, Met] = {}

    def hold_to(self, trunk: PairGenerator, trust: float) -> None:
        """From now on keep swaps near this generator's as far as it is trusted, 0 to 1, and have it
        paint the inputs that are returned. For models whose sides are computed apart."""
        trunk.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._returned = self._returned.by(trunk, trust)
        self._hold = Hold(trunk, trust) if trust > 0 else None

    @property
    def _sides_are_apart(self) -> bool:
        """Whether a side's loss needs nothing of the other's faces."""
        return self.config.decoders == len(SIDES) and self.config.landmarks is None

    @staticmethod
    def make_generator(config: MaskedGanConfig) -> PairGenerator:
        """The network that conversion uses."""
        if config.decoders == 1:
            return Trunk(config.shape, config.referenced, config.skipped)
        if config.landmarks is not None:
            return LandmarkPair(config.shape, config.landmarks.kind)
        carried = config.referenced and bool(config.carried)
        return PairGenerator(config.shape, config.referenced, config.skipped, carried)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(
                "generator",
                (self.generator,)
                if self.landmark_head is None
                else (self.generator, self.landmark_head),
                tuple(partial(self._side_loss, side) for side in SIDES)
                if self._sides_are_apart
                else self.generator_loss,
                observed=frozenset({"swap_cosine"}),
                slowed=((self.generator.meaning(), self._known_rate),),
            ),
            self._rivals,
        )

    def generator_loss(self, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Reconstruction of both sides, and from their starting points on the later terms."""
        landmarks = self.config.landmarks
        shares = zip(SIDES, batch.sides, strict=True)
        batch = Batch(batch.step, *(self._returned.laid_out(*of, moment) for of in shares))
        if landmarks is None:
            seen = torch.cat([batch.a.warped_BCHW, batch.b.warped_BCHW])
        else:
            seen = with_landmarks(batch, landmarks, moment)
        read = self.generator.read(seen)
        terms: dict[str, Tensor] = {}
        if landmarks is not None and self.landmark_head is not None:
            terms = landmark_term(self.landmark_head, read.code_BD, batch, landmarks)
        given = self._given(read, batch.a.own_answer_B, moment)
        for side, share, known in zip(SIDES, batch.sides, given, strict=True):
            add_terms(terms, self._restoring(side, share, known, moment))
        add_terms(terms, self._critique(SIDES, batch, moment))
        return terms

    def _side_loss(self, side: Side, batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """One side's part of it, for decoders and codes of its own."""
        share = self._returned.laid_out(side, batch.a if side == "a" else batch.b, moment)
        read = self.generator.read(share.warped_BCHW)
        terms = self._restoring(side, share, read, moment)
        add_terms(terms, self._critique((side,), batch, moment))
        add_terms(terms, self._holding(side, moment))
        return terms

    def _holding(self, side: Side, moment: Moment) -> dict[str, Tensor]:
        """How far swaps of a few faces have gone from what the trunk makes of them, on their
        turn."""
        schedule = self.config.schedule
        weight = self.config.weights.hold * schedule.hold_every
        if self._hold is None or not weight or moment.step % schedule.hold_every:
            return {}
        met = self._met[side]
        share = met.share.part(slice(schedule.critic_faces))
        read = met.read.part(slice(schedule.critic_faces))
        return {"hold": weight * self._hold(self.generator, side, share, read)}

    def _restoring(
        self, side: Side, share: SideBatch, read: Encoded, moment: Moment
    ) -> dict[str, Tensor]:
        """A side's faces painted from their codes, and what that costs. A pair's own are restored
        without skips; of a trunk's, those that are answers have them already."""
        rgb, logit = self._decode(read, side, share, moment)
        painted = composite(rgb, logit, share.warped_BCHW)
        self._met[side] = Met(share, read, painted)
        terms = self._reconstruction(painted, share)
        if self._rivals.active(moment):
            terms["adversarial"] = self._fooling(side)
        return terms

    def _rival_loss(self, side: Side, _batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """Mixup least squares: D(share * real + (1 - share) * fake) -> share, Beta(.2, .2)."""
        share = self._met[side].share
        count = len(share.target_BCHW)
        mix_B = beta_shares(0.2, count, moment).to(share.target_BCHW.device)
        mixed = losses.mixup(share.target_BCHW, self._judged(side).detach(), mix_B)
        score = self.discriminators[side](torch.cat([mixed, share.warped_BCHW], dim=1))
        return {"discriminator": losses.least_squares(score, mix_B.view(-1, 1, 1, 1))}

    def _given(
        self, read: Encoded, own_answer_B: Tensor | None, moment: Moment
    ) -> tuple[Encoded, ...]:
        """What each side's decoder is given: its own, or by chance the other's. Skips go with the
        other's, mostly, and never with its own, nor with a picture that is its own answer."""
        parts = (tensor.chunk(2) for tensor in (read.code_BD, *read.skips))
        sides = tuple(Encoded(code, tuple(maps)) for code, *maps in zip(*parts, strict=True))
        if self.config.decoders == len(SIDES):
            return sides  # Of these `Returned.known` takes what it needs.
        if not self.config.answered:
            return tuple(side.alone for side in sides)
        chance_B = torch.rand(len(sides[0].code_BD), generator=moment.generator)
        other_B = (chance_B < self.config.answered).to(read.code_BD.device)
        seen_B = (chance_B < _SEEN * self.config.answered).to(read.code_BD.device)
        if own_answer_B is not None:
            seen_B = seen_B & ~own_answer_B
        return tuple(
            Encoded(
                torch.where(other_B.unsqueeze(1), theirs.code_BD, own.code_BD),
                theirs.skips_of(seen_B),
            )
            for own, theirs in zip(sides, sides[::-1], strict=True)
        )

    def _decode(
        self, read: Encoded, side: Side, share: SideBatch, moment: Moment
    ) -> tuple[Tensor, Tensor]:
        known, reference = share.person_BE, share.reference_BCHW
        if not isinstance(self.generator, Trunk):
            return self.generator.decode(self._returned.known(read, moment), side, reference)
        if known is None:
            return self.generator.decode(read, side, reference)
        doubt = self._doubt(known, moment)
        return self.generator.decode_as(read, known, doubt, reference)

    def _doubt(self, known_BE: Tensor, moment: Moment) -> Doubt:
        count, generator = len(known_BE), moment.generator
        untold = torch.rand(count, 1, generator=generator) < self.config.untold
        identity = torch.randn(count, IDENTITY_SIZE, generator=generator)
        looks = torch.randn(count, LooksSpace.SIZE, generator=generator)
        noises = (self.config.identity_noise * identity, self.config.looks_noise * looks)
        return Doubt(*(tensor.to(known_BE.device) for tensor in (untold, *noises)))

    def _reconstruction(self, painted: Painted, share: SideBatch) -> dict[str, Tensor]:
        return reconstruction_terms(painted, share, self.config.weights)

    def _judged(self, side: Side) -> Tensor:
        """The result within the hull, the target around it: a discriminator that saw the bent
        surroundings would teach the decoder to paint ears and hair beyond its mask."""
        met = self._met[side]
        return torch.lerp(met.share.target_BCHW, met.painted.result, met.share.hull_B1HW)

    def _fooling(self, side: Side) -> Tensor:
        seen = torch.cat([self._judged(side), self._met[side].share.warped_BCHW], dim=1)
        with frozen(self.discriminators[side]) as net:
            score = net(seen)
        weight = self.config.weights.adversarial * self.config.schedule.adversarial_every
        return weight * losses.least_squares(score, 1.0)

    def _critique(self, sides: tuple[Side, ...], batch: Batch, moment: Moment) -> dict[str, Tensor]:
        """The frozen nets' opinion of a few faces, on their turn: reconstruction and swap. Terms
        are means over both sides, or those sides' part of them."""
        schedule, w = self.config.schedule, self.config.weights
        if moment.progress < schedule.critic_start or moment.step % schedule.critic_every:
            return {}
        images, targets, swapped = [], [], []
        swaps: list[Swap] = []
        for side in sides:
            met = self._met[side]
            share = met.share.part(slice(schedule.critic_faces))
            count, hull, target = len(share.hull_B1HW), share.hull_B1HW, share.target_BCHW
            images.append(torch.lerp(target, met.painted.rgb[:count], hull))
            targets.append(target)
            read = met.read.part(slice(count))
            painted, logit = self.generator.decode(read, other_side(side), share.other_person())
            swapped.append(torch.lerp(target, painted.float(), hull))
            theirs = batch.b if side == "a" else batch.a
            swaps.append(Swap(painted.float(), logit, hull, theirs))
        part = len(sides) / len(SIDES)
        with torch.no_grad():
            wanted = self.critic(torch.cat(targets))
        found = self.critic(torch.cat(images + (swapped if self.identities is not None else [])))
        own = len(wanted.embedding)
        terms = {
            "features": w.features
            * losses.feature_distance([f[:own] for f in found.maps], wanted.maps, (1.0, 1.0, 1.0)),
            "identity": w.identity
            * losses.identity_distance(found.embedding[:own], wanted.embedding),
        }
        if self.identities is not None:
            rows = [SIDES.index(other_side(side)) for side in sides]
            swapped_to = self.identities.to(targets[0].device)[rows]
            swapped_to = swapped_to.repeat_interleave(own // len(sides), dim=0)
            swapped_as = found.embedding[own:]
            distance = losses.identity_distance(swapped_as, swapped_to, _OWN_SPREAD)
            terms["swap_identity"] = w.swap_identity * distance
            terms["swap_cosine"] = 1 - losses.identity_distance(swapped_as.detach(), swapped_to)
        if self.mesh_critic is not None:
            terms["mesh"] = w.mesh * mesh_distance(self.mesh_critic, images, swapped, targets)
        terms = {name: part * term for name, term in terms.items()}
        if self.identities is not None:
            terms |= swap_terms(swaps, w.swap_mask, w.specks)
        return terms
