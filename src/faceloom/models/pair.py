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
from faceloom.faces.face import Patch
from faceloom.models.base import SIDES, Side, SwapNet
from faceloom.models.parts import Painted
from faceloom.nets.generators import Decoder, Encoder, GeneratorShape

IDENTITY_SIZE = 512
"""Of the identity vectors that face sets hold."""
TOLD_SCALE = IDENTITY_SIZE**0.5
"""Takes their values from length 1 to about 1 each, so that what is made of them learns as fast as
the rest."""


class PairGenerator(SwapNet):
    """The shared encoder and both decoders: all that conversion needs."""

    def __init__(self, shape: GeneratorShape, coverage: float = 1.0) -> None:
        super().__init__()
        self.size_px = shape.size_px
        self.coverage = coverage
        self.encoder = self._encoder(shape)
        self._add_decoders(shape)

    def _encoder(self, shape: GeneratorShape) -> Encoder:
        return Encoder(shape)

    def _add_decoders(self, shape: GeneratorShape) -> None:
        self.decoders = nn.ModuleDict({side: Decoder(shape) for side in SIDES})

    def meaning(self) -> tuple[nn.Parameter, ...]:
        """The weights that say what codes mean: the encoder's and the decoders' first map's."""
        maps = [d.enter for d in self.modules() if isinstance(d, Decoder)]
        return *self.encoder.parameters(), *(cast("nn.Parameter", m.weight) for m in maps)

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.encoder(x_BCHW)

    def decode(self, code_BD: Tensor, to: Side) -> tuple[Tensor, Tensor]:
        """Colour in [-1, 1] and alpha logits."""
        return self.decoders[to](code_BD)

    def swap(self, x_BCHW: Tensor, to: Side) -> Patch:
        rgb_BCHW, logit_B1HW = self.decode(self.encode(x_BCHW), to)
        return Patch(rgb_BCHW.float(), torch.sigmoid(logit_B1HW.float()))


class Trunk(PairGenerator):
    """One encoder and one decoder for everybody: what a pair starts from.

    The decoder is told whose face to paint: the identity vector, through a linear map, is added to
    the values that the code becomes first. For one person that is a bias, so a pair's decoder takes
    it up as its own (`train.warm_start`). Not told, it paints the person of `usual_E`.
    """

    usual_E: Tensor

    def _add_decoders(self, shape: GeneratorShape) -> None:
        self.decoder = Decoder(shape)
        self.told = nn.Linear(IDENTITY_SIZE, self.decoder.enter.out_features, bias=False)
        nn.init.normal_(self.told.weight, std=0.01)
        self.register_buffer("usual_E", torch.zeros(IDENTITY_SIZE))

    def decode(self, code_BD: Tensor, to: Side) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        return self.decode_as(code_BD, self.usual_E.expand(len(code_BD), -1))

    def decode_as(self, code_BD: Tensor, identity_BE: Tensor) -> tuple[Tensor, Tensor]:
        """Colour and alpha logits, each face as the person of its identity vector."""
        return self.decoder(code_BD, self.told(identity_BE * TOLD_SCALE))


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
