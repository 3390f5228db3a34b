"""Inputs that are first painted as the other person, and are to be turned back into what they were.

A pair's own pictures teach it to restore its people, not to swap them. An input that is painted as
the other person shows them in one's own place, light and mood, and its exact answer is there: the
picture itself (docs/decisions/0040).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from faceloom.data.augment import noise_like
from faceloom.data.batches import SideBatch, step_generator
from faceloom.models.base import SIDES, Moment, Side, other_side
from faceloom.models.pair import PairGenerator
from faceloom.models.parts import settled
from faceloom.nets.generators import Encoded


@dataclass(frozen=True)
class Returned:
    """Who paints them, and which share of a side's faces, from which share of the run on: the last
    ones of a batch."""

    painter: PairGenerator
    share: float
    start: float
    noise: float = 0.03
    """The deviation of the noise on a painted input is anything up to this, in [-1, 1] units: a
    decoder that knows clean inputs alone paints coloured specks from footage."""

    def by(self, painter: PairGenerator, trust: float) -> Returned:
        """Painted by this one, who is trusted so far, 0 to 1: up to half as many more are."""
        return replace(self, painter=painter, share=min(1.0, self.share * (1 + trust / 2)))

    def count(self, faces: int, moment: Moment) -> int:
        """How many of so many faces."""
        return round(self.share * faces) if moment.progress >= self.start else 0

    @torch.no_grad()
    def laid_out(self, side: Side, share: SideBatch, moment: Moment) -> SideBatch:
        """A side's share with these inputs as the other person, in the target's place and
        surroundings."""
        count = self.count(len(share.target_BCHW), moment)
        if not count:
            return share
        kept, last = slice(-count), share.part(slice(-count, None))
        painter = settled(self.painter, last.target_BCHW.device)
        read = painter.read(last.target_BCHW)
        rgb, logit = painter.decode(read, other_side(side), last.other_person())
        share_B1HW = last.hull_B1HW * torch.sigmoid(logit.float())
        painted = torch.lerp(last.target_BCHW, rgb.float(), share_B1HW)
        # Of its own for every side and step, so that it hangs on nothing that is drawn before.
        painted = self._as_filmed(painted, step_generator(SIDES.index(side), moment.step))
        warped = torch.cat([share.warped_BCHW[kept], painted])
        drawn, straight = share.drawn_B1HW, last.drawn_target_B1HW
        if drawn is not None and straight is not None:
            drawn = torch.cat([drawn[kept], straight])
        return replace(share, warped_BCHW=warped, drawn_B1HW=drawn)

    def _as_filmed(self, images_BCHW: Tensor, generator: Generator) -> Tensor:
        """With some camera's noise, which a painted picture does not have."""
        level = torch.rand(len(images_BCHW), 1, 1, 1, generator=generator) * self.noise
        noise = noise_like(images_BCHW, generator).to(images_BCHW)
        return torch.addcmul(images_BCHW, noise, level.to(images_BCHW)).clamp_(-1, 1)

    def known(self, read: Encoded, moment: Moment) -> Encoded:
        """What a pair restores its faces from: codes alone, and of these inputs the maps, too, as
        there is nothing to copy."""
        faces = len(read.code_BD)
        count = self.count(faces, moment)
        if not count or not read.skips:
            return read.alone
        place_B = torch.arange(faces, device=read.code_BD.device)
        return Encoded(read.code_BD, read.skips_of(place_B >= faces - count))
