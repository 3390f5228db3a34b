"""One encoder, two decoders that paint colour and alpha: the pair network, and how it restores.

Each decoder learns to restore its own person's face from a bent one; as the encoder is shared, a
code of person A decoded as B gives B's face with A's expression, pose and light.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faceloom import losses
from faceloom.data.batches import SideBatch
from faceloom.faces.face import Patch
from faceloom.models.base import SIDES, Side, SwapNet
from faceloom.models.parts import Painted
from faceloom.nets.generators import Decoder, Encoder, GeneratorShape


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

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return self.encoder(x_BCHW)

    def decode(self, code_BD: Tensor, to: Side) -> tuple[Tensor, Tensor]:
        """Colour in [-1, 1] and alpha logits."""
        return self.decoders[to](code_BD)

    def swap(self, x_BCHW: Tensor, to: Side) -> Patch:
        rgb_BCHW, logit_B1HW = self.decode(self.encode(x_BCHW), to)
        return Patch(rgb_BCHW.float(), torch.sigmoid(logit_B1HW.float()))


class Trunk(PairGenerator):
    """One encoder and one decoder for everybody: it restores any face, and swaps none. What it has
    learned is where a pair starts from."""

    def _add_decoders(self, shape: GeneratorShape) -> None:
        self.decoder = Decoder(shape)

    def decode(self, code_BD: Tensor, to: Side) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        return self.decoder(code_BD)


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
