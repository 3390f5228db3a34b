"""What is seen of a swap without any network.

There is no answer to a pair's swap; but its mask is known, and so are colours that it cannot have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from faceloom import losses
from faceloom.data.batches import SideBatch


class Swap(NamedTuple):
    """Faces of a side painted as the other person, of whom there are other pictures."""

    rgb_BCHW: Tensor
    logit_B1HW: Tensor
    hull_B1HW: Tensor
    """Of the faces that they are laid over."""
    person: SideBatch


def swap_terms(swaps: Sequence[Swap], mask: float, specks: float) -> dict[str, Tensor]:
    """Sums over the sides, each times its weight: `swap_mask`, the hull as alpha; `specks`, what no
    picture of the person has near there."""
    masks, coloured = [], []
    for rgb, logit, hull, person in swaps:
        masks.append(losses.mask_supervision(logit, hull))
        known = losses.extended(person.target_BCHW, person.hull_B1HW)
        coloured.append(losses.specks(rgb, known, hull))
    return {"swap_mask": mask * torch.stack(masks).sum(),
            "specks": specks * torch.stack(coloured).sum()}  # fmt: skip
