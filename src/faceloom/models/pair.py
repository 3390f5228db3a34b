"""One encoder, two decoders that paint colour and alpha: the pair network, and how it restores.

Each decoder learns to restore its own person's face from a bent one; as the encoder is shared, a
code of person A decoded as B gives B's face with A's expression, pose and light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import SideBatch
from faceloom.data.carried import carried, true_shares
from faceloom.data.description import DESCRIPTION_SIZE, IDENTITY_SIZE, LooksSpace
from faceloom.data.movement import COVERAGE, POINTS
from faceloom.data.reference import Gallery
from faceloom.faces.face import Patch
from faceloom.models.base import SIDES, ShownFaces, Side, SwapNet
from faceloom.models.parts import Painted
from faceloom.nets.blocks import Style, styled_weights
from faceloom.nets.generators import Decoder, Encoded, Encoder, GeneratorShape, Told

TOLD_SCALE = IDENTITY_SIZE**0.5
"""Takes their values from length 1 to about 1 each, so that what is made of them learns as fast as
the rest."""
_STYLE_SCALE = 0.1
"""So many values are told that scales of channels would otherwise jump with every step."""


class PairGenerator(SwapNet):
    """The shared encoder and both decoders: all that conversion needs."""

    carried: Tensor | None
    """How far features of swaps are carried on to where exact answers have them (`data.carried`):
    nothing at 0, all the way at 1; None for models that never do."""

    def __init__(
        self,
        shape: GeneratorShape,
        referenced: bool = False,
        skipped: bool = False,
        carried: bool = False,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.size_px = shape.size_px
        self.coverage = 1.0
        self.referenced = referenced
        self.skipped = skipped
        self.register_buffer("carried", torch.zeros(()) if carried else None)
        self.encoder = self._encoder(shape)
        self.galleries = nn.ModuleDict()
        self._add_decoders(shape)

    def _encoder(self, shape: GeneratorShape) -> Encoder:
        return Encoder(shape, skipped=self.skipped)

    def _decoder(self, shape: GeneratorShape) -> Decoder:
        return Decoder(shape, self.referenced, self.skipped)

    def _add_decoders(self, shape: GeneratorShape) -> None:
        self.decoders = nn.ModuleDict({side: self._decoder(shape) for side in SIDES})
        if self.referenced:
            self.galleries.update({side: Gallery(shape.size_px) for side in SIDES})

    @property
    def has_galleries(self) -> bool:
        """Whether it holds pictures of two people."""
        return len(self.galleries) > 0

    def gallery(self, side: Side) -> Gallery:
        """The pictures of a side's person, where decoders are shown any (`referenced`)."""
        return cast("Gallery", self.galleries[side])

    def meaning(self) -> tuple[nn.Parameter, ...]:
        """The weights that say what codes and skipped maps mean: the encoder's, the decoders' first
        map's and those of what they take from skips."""
        decoders = [d for d in self.modules() if isinstance(d, Decoder)]
        first = (cast("nn.Parameter", d.enter.weight) for d in decoders)
        skips = (weight for d in decoders for weight in d.skips.parameters())
        return *self.encoder.parameters(), *first, *skips

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.encoder(x_BCHW)

    def read(self, x_BCHW: Tensor) -> Encoded:
        """What swaps are painted from: the code, and the maps of skip connections if it has any."""
        if not self.skipped:
            return Encoded(self.encode(x_BCHW))
        return self.encoder.read(x_BCHW)

    def decode(
        self, read: Encoded, to: Side, reference_BCHW: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Colour in [-1, 1] and alpha logits of what was read of faces; `reference` is a picture of
        side `to`'s person, laid onto the face (`references`)."""
        return self.decoders[to](read.code_BD, None, reference_BCHW, read.skips)

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        restores = shown is not None and shown.of == to
        read = Encoded(self.encode(x_BCHW)) if restores else self.read(x_BCHW)
        reference, detail = None, None
        if self.referenced and shown is not None:
            reference, detail = self.references(shown, to)
        rgb_BCHW, logit_B1HW = self.decode(read, to, reference)
        rgb_BCHW = rgb_BCHW.float()
        if shown is not None and self._carries(shown, to):
            with torch.autocast(rgb_BCHW.device.type, enabled=False):
                rgb_BCHW = carried(rgb_BCHW, *self._places(shown))
        return Patch(rgb_BCHW, torch.sigmoid(logit_B1HW.float()), detail)

    def _carries(self, shown: ShownFaces, to: Side) -> bool:
        """Whether anything is carried on: of swaps, restored faces have their own features."""
        return self.carried is not None and shown.of != to and float(self.carried) > 0

    def _places(self, shown: ShownFaces) -> tuple[Tensor, Tensor]:
        """Where features are painted on faces of one side as the other's person (B, M, 2), and
        where they are to lie."""
        places = shown.places.widened(COVERAGE)
        moves_M2 = self.gallery(shown.of).moves_N2[POINTS]
        at_BM2 = places.moved(moves_M2)
        if self.carried is None:
            return at_BM2, at_BM2
        further_M1 = self.carried * (true_shares().to(moves_M2.device) - 1)
        return at_BM2, places.moved(moves_M2 * (1 + further_M1))

    def references(self, shown: ShownFaces, to: Side) -> tuple[Tensor, Tensor | None]:
        """For each face the pictures of side `to`'s person who moves most like it, laid onto it;
        and what is finer in them than the decoder paints, if it is wanted."""
        own, other = self.gallery(shown.of), self.gallery(to)
        places = shown.places.widened(COVERAGE)
        fine_px = round(shown.fine * self.size_px)
        # Places are finer than bfloat16.
        with torch.autocast(places.points_BM2.device.type, enabled=False):
            misfit = other.misfit(places, own.mean_N2)
            at, wanted = self._places(shown)
            fine_at = wanted if fine_px and self._carries(shown, to) else None
            return other.lay_nearest(misfit, at, self.size_px, fine_px, fine_at)


class Trunk(PairGenerator):
    """One encoder and one decoder for everybody: what a pair starts from.

    The decoder is told whose face to paint by a description (`data.description`): linear maps of it
    are added to the values that the code becomes first, and scale and move the channels of the
    convolutions. For one person these are but other weights (`decoder_of`), which a pair's decoder
    takes up as its own (`train.warm_start`). Not told, it paints the person of `usual_E`.
    """

    usual_E: Tensor

    def _add_decoders(self, shape: GeneratorShape) -> None:
        self.decoder = self._decoder(shape)
        first = self.decoder.enter.out_features
        self._channels = [conv.out_channels for conv in self.decoder.styled().values()]
        self.looks = LooksSpace()
        self.told = nn.Linear(IDENTITY_SIZE, first, bias=False)
        self.told_looks = nn.Linear(LooksSpace.SIZE, first, bias=False)
        known = IDENTITY_SIZE + LooksSpace.SIZE
        self.told_styles = nn.Linear(known, 2 * sum(self._channels), bias=False)
        nn.init.normal_(self.told.weight, std=0.01)
        for later in (self.told_looks, self.told_styles):
            nn.init.zeros_(later.weight)
        self.register_buffer("usual_E", torch.zeros(DESCRIPTION_SIZE))

    @torch.no_grad()
    def meet(self, people_PE: Tensor) -> None:
        """Before training: who the usual person is, and what people differ in, unless it is known
        from an earlier training."""
        self.usual_E.copy_(people_PE.mean(dim=0))
        if not self.looks.fitted:
            self.looks.fit(people_PE)

    def decode(
        self,
        read: Encoded,
        to: Side,  # noqa: ARG002
        reference_BCHW: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        usual_BE = self.usual_E.expand(len(read.code_BD), -1)
        return self.decode_as(read, usual_BE, None, reference_BCHW)

    def references(
        self,
        shown: ShownFaces,
        to: Side,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor | None]:
        """The usual person has no pictures."""
        size_px = self.size_px
        return shown.places.points_BM2.new_zeros(len(shown.places), 3, size_px, size_px), None

    def decode_as(
        self,
        read: Encoded,
        person_BE: Tensor,
        doubt: Doubt | None = None,
        reference_BCHW: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Colour and alpha logits, each face as the person of its description."""
        told = self._tell(person_BE, doubt)
        return self.decoder(read.code_BD, told, reference_BCHW, read.skips)

    @torch.no_grad()
    def decoder_of(self, person_E: Tensor) -> dict[str, Tensor]:
        """The weights of a decoder that always paints this person."""
        told = self._tell(person_E[None])
        weights = self.decoder.state_dict()
        weights["enter.bias"] = weights["enter.bias"] + told.first_BE[0]
        styled = zip(self.decoder.styled().items(), told.styles, strict=True)
        for (name, conv), (gain_1C, shift_1C) in styled:
            weight, bias = styled_weights(conv, gain_1C[0], shift_1C[0])
            weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
        return weights

    def _tell(self, person_BE: Tensor, doubt: Doubt | None = None) -> Told:
        identity_BD, looks_BK = person_BE[:, :IDENTITY_SIZE], self.looks(person_BE)
        if doubt is not None:
            usual = self.usual_E[:IDENTITY_SIZE].expand_as(identity_BD)
            identity_BD = torch.where(doubt.untold_B1, usual, identity_BD + doubt.identity_BD)
            looks_BK = looks_BK + doubt.looks_BK
        identity_BD = identity_BD * TOLD_SCALE
        first_BE = self.told(identity_BD) + self.told_looks(looks_BK)
        known_BE = torch.cat([identity_BD, looks_BK], dim=1) * _STYLE_SCALE
        gains, shifts = self.told_styles(known_BE).chunk(2, dim=1)
        parts = (values.split(self._channels, dim=1) for values in (gains, shifts))
        return Told(first_BE, tuple(Style(*style) for style in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Doubt:
    """What makes descriptions uncertain while a trunk learns, so that it does not know everybody by
    their number."""

    untold_B1: Tensor
    """Whose identity is kept from it, as bool."""
    identity_BD: Tensor
    looks_BK: Tensor
    """What is added to both."""


@dataclass(frozen=True)
class ReconstructionWeights:
    """The weight of every term of `reconstruction_terms`."""

    background: float = 0.2
    """Weight of a pixel outside the hull, where skin is carried on; one inside has 1."""
    eyes: float = 12.0
    mouth: float = 8.0
    l1: float = 1.0
    dssim: float = 0.8
    edge: float = 0.5
    mask: float = 0.1
    mask_variation: float = 0.02


def reconstruction_terms(
    painted: Painted, share: SideBatch, w: ReconstructionWeights, target: Tensor | None = None
) -> dict[str, Tensor]:
    """How well a side's faces are restored, weights applied; `target` is the face carried on beyond
    its outline, made here if not given. Terms of the mask are left out where there is none."""
    focus = losses.part_weight(
        share.hull_B1HW, share.eyes_B1HW, share.mouth_B1HW, w.background, w.eyes, w.mouth
    )
    if target is None:
        target = losses.extended(share.target_BCHW, share.hull_B1HW)
    terms = {
        "l1": w.l1 * losses.weighted_l1(painted.rgb, target, focus),
        "dssim": w.dssim * losses.weighted_dssim(painted.rgb, target, focus),
        "edge": w.edge * losses.weighted_edge(painted.rgb, target, focus),
    }
    if painted.logit is not None:
        terms["mask"] = w.mask * losses.mask_supervision(painted.logit, share.hull_B1HW)
        terms["variation"] = w.mask_variation * losses.total_variation(painted.alpha)
    return terms
