"""What a pair's swaps are held to: those of the trunk that it started from.

A pair's own pictures say how each of its people looks, and nothing of what becomes of one laid over
the other. The trunk has learned that from exact answers, and training forgets it: eyes grow as dark
as they are in pictures of a darker place, features go where the person's own pictures have them.
So swaps stay near the trunk's in what is coarse, as a network that learns a new task stays near its
answers to an old one (Li & Hoiem 2016, "Learning without Forgetting", arXiv:1606.09282); what is
fine is free. How near, is a matter of trust: the trunk knows some people better than others
(`train.trust`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom import losses
from faceloom.data.batches import SideBatch
from faceloom.models.base import Side, other_side
from faceloom.models.pair import PairGenerator
from faceloom.models.parts import settled
from faceloom.nets.generators import Encoded

CELLS = 8
"""Places a side over which pictures are averaged before they are compared."""


class Hold:
    """A generator that does not learn, and how far it is trusted, above 0 to 1."""

    def __init__(self, trunk: PairGenerator, trust: float) -> None:
        self._trunk = trunk
        self.trust = trust

    def __call__(
        self, generator: PairGenerator, side: Side, share: SideBatch, read: Encoded
    ) -> Tensor:
        """The trust times the L1 between both generators' swaps of a side's faces, averaged over
        cells, within the hull; `read` is what the learning one has read of them."""
        to = other_side(side)
        reference = share.other_person()
        swapped, _ = generator.decode(read, to, reference)
        with torch.no_grad():
            trunk = settled(self._trunk, read.code_BD.device)
            known = trunk.read(share.warped_BCHW)
            wanted, _ = trunk.decode(known, to, reference)
        cells = (
            F.adaptive_avg_pool2d(picture, CELLS)
            for picture in (swapped.float(), wanted.float(), share.hull_B1HW)
        )
        return self.trust * losses.weighted_l1(*cells)
